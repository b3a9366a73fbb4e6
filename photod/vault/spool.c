#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/record.h"
#include "photod/vault/spool.h"

#define ID_TEXT (2 * SPOOL_ID_BYTES + 1)

static enum err io_error(const char *what)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return ERR_FULL;
    log_errno("spool: %s", what);
    return ERR_IO;
}

enum err spool_make(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES])
{
    char name[ID_TEXT];

    hex_encode(name, id, SPOOL_ID_BYTES);
    if (mkdirat(v->spool_fd, name, 0700) && errno != EEXIST)
        return io_error("mkdir");
    return OK;
}

static int open_dir(struct vault *v, const unsigned char *id)
{
    char name[ID_TEXT];

    hex_encode(name, id, SPOOL_ID_BYTES);
    return openat(v->spool_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static struct binding chunk_binding(const unsigned char *id, uint32_t number)
{
    return binding_of(SEAL_CHUNK, id, number);
}

enum err spool_write(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES], const struct dek *d,
                     uint32_t number, const void *bytes, size_t len)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    CLEANUP(fd) int dir = open_dir(v, id);
    CLEANUP(fd) int fd = -1;
    struct binding b = chunk_binding(id, number);
    char name[16];
    size_t at = 0;

    if (dir < 0)
        return io_error("open");
    TRY(buf_new(&sealed, VAULT_CHUNK + 4096));
    TRY(envelope_seal(sealed, d, &b, bytes, len));
    (void)snprintf(name, sizeof name, "%u", number);
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error("create");
    while (at < buf_len(sealed)) {
        ssize_t n = write(fd, buf_bytes(sealed) + at, buf_len(sealed) - at);

        if (n < 0)
            return io_error("write");
        at += (size_t)n;
    }
    return fdatasync(fd) ? io_error("sync") : OK;
}

enum err spool_read(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES], const struct dek *d,
                    uint32_t number, struct buf *out)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    CLEANUP(fd) int dir = open_dir(v, id);
    CLEANUP(fd) int fd = -1;
    struct binding b = chunk_binding(id, number);
    unsigned char *space;
    struct stat st;
    char name[16];

    (void)snprintf(name, sizeof name, "%u", number);
    if (dir >= 0)
        fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return ERR_NOTFOUND;
    if (fstat(fd, &st) || st.st_size < 0 || st.st_size > (off_t)(VAULT_CHUNK + 4096))
        return ERR_CORRUPT;
    TRY(buf_new(&sealed, VAULT_CHUNK + 4096));
    TRY(buf_extend(sealed, (size_t)st.st_size, &space));
    if (pread(fd, space, (size_t)st.st_size, 0) != (ssize_t)st.st_size)
        return io_error("read");
    return envelope_open(out, d, &b, buf_bytes(sealed), buf_len(sealed));
}

enum err spool_sync(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES])
{
    CLEANUP(fd) int dir = open_dir(v, id);

    if (dir < 0 || fsync(dir) || fsync(v->spool_fd))
        return io_error("sync");
    return OK;
}

static DIR *read_dir(int dir_fd)
{
    int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again >= 0 ? fdopendir(again) : NULL;

    if (!d && again >= 0)
        (void)close(again);
    return d;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

void spool_remove(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES])
{
    CLEANUP(fd) int dir = open_dir(v, id);
    char name[ID_TEXT];
    struct dirent *entry;
    DIR *list;

    if (dir < 0)
        return;
    list = read_dir(dir);
    while (list && (entry = readdir(list)))
        if (!is_dots(entry->d_name))
            (void)unlinkat(dir, entry->d_name, 0);
    if (list)
        (void)closedir(list);
    hex_encode(name, id, SPOOL_ID_BYTES);
    (void)unlinkat(v->spool_fd, name, AT_REMOVEDIR);
}

void spool_sweep(struct vault *v,
                 bool (*keep)(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]))
{
    DIR *list = read_dir(v->spool_fd);
    struct dirent *entry;

    while (list && (entry = readdir(list))) {
        unsigned char id[SPOOL_ID_BYTES];

        if (hex_decode(id, sizeof id, entry->d_name) == OK && !keep(v, id))
            spool_remove(v, id);
    }
    if (list)
        (void)closedir(list);
}

bool spool_has_room(struct vault *v)
{
    uint64_t total, available;

    if (store_capacity(v->store, &total, &available) || !total)
        return false;
    return (total - available) * 100 < total * v->config.full_percent;
}
