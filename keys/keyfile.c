/*
 * The key file: an envelope under a key derived from the root key, holding a
 * struct key_content; while the root key is being replaced, behind it the
 * same content under the new one.  Opened, that content stays in locked memory as it
 * is, and what is used often is expanded beside it.
 */
#include <string.h>
#include "keys/inside.h"
#include "keys/seal.h"
#include "photod/base/text.h"

#define KEY_FILE_MAX 4096

_Static_assert(sizeof(struct key_content) == 364, "the layout of format 1");
_Static_assert(crypto_kdf_KEYBYTES == ROOT_KEY_BYTES, "root key");
_Static_assert(crypto_sign_SEEDBYTES == sizeof((struct key_content *)0)->sign_seed, "seed");

const struct binding key_file_binding = {.class = SEAL_KEY_FILE};

enum err keys_init(void)
{
    if (sodium_init() < 0)
        return ERR_IO;
    return dek_arena_open();
}

const struct key_content *keys_content(const struct keys *k)
{
    return (const struct key_content *)secret_peek(k->content);
}

enum err root_dek(struct dek **out, const struct secret *root)
{
    static const char context[crypto_kdf_CONTEXTBYTES] = {'p', 'h', 'd', 'k', 'e', 'y', 'f', 'l'};
    struct dek *d;

    if (secret_len(root) != ROOT_KEY_BYTES)
        return ERR_CORRUPT;
    TRY(dek_reserve(&d));
    (void)crypto_kdf_derive_from_key(d->bytes, sizeof d->bytes, 1, context, secret_peek(root));
    dek_name(d);
    *out = d;
    return OK;
}

/* It opens every checkpoint and is a key name of signed-note: one printable ASCII word without '+'. */
static bool is_origin(const char *origin)
{
    size_t len = strlen(origin);

    for (const char *c = origin; *c; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == '+')
            return false;
    return len >= 1 && len <= 100;
}

/* Expands what is used often from the content, which the caller has put in place and checked. */
static enum err expand(struct keys *k)
{
    const struct key_content *c = keys_content(k);
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];

    TRY(dek_copy(&k->record, c->record));
    k->ring_epoch = get_le(c->ring_epoch, sizeof c->ring_epoch);
    for (size_t count = (size_t)get_le(c->ring_count, sizeof c->ring_count); k->ring_count < count;
         k->ring_count++)
        TRY(dek_copy(&k->ring[k->ring_count], c->ring[k->ring_count]));
    TRY(secret_new(&k->sign, crypto_sign_SECRETKEYBYTES));
    (void)crypto_sign_seed_keypair(public_key, secret_bytes(k->sign), c->sign_seed);
    return OK;
}

enum err keys_create(struct keys **out, const char *origin, const char *share_set)
{
    CLEANUP(keys) struct keys *k = calloc(1, sizeof *k);
    struct key_content *c;

    if (!k)
        return ERR_NOMEM;
    if (!is_origin(origin))
        return ERR_MALFORMED;
    TRY(secret_new(&k->content, sizeof *c));
    c = (struct key_content *)secret_bytes(k->content);
    put_le(c->format, sizeof c->format, KEYS_FORMAT);
    put_le(c->ring_count, sizeof c->ring_count, 1);
    put_le(c->ring_epoch, sizeof c->ring_epoch, 1);
    randombytes_buf(c->index, sizeof c->index);
    randombytes_buf(c->commit, sizeof c->commit);
    randombytes_buf(c->sign_seed, sizeof c->sign_seed);
    randombytes_buf(c->record, sizeof c->record);
    randombytes_buf(c->ring[0], sizeof c->ring[0]);
    memcpy(c->origin, origin, strlen(origin));
    put_le(c->root_epoch, sizeof c->root_epoch, 1);
    TRY(hex_decode(c->share_set, sizeof c->share_set, share_set));
    TRY(expand(k));
    *out = TAKE(k);
    return OK;
}

/* Whether what the envelope held is a content that we understand.  It is authentic: this finds other
 * versions. */
static enum err check(const struct secret *content)
{
    const struct key_content *c = (const struct key_content *)secret_peek(content);
    uint64_t format, ring_count;

    if (secret_len(content) < sizeof c->format)
        return ERR_CORRUPT;
    format = get_le(c->format, sizeof c->format);
    if (format > KEYS_FORMAT)
        return ERR_DENIED;
    if (format != KEYS_FORMAT || secret_len(content) != sizeof *c)
        return ERR_CORRUPT;
    ring_count = get_le(c->ring_count, sizeof c->ring_count);
    if (ring_count < 1 || ring_count > RING_KEY_MAX)
        return ERR_CORRUPT;
    if (!memchr(c->origin, '\0', sizeof c->origin) || !is_origin((const char *)c->origin))
        return ERR_CORRUPT;
    return OK;
}

/* Of two envelopes of one length, the one that names the key. */
static void choose(const unsigned char **at, size_t *len, const struct dek *key)
{
    const unsigned char *second = *at + *len / 2;
    size_t plain_len;

    if (*len % 2 || envelope_plain_len(&plain_len, *at, *len / 2) || plain_len != sizeof(struct key_content))
        return;
    *len /= 2;
    if (memcmp(envelope_key_id(second, *len), key->id, KEY_ID_BYTES) == 0)
        *at = second;
}

enum err keys_open(struct keys **out, const struct secret *root, const void *bytes, size_t len)
{
    CLEANUP(keys) struct keys *k = calloc(1, sizeof *k);
    CLEANUP(dek) struct dek *key = NULL;
    const unsigned char *at = bytes;
    size_t plain_len;

    if (!k)
        return ERR_NOMEM;
    TRY(root_dek(&key, root));
    choose(&at, &len, key);
    TRY(envelope_plain_len(&plain_len, at, len));
    if (plain_len > KEY_FILE_MAX)
        return ERR_CORRUPT;
    TRY(secret_new(&k->content, plain_len));
    TRY(envelope_open_locked(secret_bytes(k->content), plain_len, key, &key_file_binding, at, len));
    TRY(check(k->content));
    TRY(expand(k));
    *out = TAKE(k);
    return OK;
}

static enum err seal_by(struct buf *out, const struct keys *k, const struct secret *root)
{
    CLEANUP(dek) struct dek *key = NULL;

    TRY(root_dek(&key, root));
    return envelope_seal(out, key, &key_file_binding, secret_peek(k->content), secret_len(k->content));
}

enum err keys_seal(struct buf *out, const struct keys *k, const struct secret *root)
{
    CLEANUP(secret) struct secret *next = NULL;

    TRY(seal_by(out, k, root));
    if (!keys_root_is_changing(k))
        return OK;
    TRY(secret_new(&next, ROOT_KEY_BYTES));
    memcpy(secret_bytes(next), keys_content(k)->next_root, ROOT_KEY_BYTES);
    return seal_by(out, k, next);
}

/* ---- Replacing the root key ---- */

static struct key_content *content_of(struct keys *k)
{
    return (struct key_content *)secret_bytes(k->content);
}

enum err keys_root_begin(struct keys *k, const struct secret *next, const char *share_set)
{
    struct key_content *c = content_of(k);
    unsigned char set[SHARE_SET_BYTES];

    if (secret_len(next) != ROOT_KEY_BYTES)
        return ERR_CORRUPT;
    TRY(hex_decode(set, sizeof set, share_set));
    memcpy(c->next_root, secret_peek(next), sizeof c->next_root);
    memcpy(c->next_share_set, set, sizeof set);
    put_le(c->next_is_set, sizeof c->next_is_set, 1);
    return OK;
}

void keys_root_cancel(struct keys *k)
{
    struct key_content *c = content_of(k);

    sodium_memzero(c->next_root, sizeof c->next_root);
    sodium_memzero(c->next_share_set, sizeof c->next_share_set);
    put_le(c->next_is_set, sizeof c->next_is_set, 0);
}

void keys_root_end(struct keys *k)
{
    struct key_content *c = content_of(k);

    if (!keys_root_is_changing(k))
        return;
    memcpy(c->share_set, c->next_share_set, sizeof c->share_set);
    put_le(c->root_epoch, sizeof c->root_epoch, keys_root_epoch(k) + 1);
    keys_root_cancel(k);
}

bool keys_root_is_changing(const struct keys *k)
{
    return get_le(keys_content(k)->next_is_set, sizeof keys_content(k)->next_is_set) != 0;
}

bool keys_root_is_next(const struct keys *k, const struct secret *root)
{
    return keys_root_is_changing(k) && secret_len(root) == ROOT_KEY_BYTES &&
           sodium_memcmp(secret_peek(root), keys_content(k)->next_root, ROOT_KEY_BYTES) == 0;
}

uint64_t keys_root_epoch(const struct keys *k)
{
    return get_le(keys_content(k)->root_epoch, sizeof keys_content(k)->root_epoch);
}

void keys_share_set(char set[static 9], const struct keys *k)
{
    hex_encode(set, keys_content(k)->share_set, SHARE_SET_BYTES);
}

/* ---- Beginning another log ---- */

enum err keys_begin_log(struct keys *k, const char *origin)
{
    struct key_content *c = content_of(k);
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];

    if (!is_origin(origin))
        return ERR_MALFORMED;
    memset(c->origin, 0, sizeof c->origin);
    memcpy(c->origin, origin, strlen(origin));
    randombytes_buf(c->sign_seed, sizeof c->sign_seed);
    (void)crypto_sign_seed_keypair(public_key, secret_bytes(k->sign), c->sign_seed);
    k->has_signed = false;
    return OK;
}

/* ---- Names and commitments ---- */

void keys_free(struct keys *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < RING_KEY_MAX; i++)
        dek_free(k->ring[i]);
    dek_free(k->record);
    secret_free(k->sign);
    secret_free(k->content);
    free(k);
}

/* The domain's length goes first, so that no domain and bytes together read as another pair. */
static void keyed_hash(unsigned char out[static 16], const unsigned char key[static 32], const char *domain,
                       const void *bytes, size_t len)
{
    crypto_generichash_state state;
    size_t domain_len = strlen(domain);
    unsigned char prefix = (unsigned char)domain_len;

    if (domain_len > 255)
        abort(); /* domains are literals of ours */
    (void)crypto_generichash_init(&state, key, 32, 16);
    (void)crypto_generichash_update(&state, &prefix, 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)domain, domain_len);
    (void)crypto_generichash_update(&state, bytes, len);
    (void)crypto_generichash_final(&state, out, 16);
    sodium_memzero(&state, sizeof state);
}

void keys_sid(unsigned char sid[static SID_BYTES], const struct keys *k, const char *state_id)
{
    keys_index(sid, k, "state-id", state_id, strlen(state_id));
}

void keys_index(unsigned char id[static SID_BYTES], const struct keys *k, const char *domain,
                const void *bytes, size_t len)
{
    keyed_hash(id, keys_content(k)->index, domain, bytes, len);
}

void keys_commit(unsigned char out[static COMMITMENT_BYTES], const struct keys *k, const char *domain,
                 const void *bytes, size_t len)
{
    keyed_hash(out, keys_content(k)->commit, domain, bytes, len);
}

const struct dek *keys_record_key(const struct keys *k)
{
    return k->record;
}
