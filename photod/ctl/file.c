#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/file.h"

#define SECRET_MAX 4096

/* ERR_IO keeps errno. */
static enum err read_all(struct buf *b, int fd)
{
    unsigned char chunk[65536];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        TRY(buf_append(b, chunk, (size_t)n));
    }
    explicit_bzero(chunk, sizeof chunk);
    return OK;
}

enum ctl_exit file_read(struct buf **out, const char *path, size_t max_bytes)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(buf) struct buf *b = NULL;
    enum err e;

    if (fd < 0)
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    e = buf_new(&b, max_bytes);
    if (!e)
        e = read_all(b, fd);
    if (e == ERR_LIMIT)
        return say_fail(CTL_FAILED, "%s: larger than %zu bytes", path, max_bytes);
    if (e)
        return say_fail(CTL_FAILED, "%s: %s", path, e == ERR_IO ? strerror(errno) : err_name(e));
    *out = TAKE(b);
    return CTL_OK;
}

enum err file_read_at(struct buf **out, int dir_fd, const char *path, size_t max_bytes)
{
    CLEANUP(fd) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    CLEANUP(buf) struct buf *b = NULL;
    struct stat st;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : errno == ELOOP ? ERR_MALFORMED : ERR_IO;
    if (fstat(fd, &st))
        return ERR_IO;
    if (!S_ISREG(st.st_mode))
        return ERR_MALFORMED;
    TRY(buf_new(&b, max_bytes));
    TRY(read_all(b, fd));
    *out = TAKE(b);
    return OK;
}

enum ctl_exit file_create(int *fd, const char *path, mode_t mode)
{
    int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

    if (made < 0 && errno == EEXIST)
        return say_fail(CTL_FAILED, "%s exists already; nothing is overwritten", path);
    if (made < 0)
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (fchmod(made, mode)) { /* whatever the umask says */
        (void)close(made);
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    }
    *fd = made;
    return CTL_OK;
}

enum ctl_exit file_fill(int fd, const char *path, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
        at += n;
        len -= (size_t)n;
    }
    if (fsync(fd) && errno != EINVAL) /* EINVAL: a pipe or a terminal */
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    return CTL_OK;
}

enum ctl_exit file_write_new(const char *path, mode_t mode, const void *bytes, size_t len)
{
    CLEANUP(fd) int fd = -1;
    enum ctl_exit code;

    TRY_CTL(file_create(&fd, path, mode));
    code = file_fill(fd, path, bytes, len);
    if (code)
        (void)unlink(path);
    return code;
}

static bool is_empty(DIR *d)
{
    struct dirent *entry;

    while ((entry = readdir(d)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return false;
    return true;
}

enum ctl_exit file_make_dir(const char *path, bool *made)
{
    DIR *d;
    bool empty;

    *made = false;
    if (mkdir(path, 0700) == 0) {
        *made = true;
        return CTL_OK;
    }
    d = errno == EEXIST ? opendir(path) : NULL;
    if (!d)
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    empty = is_empty(d);
    (void)closedir(d);
    if (!empty)
        return say_fail(CTL_FAILED, "%s is not empty: nothing was changed; give an empty or new directory",
                        path);
    if (chmod(path, 0700))
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    *made = true; /* empty is as good as new */
    return CTL_OK;
}

enum ctl_exit file_absolute(char *out, const char *path)
{
    char here[PATH_MAX] = "";

    if (!*path || strpbrk(path, "\r\n"))
        return say_fail(CTL_USAGE, "a path may not be empty nor hold a line break");
    if (*path != '/' && !getcwd(here, sizeof here))
        return say_fail(CTL_FAILED, "the working directory: %s", strerror(errno));
    if (snprintf(out, PATH_MAX, *path == '/' ? "%s%s" : "%s/%s", here, path) >= PATH_MAX)
        return say_fail(CTL_USAGE, "%s: the path is too long", path);
    return CTL_OK;
}

enum ctl_exit file_sync_directory(const char *path)
{
    CLEANUP(heap) char *dir = strdup(path);
    char *slash = dir ? strrchr(dir, '/') : NULL;
    CLEANUP(fd) int fd = -1;

    if (!dir)
        return say_fail(CTL_FAILED, "out of memory");
    if (slash)
        slash[slash == dir] = '\0';
    fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        return say_fail(CTL_FAILED, "%s: %s", slash ? dir : ".", strerror(errno));
    return CTL_OK;
}

enum ctl_exit file_read_secret(struct buf **out, const char *path)
{
    CLEANUP(buf) struct buf *b = NULL;
    size_t len;

    TRY_CTL(file_read(&b, path, SECRET_MAX));
    len = strcspn(buf_text(b), "\r\n");
    buf_truncate(b, len);
    if (!len)
        return say_fail(CTL_FAILED, "%s: the first line is empty", path);
    *out = TAKE(b);
    return CTL_OK;
}
