#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "tests/fault/faultio.h"

/*
 * Loaded before the C library (LD_PRELOAD), this makes one call of a class
 * fail, the process not knowing.  From the environment:
 *   FAULT_CLASS  write, sync, truncate, memory or map
 *   FAULT_ERROR  EIO, ENOSPC or ENOMEM; of write also SHORT: half of it is
 *                written, and LIE: nothing is, and the call succeeds
 *   FAULT_AT     which call, counted from faultio_start() on, from 1
 *   FAULT_ON     unless empty: that call and all that follow
 * or, of a process that knows nothing of this, from a file: faultio.h.
 * Calls go to the kernel directly: nothing here is looked up or allocated.
 */
#define EXPORT __attribute__((visibility("default")))

static struct faultio own = {.class = FAULT_NONE};
static struct faultio *fault = &own;

EXPORT void faultio_start(void);
EXPORT unsigned long faultio_stop(void);
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

static enum fault_class class_of(const char *name)
{
    static const char *const names[] = {"write", "sync", "truncate", "memory", "map"};

    for (unsigned i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum fault_class)i;
    return FAULT_NONE;
}

static int error_of(const char *name)
{
    if (!name || strcmp(name, "EIO") == 0)
        return EIO;
    if (strcmp(name, "SHORT") == 0 || strcmp(name, "LIE") == 0)
        return 0;
    return strcmp(name, "ENOSPC") == 0 ? ENOSPC : ENOMEM;
}

EXPORT void faultio_start(void)
{
    const char *at = getenv("FAULT_AT"), *on = getenv("FAULT_ON"), *error = getenv("FAULT_ERROR");

    fault->error = error_of(error);
    fault->lie = error && strcmp(error, "LIE") == 0;
    fault->on = on && *on;
    fault->at = at ? strtoul(at, NULL, 10) : 0;
    fault->class = class_of(getenv("FAULT_CLASS"));
}

__attribute__((constructor)) static void take_control(void)
{
    const char *path = getenv("FAULT_CONTROL");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    void *at;

    if (fd < 0)
        return;
    at = (void *)syscall(SYS_mmap, NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED)
        fault = at;
    (void)syscall(SYS_close, fd);
}

/* How many calls were made to fail. */
EXPORT unsigned long faultio_stop(void)
{
    fault->class = FAULT_NONE;
    return fault->injected;
}

static bool is_file(int fd)
{
    struct stat st;

    return syscall(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* fd: of a call on a file; else -1. */
static bool fails(enum fault_class class, int fd)
{
    if (class != (enum fault_class)fault->class || (fault != &own && fd >= 0 && !is_file(fd)))
        return false;
    fault->count++;
    if (fault->count != fault->at && !(fault->on && fault->count > fault->at))
        return false;
    fault->injected++;
    errno = fault->error ? fault->error : errno;
    return true;
}

/* ---- Writing ---- */

static ssize_t total(const struct iovec *parts, int count)
{
    size_t len = 0;

    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    return (ssize_t)len;
}

/* Whether this write is hit; then *result is its answer, or *half says to write half of the first part. */
static bool hit(int fd, const struct iovec *parts, int count, ssize_t *result, bool *half)
{
    *half = false;
    if (!fails(FAULT_WRITE, fd))
        return false;
    *result = fault->lie ? total(parts, count) : -1;
    *half = !fault->error && !fault->lie;
    return true;
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t result;
    bool half;

    if (!hit(fd, parts, count, &result, &half))
        return syscall(SYS_writev, fd, parts, count);
    if (fault->lie)
        (void)syscall(SYS_lseek, fd, result, SEEK_CUR);
    return half ? syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len / 2) : result;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t result;
    bool half;

    if (!hit(fd, parts, count, &result, &half))
        return syscall(SYS_pwritev, fd, parts, count, at, at >> 32);
    return half ? syscall(SYS_pwrite64, fd, parts[0].iov_base, parts[0].iov_len / 2, at) : result;
}

EXPORT ssize_t write(int fd, const void *bytes, size_t len)
{
    const struct iovec part = {(void *)(uintptr_t)bytes, len};

    return writev(fd, &part, 1);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    const struct iovec part = {(void *)(uintptr_t)bytes, len};

    return pwritev(fd, &part, 1, at);
}

EXPORT ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) __attribute__((alias("pwrite")));
EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at)
    __attribute__((alias("pwritev")));

/* ---- Syncing, cutting, mapping ---- */

EXPORT int fdatasync(int fd)
{
    return fails(FAULT_SYNC, fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

EXPORT int fsync(int fd)
{
    return fails(FAULT_SYNC, fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

EXPORT int msync(void *at, size_t len, int flags)
{
    return fails(FAULT_SYNC, -1) ? -1 : (int)syscall(SYS_msync, at, len, flags);
}

EXPORT int ftruncate(int fd, off_t len)
{
    return fails(FAULT_TRUNCATE, fd) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

EXPORT int ftruncate64(int fd, off_t len) __attribute__((alias("ftruncate")));

EXPORT void *mmap(void *at, size_t len, int access, int flags, int fd, off_t from)
{
    if (fails(FAULT_MAP, -1))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, len, access, flags, fd, from);
}

EXPORT void *mmap64(void *at, size_t len, int access, int flags, int fd, off_t from)
    __attribute__((alias("mmap")));

/* ---- Memory ---- */

EXPORT void *malloc(size_t size)
{
    return fails(FAULT_MEMORY, -1) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return fails(FAULT_MEMORY, -1) ? NULL : __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    return fails(FAULT_MEMORY, -1) ? NULL : __libc_realloc(old, size);
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    void *made = fails(FAULT_MEMORY, -1) ? NULL : __libc_memalign(align, size);

    if (!made)
        return ENOMEM;
    *out = made;
    return 0;
}
