#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "photod/ctl/age_inside.h"

#define HEADER_MAX  16384u
#define STANZAS_MAX 32 /* nothing vouches for the header before it is worked through */
#define BODY_MAX    64 /* columns of a body's line */

struct age_reader {
    int fd;
    struct hash *hash;
    off_t at;
    uint64_t chunk;
    bool ended;
    unsigned char key[AGE_KEY_BYTES];
    unsigned char plain[AGE_CHUNK], sealed[AGE_CHUNK_SEALED + 1];
};

static enum err not_age(struct fault *fault, const char *what)
{
    return fault_set(fault, ERR_MALFORMED, "it is no age file: %s", what);
}

static enum err read_at(size_t *len, struct fault *fault, int fd, void *to, size_t max, off_t at)
{
    unsigned char *bytes = to;

    for (*len = 0; *len < max;) {
        ssize_t n = pread(fd, bytes + *len, max - *len, at + (off_t)*len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_set(fault, ERR_IO, "it cannot be read: %s", strerror(errno));
        if (!n)
            break;
        *len += (size_t)n;
    }
    return OK;
}

/* ---- The header ---- */

struct header {
    const char *bytes, *at, *end;
    const struct age_identities *with;
    bool opened;
    unsigned char file_key[AGE_FILE_KEY];
};

struct line {
    const char *at;
    size_t len;
};

static enum err next_line(struct header *h, struct line *l)
{
    const char *end = memchr(h->at, '\n', (size_t)(h->end - h->at));

    if (!end)
        return ERR_MALFORMED;
    *l = (struct line){h->at, (size_t)(end - h->at)};
    h->at = end + 1;
    return OK;
}

static bool starts(const struct line *l, const char *with)
{
    return l->len >= strlen(with) && memcmp(l->at, with, strlen(with)) == 0;
}

/* Canonical, of exactly this many bytes. */
static enum err unbase64(unsigned char *bytes, size_t want, const char *text, size_t len)
{
    size_t got = 0;

    if (sodium_base642bin(bytes, want, text, len, NULL, &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING) ||
        got != want)
        return ERR_MALFORMED;
    return OK;
}

static enum err try_stanza(struct header *h, const struct line *args, const struct line *body, bool long_body)
{
    static const char name[] = "-> " AGE_STANZA " ";
    unsigned char share[AGE_KEY_BYTES], wrapped[AGE_WRAPPED];

    if (!starts(args, name))
        return OK; /* of another kind */
    if (long_body || unbase64(share, sizeof share, args->at + strlen(name), args->len - strlen(name)) ||
        unbase64(wrapped, sizeof wrapped, body->at, body->len))
        return ERR_MALFORMED;
    for (unsigned i = 0; i < h->with->count && !h->opened; i++)
        h->opened = !age_unwrap(h->file_key, share, wrapped, h->with->key[i]);
    return OK;
}

/* A body is lines of 64 columns and one that is shorter. */
static enum err read_stanza(struct header *h, const struct line *args)
{
    struct line body;
    bool long_body = false;

    TRY(next_line(h, &body));
    while (body.len == BODY_MAX) {
        long_body = true;
        TRY(next_line(h, &body));
    }
    if (body.len > BODY_MAX)
        return ERR_MALFORMED;
    return try_stanza(h, args, &body, long_body);
}

static enum err read_stanzas(struct header *h, struct fault *fault, struct line *last)
{
    for (unsigned count = 0;; count++) {
        if (next_line(h, last))
            return not_age(fault, "its header does not end");
        if (!starts(last, "-> "))
            return count ? OK : not_age(fault, "it has no recipients");
        if (count == STANZAS_MAX)
            return not_age(fault, "it has more than 32 recipients");
        if (read_stanza(h, last))
            return not_age(fault, "a recipient in its header is malformed");
    }
}

static enum err check_mac(const struct header *h, struct fault *fault, const struct line *last)
{
    unsigned char mac[AGE_MAC], want[AGE_MAC];

    if (!starts(last, "--- ") || unbase64(want, sizeof want, last->at + 4, last->len - 4))
        return not_age(fault, "its header's end is malformed");
    if (!h->opened)
        return fault_set(fault, ERR_DENIED, "it is not encrypted for this identity");
    age_mac(mac, h->file_key, h->bytes, (size_t)(last->at - h->bytes) + 3);
    return sodium_memcmp(mac, want, sizeof mac) ? fault_set(fault, ERR_CORRUPT, "its header was changed")
                                                : OK;
}

static enum err read_header(struct age_reader *r, struct fault *fault, struct header *h)
{
    struct line line;

    if (next_line(h, &line) || line.len != strlen(AGE_VERSION) || !starts(&line, AGE_VERSION))
        return not_age(fault, "it does not begin as one of version 1");
    TRY(read_stanzas(h, fault, &line));
    TRY(check_mac(h, fault, &line));
    if (h->end - h->at < AGE_NONCE)
        return fault_set(fault, ERR_CORRUPT, "it is cut short");
    age_payload_key(r->key, h->file_key, (const unsigned char *)h->at);
    r->at = h->at - h->bytes + AGE_NONCE;
    hash_add(r->hash, h->bytes, (size_t)r->at);
    return OK;
}

enum err age_reader_new(struct age_reader **out, struct fault *fault, int fd,
                        const struct age_identities *with)
{
    CLEANUP(age_reader) struct age_reader *r = calloc(1, sizeof *r);
    char bytes[HEADER_MAX];
    struct header h = {.bytes = bytes, .at = bytes, .with = with};
    size_t len;
    enum err e;

    if (!r || hash_new(&r->hash))
        return fault_set(fault, ERR_NOMEM, "out of memory");
    r->fd = fd;
    TRY(read_at(&len, fault, fd, bytes, sizeof bytes, 0));
    h.end = bytes + len;
    e = read_header(r, fault, &h);
    sodium_memzero(h.file_key, sizeof h.file_key);
    TRY(e);
    *out = TAKE(r);
    return OK;
}

/* ---- The payload ---- */

enum err age_read(struct age_reader *r, struct fault *fault, const unsigned char **bytes, size_t *len)
{
    unsigned char nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    size_t sealed;
    bool last;

    *bytes = r->plain;
    *len = 0;
    if (r->ended)
        return OK;
    TRY(read_at(&sealed, fault, r->fd, r->sealed, sizeof r->sealed, r->at));
    last = sealed <= AGE_CHUNK_SEALED;
    if (!last)
        sealed = AGE_CHUNK_SEALED;
    age_chunk_nonce(nonce, r->chunk, last);
    if (sealed < crypto_aead_chacha20poly1305_ietf_ABYTES ||
        crypto_aead_chacha20poly1305_ietf_decrypt(r->plain, NULL, NULL, r->sealed, sealed, NULL, 0, nonce,
                                                  r->key))
        return fault_set(fault, ERR_CORRUPT, "it is cut short or was changed, in or before byte %llu",
                         (unsigned long long)r->at + sealed);
    *len = sealed - crypto_aead_chacha20poly1305_ietf_ABYTES;
    if (!*len && r->chunk)
        return fault_set(fault, ERR_CORRUPT, "it has an empty chunk at its end");
    hash_add(r->hash, r->sealed, sealed);
    r->at += (off_t)sealed;
    r->chunk++;
    r->ended = last;
    return OK;
}

void age_reader_hash(unsigned char out[static HASH_BYTES], uint64_t *bytes, const struct age_reader *r)
{
    hash_get(out, bytes, r->hash);
}

void age_reader_free(struct age_reader *r)
{
    if (!r)
        return;
    hash_free(r->hash);
    sodium_memzero(r, sizeof *r);
    free(r);
}
