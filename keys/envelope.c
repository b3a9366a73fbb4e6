/*
 * Sealing and opening.  The header is not believed: what it must say follows
 * from the key and the binding, and it has to be equal to that, byte by byte,
 * before anything is decrypted.
 *
 * Random nonces of 96 bits (AES) are safe for 2^32 messages of one key.  A
 * child's key seals a handful, a ring key what there are children; the record
 * key would need a century at a thousand records a day.
 */
#include <string.h>
#include "keys/inside.h"

#define HEADER_BYTES 24
#define TAG_BYTES    16
#define NONCE_MAX    24

typedef int seal_function(unsigned char *, unsigned long long *, const unsigned char *, unsigned long long,
                          const unsigned char *, unsigned long long, const unsigned char *,
                          const unsigned char *, const unsigned char *);
typedef int open_function(unsigned char *, unsigned long long *, unsigned char *, const unsigned char *,
                          unsigned long long, const unsigned char *, unsigned long long,
                          const unsigned char *, const unsigned char *);

static int always(void)
{
    return 1;
}

/* The first that this CPU has is what it seals with. */
static const struct suite_row {
    enum suite suite;
    const char *name;
    size_t nonce_bytes;
    int (*is_available)(void);
    seal_function *seal;
    open_function *open;
} suites[] = {
    {SUITE_AES_256_GCM, "AES-256-GCM", crypto_aead_aes256gcm_NPUBBYTES, crypto_aead_aes256gcm_is_available,
     crypto_aead_aes256gcm_encrypt, crypto_aead_aes256gcm_decrypt},
    {SUITE_XCHACHA20_POLY1305, "XChaCha20-Poly1305", crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, always,
     crypto_aead_xchacha20poly1305_ietf_encrypt, crypto_aead_xchacha20poly1305_ietf_decrypt},
};

#define SUITE_COUNT (sizeof suites / sizeof suites[0])

_Static_assert(crypto_aead_aes256gcm_ABYTES == TAG_BYTES, "tag");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == TAG_BYTES, "tag");
_Static_assert(crypto_aead_aes256gcm_KEYBYTES == DEK_BYTES, "key");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == DEK_BYTES, "key");

/* The additional data: the header as it stands in the envelope, then the subject, which does not. */
struct additional {
    unsigned char header[HEADER_BYTES];
    unsigned char subject[SUBJECT_BYTES];
};

static const struct suite_row *suite_find(unsigned suite)
{
    for (size_t i = 0; i < SUITE_COUNT; i++)
        if (suites[i].suite == suite)
            return &suites[i];
    return NULL;
}

static void describe(struct additional *a, const struct suite_row *s, const struct dek *key,
                     const struct binding *b)
{
    memcpy(a->header, "PHD1", 4);
    a->header[4] = 1;
    a->header[5] = (unsigned char)s->suite;
    a->header[6] = (unsigned char)b->class;
    a->header[7] = b->rendition;
    memcpy(a->header + 8, key->id, KEY_ID_BYTES);
    put_le(a->header + 16, 8, b->generation);
    memcpy(a->subject, b->subject, SUBJECT_BYTES);
}

static size_t overhead(const struct suite_row *s)
{
    return HEADER_BYTES + s->nonce_bytes + TAG_BYTES;
}

/* The suite an envelope says it is of, if it is long enough for that. */
static const struct suite_row *suite_of(const unsigned char *sealed, size_t len)
{
    const struct suite_row *s = len > HEADER_BYTES ? suite_find(sealed[5]) : NULL;

    return s && len >= overhead(s) ? s : NULL;
}

enum err envelope_seal_suite(struct buf *out, enum suite suite, const struct dek *key,
                             const struct binding *b, const void *plain, size_t len)
{
    const struct suite_row *s = suite_find(suite);
    struct additional a;
    unsigned char *at;

    TRY(buf_extend(out, overhead(s) + len, &at));
    describe(&a, s, key, b);
    memcpy(at, a.header, HEADER_BYTES);
    at += HEADER_BYTES;
    randombytes_buf(at, s->nonce_bytes);
    (void)s->seal(at + s->nonce_bytes, NULL, plain, len, (const unsigned char *)&a, sizeof a, NULL, at,
                  key->bytes);
    return OK;
}

enum err envelope_seal(struct buf *out, const struct dek *key, const struct binding *b, const void *plain,
                       size_t len)
{
    return envelope_seal_suite(out, envelope_suite(), key, b, plain, len);
}

enum err envelope_plain_len(size_t *plain_len, const void *sealed, size_t len)
{
    const struct suite_row *s = suite_of(sealed, len);

    if (!s)
        return ERR_CORRUPT;
    *plain_len = len - overhead(s);
    return OK;
}

enum err envelope_open_locked(unsigned char *plain, size_t plain_len, const struct dek *key,
                              const struct binding *b, const void *sealed, size_t len)
{
    const unsigned char *at = sealed;
    const struct suite_row *s = suite_of(at, len);
    struct additional a;

    if (!s || len - overhead(s) != plain_len)
        return ERR_CORRUPT;
    describe(&a, s, key, b);
    if (memcmp(at, a.header, HEADER_BYTES) != 0)
        return ERR_CORRUPT;
    if (!s->is_available())
        return ERR_DENIED;
    at += HEADER_BYTES;
    if (s->open(plain, NULL, NULL, at + s->nonce_bytes, plain_len + TAG_BYTES, (const unsigned char *)&a,
                sizeof a, at, key->bytes)) {
        sodium_memzero(plain, plain_len);
        return ERR_CORRUPT;
    }
    return OK;
}

enum err envelope_open(struct buf *out, const struct dek *key, const struct binding *b, const void *sealed,
                       size_t len)
{
    size_t start = buf_len(out), plain_len;
    unsigned char *plain;
    enum err e;

    TRY(envelope_plain_len(&plain_len, sealed, len));
    TRY(buf_extend(out, plain_len, &plain));
    e = envelope_open_locked(plain, plain_len, key, b, sealed, len);
    if (e)
        buf_truncate(out, start);
    return e;
}

const unsigned char *envelope_key_id(const void *sealed, size_t len)
{
    return len >= HEADER_BYTES ? (const unsigned char *)sealed + 8 : NULL;
}

enum suite envelope_suite(void)
{
    size_t i = 0;

    while (!suites[i].is_available())
        i++;
    return suites[i].suite;
}

size_t envelope_len(size_t len)
{
    return overhead(suite_find(envelope_suite())) + len;
}

const char *suite_name(enum suite suite)
{
    const struct suite_row *s = suite_find(suite);

    return s ? s->name : NULL;
}
