#include "photod/parent/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "photod/base/cleanup.h"
#include "photod/base/log.h"
#include "photod/wire/bulk.h"

#define FILE_MAX    (1 << 20)
#define MODE_OTHER  0007
#define OPENING_MAX 65536 /* of a root key file, and of a passphrase's */

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

/* Whoever can write the configuration says what root opens, and as whom all else runs. */
static enum err check_author(const struct stat *st, const char *path)
{
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        log_error("--config: %s does not belong to root or to who starts photod; look at it, then run: "
                  "chown root %s",
                  path, path);
        return ERR_DENIED;
    }
    if (st->st_mode & S_IWOTH) {
        log_error("--config: everybody on this machine may change %s; run: chmod o-w %s", path, path);
        return ERR_DENIED;
    }
    return OK;
}

enum err config_seal(int *memfd, const char *path)
{
    CLEANUP(fd) int fd = -1;
    struct stat st;

    TRY(open_file(&fd, &st, "--config", path));
    TRY(check_author(&st, path));
    return copy(memfd, fd, st.st_size, "--config", path);
}

static enum err check_secret(const struct stat *st, const char *what, const char *path)
{
    if (st->st_mode & MODE_OTHER) {
        log_error("%s: everybody on this machine may read or change %s; run: chmod o= %s", what, path, path);
        return ERR_DENIED;
    }
    return OK;
}

/* ---- What opens the vault: one row per seal method ---- */

static enum err open_secret(int *fd, struct stat *st, const char *what, const char *path)
{
    CLEANUP(fd) int opened = -1;

    TRY(open_file(&opened, st, what, path));
    TRY(check_secret(st, what, path));
    *fd = TAKE_FD(opened);
    return OK;
}

static enum err open_key_file(int *fd, const struct config *c)
{
    struct stat st;

    return open_secret(fd, &st, "root_key", c->root_key);
}

static enum err open_named_credential(int *fd, const char *what, const char *name)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];
    struct stat st;

    if (!dir || snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        log_error("%s: systemd gave no credentials; start photod by a unit with LoadCredentialEncrypted=%s",
                  what, name);
        return ERR_NOTFOUND;
    }
    return open_secret(fd, &st, what, path);
}

static enum err open_credential(int *fd, const struct config *c)
{
    return open_named_credential(fd, "root_key", c->root_key);
}

enum err sealed_key_open(int *key, int *pin, const struct config *c)
{
    CLEANUP(fd) int opened = -1;
    struct stat st;

    TRY(open_secret(&opened, &st, "root_key", c->root_key));
    if (strchr(c->pkcs11_pin, '/'))
        TRY(open_secret(pin, &st, "pkcs11_pin", c->pkcs11_pin));
    else
        TRY(open_named_credential(pin, "pkcs11_pin", c->pkcs11_pin));
    *key = TAKE_FD(opened);
    return OK;
}

/* The root key file and the passphrase as the line behind it, in one memfd. */
static enum err open_passphrase(int *fd, const struct config *c)
{
    CLEANUP(fd) int key = -1, passphrase = -1, made = -1;
    struct stat key_st, passphrase_st;
    size_t key_len, len;
    unsigned char *bytes;
    enum err e;

    TRY(open_secret(&key, &key_st, "root_key", c->root_key));
    TRY(open_secret(&passphrase, &passphrase_st, "seal_passphrase", c->seal_passphrase));
    if (key_st.st_size > OPENING_MAX || passphrase_st.st_size > OPENING_MAX) {
        log_error("root_key, seal_passphrase: these files are larger than any that photod makes");
        return ERR_LIMIT;
    }
    key_len = (size_t)key_st.st_size;
    len = key_len + (size_t)passphrase_st.st_size;
    TRY(bulk_begin(&made, &bytes, len));
    e = fill(bytes, key_len, key);
    if (!e)
        e = fill(bytes + key_len, len - key_len, passphrase);
    if (e)
        log_errno("reading root_key and seal_passphrase");
    TRY(bulk_seal(made, bytes, len));
    if (e)
        return e;
    *fd = TAKE_FD(made);
    return OK;
}

static const struct seal_row {
    const char *method;
    enum err (*open)(int *fd, const struct config *c);
} seal_rows[] = {
    {"key-file", open_key_file},
    {"passphrase", open_passphrase},
    {"credential", open_credential},
};

enum err root_key_open(int *fd, const struct config *c)
{
    for (size_t n = 0; n < sizeof seal_rows / sizeof seal_rows[0]; n++)
        if (strcmp(seal_rows[n].method, c->seal) == 0)
            return seal_rows[n].open(fd, c);
    return ERR_NOTFOUND; /* config_parse() refuses others */
}

enum err root_key_check(const struct config *c)
{
    CLEANUP(fd) int key = -1;
    CLEANUP(fd) int pin = -1;

    return strcmp(c->seal, "pkcs11") == 0 ? sealed_key_open(&key, &pin, c) : root_key_open(&key, c);
}

/* ---- What the doors show ---- */

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
