#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/hash.h"

void hash_sha256(unsigned char out[static HASH_BYTES], const void *bytes, size_t len)
{
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, len, out) < 0)
        abort(); /* a GnuTLS without SHA-256 verifies nothing */
}

struct hash {
    gnutls_hash_hd_t handle;
    uint64_t len;
};

enum err hash_new(struct hash **out)
{
    CLEANUP(hash) struct hash *h = calloc(1, sizeof *h);

    if (!h || gnutls_hash_init(&h->handle, GNUTLS_DIG_SHA256) < 0)
        return ERR_NOMEM;
    *out = TAKE(h);
    return OK;
}

void hash_add(struct hash *h, const void *bytes, size_t len)
{
    if (gnutls_hash(h->handle, bytes, len) < 0)
        abort();
    h->len += len;
}

void hash_get(unsigned char out[static HASH_BYTES], uint64_t *len, const struct hash *h)
{
    gnutls_hash_hd_t copy = gnutls_hash_copy(h->handle);

    if (!copy)
        abort();
    gnutls_hash_deinit(copy, out);
    *len = h->len;
}

void hash_free(struct hash *h)
{
    if (!h)
        return;
    if (h->handle)
        gnutls_hash_deinit(h->handle, NULL);
    free(h);
}

enum err hash_sha256_fd(unsigned char out[static HASH_BYTES], uint64_t *len, int fd)
{
    CLEANUP(hash) struct hash *h = NULL;
    unsigned char chunk[65536];
    ssize_t n;

    TRY(hash_new(&h));
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        hash_add(h, chunk, (size_t)n);
    }
    hash_get(out, len, h);
    return OK;
}

/* GnuTLS takes some malformed text too; encoding again shows it. */
static enum err decode(gnutls_datum_t *out, const char *text, size_t len)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)text, (unsigned)len};
    gnutls_datum_t bytes = {NULL, 0}, again = {NULL, 0};
    bool same = false;

    if (!len || len % 4 || len > INT_MAX || gnutls_base64_decode2(&in, &bytes) < 0)
        return ERR_MALFORMED;
    if (gnutls_base64_encode2(&bytes, &again) >= 0)
        same = again.size == len && memcmp(again.data, text, len) == 0;
    gnutls_free(again.data);
    if (!same) {
        gnutls_free(bytes.data);
        return ERR_MALFORMED;
    }
    *out = bytes;
    return OK;
}

enum err base64_decode(struct buf *out, const char *text, size_t len)
{
    gnutls_datum_t bytes = {NULL, 0};
    enum err e = decode(&bytes, text, len);

    if (!e)
        e = buf_append(out, bytes.data, bytes.size);
    gnutls_free(bytes.data);
    return e;
}

enum err base64_decode_hash(unsigned char out[static HASH_BYTES], const char *text, size_t len)
{
    gnutls_datum_t bytes = {NULL, 0};
    enum err e = len == 44 ? decode(&bytes, text, len) : ERR_MALFORMED;

    if (!e && bytes.size != HASH_BYTES)
        e = ERR_MALFORMED;
    if (!e)
        memcpy(out, bytes.data, HASH_BYTES);
    gnutls_free(bytes.data);
    return e;
}

enum err base64_encode(struct buf *out, const void *bytes, size_t len)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)bytes, (unsigned)len};
    gnutls_datum_t text = {NULL, 0};
    enum err e;

    if (!len)
        return OK;
    if (len > INT_MAX / 2)
        return ERR_LIMIT;
    if (gnutls_base64_encode2(&in, &text) < 0)
        return ERR_NOMEM;
    e = buf_append(out, text.data, text.size);
    gnutls_free(text.data);
    return e;
}
