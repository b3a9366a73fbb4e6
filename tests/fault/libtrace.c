#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "tests/fault/trace.h"

/*
 * Loaded before the C library (LD_PRELOAD), this notes every call that
 * changes a file below TRACE_DIR, after it succeeded, in TRACE_FILE.  For
 * one thread.
 */
#define EXPORT __attribute__((visibility("default")))

EXPORT void trace_acknowledge(const void *bytes, size_t len);

static int out = -1;
static const char *top;
static size_t top_len;

__attribute__((constructor)) static void start(void)
{
    const char *file = getenv("TRACE_FILE");

    top = getenv("TRACE_DIR");
    top_len = top ? strlen(top) : 0;
    if (file && top)
        out = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t len)
{
    if (syscall(SYS_write, out, bytes, len) != (long)len)
        _exit(9);
}

static void note(enum trace_type type, const char *path, uint64_t at, const void *bytes, size_t len,
                 int dsync)
{
    struct trace_record r = {.type = type,
                             .dsync = dsync != 0,
                             .at = at,
                             .path_len = (uint32_t)strlen(path),
                             .len = (uint32_t)len};
    int saved = errno;

    put(&r, sizeof r);
    put(path, r.path_len);
    if (len)
        put(bytes, len);
    errno = saved;
}

/* The path of fd below TRACE_DIR, "" for that itself; NULL: it is elsewhere. */
static const char *path_of(int fd)
{
    static char path[4096];
    char link[40];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = out < 0 ? -1 : readlink(link, path, sizeof path - 1);
    if (n < 0)
        return NULL;
    path[n] = '\0';
    if (strncmp(path, top, top_len) != 0 || (path[top_len] != '/' && path[top_len] != '\0'))
        return NULL;
    return path[top_len] ? path + top_len + 1 : path + top_len;
}

/* The same of a name relative to a directory. */
static const char *path_at(int dir_fd, const char *name, char full[static 4096])
{
    const char *dir = name[0] == '/' || dir_fd == AT_FDCWD ? NULL : path_of(dir_fd);

    if (!dir)
        return NULL;
    (void)snprintf(full, 4096, "%s%s%s", dir, *dir ? "/" : "", name);
    return full;
}

/* ---- Writing ---- */

static void note_write(int fd, uint64_t at, const struct iovec *parts, int count, ssize_t written)
{
    const char *path = written > 0 ? path_of(fd) : NULL;
    long flags = path ? syscall(SYS_fcntl, fd, F_GETFL) : 0;
    size_t left = (size_t)written;

    for (int i = 0; path && i < count && left; i++) {
        size_t len = parts[i].iov_len < left ? parts[i].iov_len : left;

        note(TRACE_WRITE, path, at, parts[i].iov_base, len, (flags & O_DSYNC) != 0);
        at += len;
        left -= len;
    }
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t n = syscall(SYS_pwritev, fd, parts, count, at, at >> 32);

    note_write(fd, (uint64_t)at, parts, count, n);
    return n;
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at)
    __attribute__((alias("pwritev")));

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    const struct iovec part = {(void *)(uintptr_t)bytes, len};

    return pwritev(fd, &part, 1, at);
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) __attribute__((alias("pwrite")));

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    long at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    ssize_t n = syscall(SYS_writev, fd, parts, count);

    note_write(fd, (uint64_t)at, parts, count, n);
    return n;
}

EXPORT ssize_t write(int fd, const void *bytes, size_t len)
{
    const struct iovec part = {(void *)(uintptr_t)bytes, len};

    return writev(fd, &part, 1);
}

EXPORT int ftruncate(int fd, off_t len)
{
    int rc = (int)syscall(SYS_ftruncate, fd, len);
    const char *path = rc ? NULL : path_of(fd);

    if (path)
        note(TRACE_TRUNCATE, path, (uint64_t)len, NULL, 0, 0);
    return rc;
}

EXPORT int ftruncate64(int fd, off_t len) __attribute__((alias("ftruncate")));

/* ---- Syncing ---- */

static int note_sync(int fd, int rc)
{
    const char *path = rc ? NULL : path_of(fd);

    if (path)
        note(TRACE_SYNC, path, 0, NULL, 0, 0);
    return rc;
}

EXPORT int fsync(int fd)
{
    return note_sync(fd, (int)syscall(SYS_fsync, fd));
}

EXPORT int fdatasync(int fd)
{
    return note_sync(fd, (int)syscall(SYS_fdatasync, fd));
}

EXPORT int msync(void *at, size_t len, int flags)
{
    if (out >= 0)
        note(TRACE_MSYNC, "", 0, NULL, 0, 0);
    return (int)syscall(SYS_msync, at, len, flags);
}

/* ---- Names ---- */

EXPORT int openat(int dir_fd, const char *name, int flags, ...)
{
    bool new = flags &O_CREAT &&out >= 0 && syscall(SYS_faccessat, dir_fd, name, F_OK) != 0;
    const char *path;
    mode_t mode;
    va_list args;
    int fd;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    fd = (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    path = fd >= 0 && new ? path_of(fd) : NULL;
    if (path)
        note(TRACE_CREATE, path, 0, NULL, 0, 0);
    return fd;
}

EXPORT int open(const char *name, int flags, ...)
{
    mode_t mode;
    va_list args;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return openat(AT_FDCWD, name, flags, mode);
}

EXPORT int openat64(int dir_fd, const char *name, int flags, ...) __attribute__((alias("openat")));
EXPORT int open64(const char *name, int flags, ...) __attribute__((alias("open")));

EXPORT int mkdirat(int dir_fd, const char *name, mode_t mode)
{
    int rc = (int)syscall(SYS_mkdirat, dir_fd, name, mode);
    char full[4096];
    const char *path = rc ? NULL : path_at(dir_fd, name, full);

    if (path)
        note(TRACE_MKDIR, path, 0, NULL, 0, 0);
    return rc;
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    char old[4096], new[4096];
    const char *path = path_at(from_fd, from, old);
    int rc = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);

    if (!rc && path && path_at(to_fd, to, new))
        note(TRACE_RENAME, path, 0, new, strlen(new), 0);
    return rc;
}

EXPORT void trace_acknowledge(const void *bytes, size_t len)
{
    if (out >= 0)
        note(TRACE_ACK, "", 0, bytes, len, 0);
}
