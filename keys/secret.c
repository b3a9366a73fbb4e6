#include <string.h>
#include <sys/mman.h>
#include "keys/inside.h"
#include "photod/base/log.h"

struct secret {
    unsigned char *bytes;
    size_t len;
};

/*
 * sodium_malloc() locks the pages but succeeds without when it may not.
 * Locking them once more tells: for pages that are locked already it costs
 * nothing and counts nothing, for others it fails as the first time.
 */
enum err locked_new(void **out, size_t len)
{
    void *bytes = sodium_malloc(len);

    if (!bytes)
        return ERR_NOMEM;
    if (mlock(bytes, len)) {
        log_errno("cannot lock %zu bytes for keys: raise RLIMIT_MEMLOCK (LimitMEMLOCK=)", len);
        sodium_free(bytes);
        return ERR_LIMIT;
    }
    sodium_memzero(bytes, len);
    *out = bytes;
    return OK;
}

enum err secret_new(struct secret **out, size_t len)
{
    CLEANUP(secret) struct secret *s = calloc(1, sizeof *s);
    void *bytes;

    if (!s)
        return ERR_NOMEM;
    TRY(locked_new(&bytes, len));
    s->bytes = bytes;
    s->len = len;
    *out = TAKE(s);
    return OK;
}

enum err secret_random(struct secret **out, size_t len)
{
    struct secret *s;

    TRY(secret_new(&s, len));
    randombytes_buf(s->bytes, len);
    *out = s;
    return OK;
}

enum err secret_take(struct secret **out, void *bytes, size_t len)
{
    struct secret *s;
    enum err e = secret_new(&s, len);

    if (!e) {
        memcpy(s->bytes, bytes, len);
        *out = s;
    }
    /* On failure too: the caller has given them away. */
    sodium_memzero(bytes, len);
    return e;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    sodium_free(s->bytes); /* wipes */
    free(s);
}

size_t secret_len(const struct secret *s)
{
    return s->len;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return a->len == b->len && sodium_memcmp(a->bytes, b->bytes, a->len) == 0;
}

unsigned char *secret_bytes(struct secret *s)
{
    return s->bytes;
}

const unsigned char *secret_peek(const struct secret *s)
{
    return s->bytes;
}
