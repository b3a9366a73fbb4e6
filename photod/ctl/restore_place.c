#include "photod/ctl/restore_place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/file.h"

#define USER_VAULT "photod-vault"

static int remove_below(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind;
    return at->level ? remove(path) : 0; /* the directory stays: it is locked */
}

static int clear(const char *path)
{
    return nftw(path, remove_below, 16, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
}

/* Ours, or the vault's already; in a directory like /tmp anybody could have put one there. */
static bool is_ours(const struct restore_place *p, const struct stat *st)
{
    const struct passwd *vault = geteuid() ? NULL : getpwnam(USER_VAULT);
    struct stat named;

    return (st->st_uid == geteuid() || (vault && st->st_uid == vault->pw_uid)) && !(st->st_mode & 077) &&
           !lstat(p->path, &named) && named.st_ino == st->st_ino && named.st_dev == st->st_dev;
}

enum ctl_exit restore_place_open(struct restore_place *p)
{
    CLEANUP(fd) int fd = -1;
    struct stat st;

    if (mkdir(p->path, 0700) && errno != EEXIST)
        return say_fail(CTL_FAILED, "%s: %s", p->path, strerror(errno));
    fd = open(p->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return say_fail(CTL_FAILED, "%s: %s", p->path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB))
        return say_fail(CTL_FAILED, "%s: another restore is building there", p->path);
    if (fstat(fd, &st) || !is_ours(p, &st))
        return say_fail(CTL_FAILED, "%s: it was not made by a restore; remove it", p->path);
    if (clear(p->path))
        return say_fail(CTL_FAILED, "%s: what a killed restore left cannot be removed: %s", p->path,
                        strerror(errno));
    p->lock = TAKE_FD(fd);
    return CTL_OK;
}

enum ctl_exit restore_place_rename(struct restore_place *p, const char *to)
{
    if (fsync(p->lock) || rename(p->path, to))
        return say_fail(CTL_FAILED, "%s: %s", to, strerror(errno));
    (void)close(TAKE_FD(p->lock));
    return file_sync_directory(p->path); /* where both names are; `to` may end in a slash */
}

void restore_place_close(struct restore_place *p)
{
    if (p->lock < 0)
        return;
    (void)clear(p->path);
    (void)rmdir(p->path);
    (void)close(TAKE_FD(p->lock));
}
