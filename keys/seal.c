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

/* Reads what there is, at most max bytes.  By pread: the descriptor's offset is another process's too. */
static enum err read_all(unsigned char *to, size_t *len, size_t max, int fd)
{
    ssize_t n;

    for (*len = 0; *len < max; *len += (size_t)n) {
        n = pread(fd, to + *len, max - *len, (off_t)*len);
        if (n == 0)
            return OK;
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0) {
            log_errno("cannot read the root key");
            return ERR_IO;
        }
    }
    return OK;
}

enum err seal_key_file_read(struct secret **root, int fd)
{
    CLEANUP(secret) struct secret *text = NULL;
    CLEANUP(secret) struct secret *key = NULL;
    char *hex;
    size_t len;

    TRY(secret_new(&text, FILE_BYTES + 1));
    TRY(secret_new(&key, ROOT_KEY_BYTES));
    TRY(read_all(secret_bytes(text), &len, FILE_BYTES + 1, fd));
    hex = (char *)secret_bytes(text);
    if (len != FILE_BYTES || hex[HEX_BYTES] != '\n')
        return ERR_MALFORMED;
    hex[HEX_BYTES] = '\0';
    TRY(hex_decode(secret_bytes(key), ROOT_KEY_BYTES, hex));
    *root = TAKE(key);
    return OK;
}

static enum err write_all(int fd, const unsigned char *from, size_t len)
{
    while (len) {
        ssize_t n = write(fd, from, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            bool is_full = errno == ENOSPC || errno == EDQUOT;

            log_errno("cannot write the root key");
            return is_full ? ERR_FULL : ERR_IO;
        }
        from += n;
        len -= (size_t)n;
    }
    return OK;
}

enum err seal_key_file_write(struct secret **root, int fd)
{
    CLEANUP(secret) struct secret *text = NULL;
    CLEANUP(secret) struct secret *key = NULL;

    TRY(secret_new(&text, FILE_BYTES + 1));
    TRY(secret_random(&key, ROOT_KEY_BYTES));
    hex_encode((char *)secret_bytes(text), secret_peek(key), ROOT_KEY_BYTES);
    secret_bytes(text)[HEX_BYTES] = '\n';
    TRY(write_all(fd, secret_peek(text), FILE_BYTES));
    *root = TAKE(key);
    return OK;
}
