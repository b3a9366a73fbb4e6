/* The table of seal methods, and those whose opening is the key itself: key-file, credential, pkcs11. */
#include <errno.h>
#include <string.h>
#include "keys/inside.h"
#include "keys/seal.h"
#include "photod/base/log.h"
#include "photod/base/text.h"

/* The file: the digits and a newline.  In memory one byte more: a NUL, or what shows that the file is longer.
 */
#define HEX_BYTES  (2 * ROOT_KEY_BYTES)
#define FILE_BYTES (HEX_BYTES + 1)

enum err seal_read_all(unsigned char *to, size_t *len, size_t max, int fd, const char *what)
{
    ssize_t n;

    for (*len = 0; *len < max; *len += (size_t)n) {
        n = pread(fd, to + *len, max - *len, (off_t)*len);
        if (n == 0)
            return OK;
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0) {
            log_errno("cannot read %s", what);
            return ERR_IO;
        }
    }
    return OK;
}

enum err seal_write_all(int fd, const void *bytes, size_t len, const char *what)
{
    const unsigned char *from = bytes;

    while (len) {
        ssize_t n = write(fd, from, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            bool is_full = errno == ENOSPC || errno == EDQUOT;

            log_errno("cannot write %s", what);
            return is_full ? ERR_FULL : ERR_IO;
        }
        from += n;
        len -= (size_t)n;
    }
    return OK;
}

static enum err digits_decode(struct secret **root, struct secret *text, size_t len)
{
    CLEANUP(secret) struct secret *key = NULL;
    char *hex;

    TRY(secret_new(&key, ROOT_KEY_BYTES));
    hex = (char *)secret_bytes(text);
    if (len != FILE_BYTES || hex[HEX_BYTES] != '\n')
        return ERR_MALFORMED;
    hex[HEX_BYTES] = '\0';
    TRY(hex_decode(secret_bytes(key), ROOT_KEY_BYTES, hex));
    *root = TAKE(key);
    return OK;
}

static enum err digits_open(struct secret **root, int fd)
{
    CLEANUP(secret) struct secret *text = NULL;
    size_t len;

    TRY(secret_new(&text, FILE_BYTES + 1));
    TRY(seal_read_all(secret_bytes(text), &len, FILE_BYTES + 1, fd, "the root key"));
    return digits_decode(root, text, len);
}

enum err seal_key_file_read(struct secret **root, int fd)
{
    enum err e = digits_open(root, fd);

    if (e == ERR_MALFORMED)
        log_error("the root key file is not one: expected 64 hexadecimal digits and a newline");
    return e;
}

static enum err credential_open(struct secret **root, int fd)
{
    enum err e = digits_open(root, fd);

    if (e == ERR_MALFORMED)
        log_error("the credential holds no root key: expected 64 hexadecimal digits and a newline");
    return e;
}

/* The end of a pipe: what was read once is nowhere any more. */
static enum err handed_open(struct secret **root, int fd)
{
    CLEANUP(secret) struct secret *text = NULL;
    size_t len = 0;
    ssize_t n = 1;
    enum err e;

    TRY(secret_new(&text, FILE_BYTES + 1));
    while (n > 0 && len <= FILE_BYTES) {
        n = read(fd, secret_bytes(text) + len, FILE_BYTES + 1 - len);
        if (n > 0)
            len += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    if (!len && !n)
        return ERR_CLOSED;
    e = n < 0 ? ERR_IO : digits_decode(root, text, len);
    if (e == ERR_MALFORMED || e == ERR_IO)
        log_error("photod-unseal did not hand over a root key");
    return e;
}

static enum err digits_make(const struct secret *root, int fd, int passphrase_fd)
{
    CLEANUP(secret) struct secret *text = NULL;

    (void)passphrase_fd;
    TRY(secret_new(&text, FILE_BYTES + 1));
    hex_encode((char *)secret_bytes(text), secret_peek(root), ROOT_KEY_BYTES);
    secret_bytes(text)[HEX_BYTES] = '\n';
    return seal_write_all(fd, secret_peek(text), FILE_BYTES, "the root key");
}

/* ---- The table ---- */

static const struct method {
    const char *name;
    bool needs_passphrase;
    enum err (*open)(struct secret **root, int fd);
    enum err (*make)(const struct secret *root, int fd, int passphrase_fd);
} methods[] = {
    {"key-file", false, seal_key_file_read, digits_make},
    {"passphrase", true, seal_passphrase_open, seal_passphrase_make},
    {"credential", false, credential_open, digits_make},
    {"pkcs11", false, handed_open, digits_make},
};

static const struct method *find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

bool seal_is_method(const char *method)
{
    return find(method);
}

bool seal_needs_passphrase(const char *method)
{
    const struct method *m = find(method);

    return m && m->needs_passphrase;
}

enum err seal_open(struct secret **root, const char *method, int fd)
{
    const struct method *m = find(method);

    if (!m) {
        log_error("there is no seal method `%s`", method);
        return ERR_NOTFOUND;
    }
    return m->open(root, fd);
}

enum err seal_make(const struct secret *root, const char *method, int fd, int passphrase_fd)
{
    const struct method *m = find(method);

    if (!m) {
        log_error("there is no seal method `%s`", method);
        return ERR_NOTFOUND;
    }
    return m->make(root, fd, passphrase_fd);
}
