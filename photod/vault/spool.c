#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/record.h"
#include "photod/vault/ballast.h"
#include "photod/vault/spool.h"

#define ID_TEXT    (2 * SPOOL_ID_BYTES + 1)
#define SEALED_MAX (VAULT_CHUNK + 4096)
#define UNFINISHED "next" /* a chunk file before it has its name */

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

static void name_chunk(char name[static 16], uint32_t number)
{
    (void)snprintf(name, 16, "%u", number);
}

static enum err write_all(int fd, const struct buf *b)
{
    for (size_t at = 0; at < buf_len(b);) {
        ssize_t n = write(fd, buf_bytes(b) + at, buf_len(b) - at);

        if (n < 0)
            return io_error("write");
        at += (size_t)n;
    }
    return fdatasync(fd) ? io_error("sync") : OK;
}

/* Under its name only once it is whole. */
static enum err put_chunk(int dir, uint32_t number, const struct buf *sealed)
{
    CLEANUP(fd) int fd = openat(dir, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char name[16];
    enum err e;

    if (fd < 0)
        return io_error("create");
    e = write_all(fd, sealed);
    if (e) {
        (void)unlinkat(dir, UNFINISHED, 0); /* on a full disk its room is wanted back */
        return e;
    }
    name_chunk(name, number);
    return renameat(dir, UNFINISHED, dir, name) || fsync(dir) ? io_error("rename") : OK;
}

enum err spool_write(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES], const struct dek *d,
                     uint64_t offset, const void *bytes, size_t len)
{
    const uint32_t number = (uint32_t)(offset / VAULT_CHUNK);
    const size_t before = (size_t)(offset % VAULT_CHUNK);
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(buf) struct buf *sealed = NULL;
    CLEANUP(fd) int dir = open_dir(v, id);
    struct binding b = chunk_binding(id, number);

    if (dir < 0)
        return io_error("open");
    TRY(buf_new(&sealed, SEALED_MAX));
    if (before) {
        TRY(buf_new(&plain, VAULT_CHUNK));
        TRY(spool_read(v, id, d, number, plain));
        if (buf_len(plain) < before)
            return ERR_CORRUPT;
        buf_truncate(plain, before);
        TRY(buf_append(plain, bytes, len));
        bytes = buf_bytes(plain);
    }
    TRY(envelope_seal(sealed, d, &b, bytes, before + len));
    return put_chunk(dir, number, sealed);
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

    name_chunk(name, number);
    if (dir >= 0)
        fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return ERR_NOTFOUND;
    if (fstat(fd, &st) || st.st_size < 0 || st.st_size > (off_t)(SEALED_MAX))
        return ERR_CORRUPT;
    TRY(buf_new(&sealed, SEALED_MAX));
    TRY(buf_extend(sealed, (size_t)st.st_size, &space));
    if (pread(fd, space, (size_t)st.st_size, 0) != (ssize_t)st.st_size)
        return io_error("read");
    return envelope_open(out, d, &b, buf_bytes(sealed), buf_len(sealed));
}

/* How many plain bytes a chunk file holds by its size; 0: none, or no such file. */
static uint64_t chunk_len(int dir, uint32_t number)
{
    const uint64_t envelope = envelope_len(0);
    char name[16];
    struct stat st;

    name_chunk(name, number);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || st.st_size < 0 || (uint64_t)st.st_size <= envelope)
        return 0;
    return (uint64_t)st.st_size - envelope;
}

static bool opens(struct vault *v, const unsigned char *id, const struct dek *d, uint32_t number)
{
    CLEANUP(buf) struct buf *plain = NULL;

    return !buf_new(&plain, VAULT_CHUNK) && !spool_read(v, id, d, number, plain);
}

uint64_t spool_measure(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES], const struct dek *d,
                       uint64_t length)
{
    CLEANUP(fd) int dir = open_dir(v, id);
    uint64_t at = 0, len = VAULT_CHUNK;
    uint32_t last;

    while (dir >= 0 && len == VAULT_CHUNK && at < length) {
        len = chunk_len(dir, (uint32_t)(at / VAULT_CHUNK));
        if (len > VAULT_CHUNK || len > length - at)
            len = 0;
        at += len;
    }
    if (!at)
        return 0;
    last = (uint32_t)((at - 1) / VAULT_CHUNK);
    if (!opens(v, id, d, last))
        at = (uint64_t)last * VAULT_CHUNK;
    return at < length ? at : length - 1;
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

enum err spool_restart(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES])
{
    char name[ID_TEXT];

    spool_remove(v, id);
    hex_encode(name, id, SPOOL_ID_BYTES);
    if (mkdirat(v->spool_fd, name, 0700) || fsync(v->spool_fd))
        return io_error("mkdir");
    return OK;
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

    if (!ballast_hold(v) || store_capacity(v->store, &total, &available) || !total)
        return false;
    return (total - available) * 100 < total * v->config.full_percent;
}
