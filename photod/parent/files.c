#include "photod/parent/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include "photod/base/cleanup.h"
#include "photod/base/log.h"
#include "photod/wire/bulk.h"

#define FILE_MAX   (1 << 20)
#define MODE_OTHER 0007

static const struct tls_row {
    const char *key;
    size_t path; /* offset in struct config */
    const char *begins, *marker;
    bool is_secret;
} tls_rows[TLS_FILES] = {
    [TLS_CERTIFICATE] = {"tls_certificate", offsetof(struct config, tls_certificate),
                         "-----BEGIN CERTIFICATE", "-----END CERTIFICATE-----", false},
    [TLS_KEY] = {"tls_key", offsetof(struct config, tls_key), "-----BEGIN ", "PRIVATE KEY-----", true},
    [TLS_CA] = {"tls_ca", offsetof(struct config, tls_ca), "-----BEGIN CERTIFICATE",
                "-----END CERTIFICATE-----", false},
    [TLS_CRL] = {"tls_crl", offsetof(struct config, tls_crl), "-----BEGIN X509 CRL", "-----END X509 CRL-----",
                 false},
};

static const char *tls_path(const struct config *c, enum tls_file n)
{
    return (const char *)c + tls_rows[n].path;
}

/* Not blocking, so that a FIFO in place of a file cannot hang the start. */
static enum err open_file(int *out, struct stat *st, const char *what, const char *path)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, st)) {
        log_errno("%s: %s", what, path);
        return ERR_IO;
    }
    if (!S_ISREG(st->st_mode)) {
        log_error("%s: %s is no ordinary file", what, path);
        return ERR_IO;
    }
    *out = TAKE_FD(fd);
    return OK;
}

/* Straight into the memfd: a private key leaves no copy on the heap. */
static enum err fill(unsigned char *to, size_t len, int fd)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = pread(fd, to + at, len - at, (off_t)at);

        if (n == 0) { /* shorter than a moment ago: somebody writes it */
            errno = EAGAIN;
            return ERR_IO;
        }
        if (n < 0 && errno != EINTR)
            return ERR_IO;
        at += n > 0 ? (size_t)n : 0;
    }
    return OK;
}

static enum err copy(int *memfd, int fd, off_t size, const char *what, const char *path)
{
    CLEANUP(fd) int made = -1;
    unsigned char *bytes;
    enum err e;

    if (size > FILE_MAX) {
        log_error("%s: %s is larger than 1 MiB", what, path);
        return ERR_LIMIT;
    }
    TRY(bulk_begin(&made, &bytes, (size_t)size));
    e = fill(bytes, (size_t)size, fd);
    if (e)
        log_errno("%s: reading %s", what, path);
    TRY(bulk_seal(made, bytes, (size_t)size));
    if (e)
        return e;
    *memfd = TAKE_FD(made);
    return OK;
}

enum err file_seal(int *memfd, const char *what, const char *path)
{
    CLEANUP(fd) int fd = -1;
    struct stat st;

    TRY(open_file(&fd, &st, what, path));
    return copy(memfd, fd, st.st_size, what, path);
}

static enum err check_secret(const struct stat *st, const char *what, const char *path)
{
    if (st->st_mode & MODE_OTHER) {
        log_error("%s: everybody on this machine may read or change %s; run: chmod o= %s", what, path, path);
        return ERR_DENIED;
    }
    return OK;
}

enum err root_key_open(int *fd, const struct config *c)
{
    CLEANUP(fd) int opened = -1;
    struct stat st;

    TRY(open_file(&opened, &st, "root_key", c->root_key));
    TRY(check_secret(&st, "root_key", c->root_key));
    *fd = TAKE_FD(opened);
    return OK;
}

_Static_assert(sizeof(struct file_stamp) ==
                   sizeof(dev_t) + sizeof(ino_t) + sizeof(off_t) + 2 * sizeof(struct timespec),
               "no padding: stamps are compared as bytes");

static struct file_stamp stamp(const char *path)
{
    struct file_stamp s = {0};
    struct stat st;

    if (stat(path, &st))
        return s;
    s.device = st.st_dev;
    s.inode = st.st_ino;
    s.size = st.st_size;
    s.modified = st.st_mtim;
    s.changed = st.st_ctim;
    return s;
}

bool tls_changed(const struct tls_files *t, const struct config *c)
{
    for (int n = 0; n < TLS_FILES; n++) {
        struct file_stamp now = stamp(tls_path(c, (enum tls_file)n));

        if (memcmp(&now, &t->stamps[n], sizeof now) != 0)
            return true;
    }
    return false;
}

static enum err check_pem(int memfd, const struct tls_row *row, const char *path)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk b = {0};
    const unsigned char *at;

    TRY(bulk_map(&b, memfd, FILE_MAX));
    at = memmem(b.bytes, b.len, row->begins, strlen(row->begins));
    if (at && memmem(at, b.len - (size_t)(at - b.bytes), row->marker, strlen(row->marker)))
        return OK;
    log_error("%s: %s is no PEM file of that kind", row->key, path);
    return ERR_MALFORMED;
}

static enum err read_one(int *memfd, const struct tls_row *row, const char *path)
{
    CLEANUP(fd) int fd = -1, made = -1;
    struct stat st;

    TRY(open_file(&fd, &st, row->key, path));
    if (row->is_secret)
        TRY(check_secret(&st, row->key, path));
    TRY(copy(&made, fd, st.st_size, row->key, path));
    TRY(check_pem(made, row, path));
    *memfd = TAKE_FD(made);
    return OK;
}

static void tls_files_cleanup(struct tls_files *t)
{
    tls_clear(t);
}

enum err tls_read(struct tls_files *t, const struct config *c)
{
    CLEANUP(tls_files) struct tls_files fresh = TLS_FILES_NONE;

    /* Stamped first: a change while reading is seen as one next time. */
    for (int n = 0; n < TLS_FILES; n++)
        t->stamps[n] = fresh.stamps[n] = stamp(tls_path(c, (enum tls_file)n));
    for (int n = 0; n < TLS_FILES; n++)
        TRY(read_one(&fresh.fds[n], &tls_rows[n], tls_path(c, (enum tls_file)n)));
    tls_clear(t);
    *t = fresh;
    fresh = TLS_FILES_NONE;
    return OK;
}

void tls_clear(struct tls_files *t)
{
    for (int n = 0; n < TLS_FILES; n++) {
        if (t->fds[n] >= 0)
            (void)close(t->fds[n]);
        t->fds[n] = -1;
    }
}
