#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "photod/base/log.h"
#include "photod/wire/bulk.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int make(void)
{
    int fd = memfd_create("bulk", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) /* before 6.3 */
        fd = memfd_create("bulk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

enum err bulk_begin(int *fd, unsigned char **bytes, size_t len)
{
    CLEANUP(fd) int made = make();
    void *at = NULL;

    if (made < 0 || ftruncate(made, (off_t)len)) {
        log_errno("memfd of %zu bytes", len);
        return ERR_IO;
    }
    if (len) {
        at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, made, 0);
        if (at == MAP_FAILED)
            return ERR_NOMEM;
    }
    *bytes = at;
    *fd = TAKE_FD(made);
    return OK;
}

enum err bulk_seal(int fd, unsigned char *bytes, size_t len)
{
    return bulk_seal_part(fd, bytes, len, len);
}

enum err bulk_seal_part(int fd, unsigned char *bytes, size_t len, size_t used)
{
    if (len)
        (void)munmap(bytes, len);
    if (used < len && ftruncate(fd, (off_t)used)) {
        log_errno("shortening a memfd");
        return ERR_IO;
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS)) {
        log_errno("sealing a memfd");
        return ERR_IO;
    }
    return OK;
}

enum err bulk_new(int *fd, const void *bytes, size_t len)
{
    CLEANUP(fd) int made = -1;
    unsigned char *to;

    TRY(bulk_begin(&made, &to, len));
    if (len)
        memcpy(to, bytes, len);
    TRY(bulk_seal(made, to, len));
    *fd = TAKE_FD(made);
    return OK;
}

enum err bulk_map(struct bulk *out, int fd, size_t max)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;
    void *at;

    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < 0)
        return ERR_MALFORMED;
    if ((uint64_t)st.st_size > max)
        return ERR_LIMIT;
    if (st.st_size == 0) {
        *out = (struct bulk){(const unsigned char *)"", 0};
        return OK;
    }
    at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return ERR_NOMEM;
    *out = (struct bulk){at, (size_t)st.st_size};
    return OK;
}

void bulk_unmap(struct bulk *b)
{
    if (b->len)
        (void)munmap((void *)(uintptr_t)b->bytes, b->len);
    *b = (struct bulk){0};
}
