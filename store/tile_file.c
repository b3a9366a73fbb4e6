#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "photod/base/log.h"
#include "store/merkle.h"
#include "store/tile_file.h"

/* Adds N with all groups of three digits but the last marked by an x. */
static void add_number(char *path, uint64_t n)
{
    uint64_t group = 1;

    while (n / group >= 1000)
        group *= 1000;
    for (; group > 1; group /= 1000)
        path += sprintf(path, "x%03u/", (unsigned)(n / group % 1000));
    (void)sprintf(path, "%03u", (unsigned)(n % 1000));
}

void tile_path(char path[static TILE_PATH_MAX], unsigned level, uint64_t tile, unsigned width)
{
    char *end = path;

    if (level == TILE_ENTRIES)
        end += sprintf(end, "tile/entries/");
    else
        end += sprintf(end, "tile/%u/", level);
    add_number(end, tile);
    if (width < MERKLE_TILE)
        (void)sprintf(path + strlen(path), ".p/%u", width);
}

static enum err fail(const char *doing, const char *path)
{
    enum err e = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;

    log_errno("log files: cannot %s %s", doing, path);
    return e;
}

static enum err make_directories(int dir_fd, const char *path)
{
    char part[TILE_PATH_MAX];

    (void)snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdirat(dir_fd, part, 0755) && errno != EEXIST)
            return fail("make the directory", part);
        *slash = '/';
    }
    return OK;
}

static enum err write_all(int fd, const char *path, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    while (len) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno != EINTR)
            return fail("write", path);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return OK;
}

static enum err open_file(int *out, int dir_fd, const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, path, flags, 0644);

    if (fd < 0 && errno == ENOENT) {
        TRY(make_directories(dir_fd, path));
        fd = openat(dir_fd, path, flags, 0644);
    }
    if (fd < 0)
        return fail("make", path);
    *out = fd;
    return OK;
}

/* Cuts the file after writing, not before: a file cut to nothing is flushed by ext4 when it is closed. */
enum err tile_file_write(int dir_fd, const char *path, const void *bytes, size_t len)
{
    CLEANUP(fd) int fd = -1;
    struct stat st;

    TRY(open_file(&fd, dir_fd, path));
    TRY(write_all(fd, path, bytes, len));
    if (fstat(fd, &st) || ((size_t)st.st_size > len && ftruncate(fd, (off_t)len)))
        return fail("cut", path);
    return OK;
}

enum err tile_file_replace(int dir_fd, const char *path, const char *by_way_of, const void *bytes, size_t len)
{
    TRY(tile_file_write(dir_fd, by_way_of, bytes, len));
    if (!renameat(dir_fd, by_way_of, dir_fd, path))
        return OK;
    if (errno != ENOENT)
        return fail("put in place", path);
    TRY(make_directories(dir_fd, path));
    return renameat(dir_fd, by_way_of, dir_fd, path) ? fail("put in place", path) : OK;
}

enum err tile_file_remove(int dir_fd, const char *path)
{
    return unlinkat(dir_fd, path, 0) && errno != ENOENT ? fail("remove", path) : OK;
}

static enum err read_whole(int fd, const char *path, size_t len, struct buf *content)
{
    unsigned char *space;

    TRY(buf_extend(content, len, &space));
    while (len) {
        ssize_t n = read(fd, space, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail("read", path);
        if (n == 0)
            return ERR_MALFORMED; /* cut short meanwhile */
        space += n;
        len -= (size_t)n;
    }
    return OK;
}

enum err tile_file_read(int dir_fd, const char *path, struct buf *content)
{
    CLEANUP(fd) int fd = openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ERR_NOTFOUND;
    if (fd < 0 || fstat(fd, &st))
        return fail("open", path);
    if (!S_ISREG(st.st_mode))
        return ERR_MALFORMED;
    buf_truncate(content, 0);
    return read_whole(fd, path, (size_t)st.st_size, content);
}

static void dir_cleanup(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

static enum err remove_others(DIR *dir, const char *path, const char *keep)
{
    const struct dirent *entry;

    for (errno = 0; (entry = readdir(dir)); errno = 0)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, keep) != 0 &&
            unlinkat(dirfd(dir), entry->d_name, 0))
            return fail("remove a partial of", path);
    return errno ? fail("list", path) : OK;
}

enum err tile_file_prune(int dir_fd, unsigned level, uint64_t tile, unsigned keep)
{
    CLEANUP(fd) int fd = -1;
    CLEANUP(dir) DIR *dir = NULL;
    char path[TILE_PATH_MAX], name[16] = "";

    tile_path(path, level, tile, 0);
    *strrchr(path, '/') = '\0';
    fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? OK : fail("open", path);
    dir = fdopendir(fd);
    if (!dir)
        return fail("list", path);
    (void)TAKE_FD(fd); /* dir's from here on */
    if (keep)
        (void)snprintf(name, sizeof name, "%u", keep);
    TRY(remove_others(dir, path, name));
    return !keep && unlinkat(dir_fd, path, AT_REMOVEDIR) ? fail("remove", path) : OK;
}
