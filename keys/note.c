#include <string.h>
#include "keys/inside.h"
#include "keys/note.h"
#include "photod/base/text.h"

#define NOTE_KEY_ID_BYTES 4
#define SIGNATURE_TYPE    0x01 /* Ed25519, C2SP signed-note */
#define BASE64_TEXT(len)  sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL)
#define CHECKPOINT_MAX    512

static void base64(char *text, size_t size, const void *bytes, size_t len)
{
    (void)sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
}

/* SHA-256(name || 0x0A || 0x01 || public key)[:4] */
static void note_key_id(unsigned char id[static NOTE_KEY_ID_BYTES], const char *name,
                        const unsigned char *public_key)
{
    static const unsigned char type[] = {'\n', SIGNATURE_TYPE};
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;

    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)name, strlen(name));
    (void)crypto_hash_sha256_update(&state, type, sizeof type);
    (void)crypto_hash_sha256_update(&state, public_key, crypto_sign_PUBLICKEYBYTES);
    (void)crypto_hash_sha256_final(&state, hash);
    memcpy(id, hash, NOTE_KEY_ID_BYTES);
}

/* An Ed25519 secret key of libsodium ends in the public one. */
static const unsigned char *public_half(const unsigned char *sign)
{
    return sign + crypto_sign_SECRETKEYBYTES - crypto_sign_PUBLICKEYBYTES;
}

enum err note_sign(struct buf *out, const char *name,
                   const unsigned char sign[static crypto_sign_SECRETKEYBYTES], const char *text)
{
    unsigned char signature[NOTE_KEY_ID_BYTES + crypto_sign_BYTES];
    char encoded[BASE64_TEXT(sizeof signature)];

    note_key_id(signature, name, public_half(sign));
    (void)crypto_sign_detached(signature + NOTE_KEY_ID_BYTES, NULL, (const unsigned char *)text, strlen(text),
                               sign);
    base64(encoded, sizeof encoded, signature, sizeof signature);
    /* An em dash, as the format has it. */
    return buf_printf(out, "%s\n\xe2\x80\x94 %s %s\n", text, name, encoded);
}

enum err note_verifier(struct buf *out, const char *name,
                       const unsigned char public_key[static crypto_sign_PUBLICKEYBYTES])
{
    unsigned char id[NOTE_KEY_ID_BYTES], typed[1 + crypto_sign_PUBLICKEYBYTES] = {SIGNATURE_TYPE};
    char id_text[2 * NOTE_KEY_ID_BYTES + 1], encoded[BASE64_TEXT(sizeof typed)];

    note_key_id(id, name, public_key);
    hex_encode(id_text, id, sizeof id);
    memcpy(typed + 1, public_key, crypto_sign_PUBLICKEYBYTES);
    base64(encoded, sizeof encoded, typed, sizeof typed);
    return buf_printf(out, "%s+%s+%s", name, id_text, encoded);
}

/* A log that says two things of one size, or forgets what it said, is worth nothing. */
static bool contradicts(const struct keys *k, uint64_t size, const unsigned char *root)
{
    if (!k->has_signed || size > k->signed_size)
        return false;
    return size < k->signed_size || memcmp(root, k->signed_root, sizeof k->signed_root) != 0;
}

enum err keys_sign_checkpoint(struct buf *out, struct keys *k, uint64_t size,
                              const unsigned char root[static 32])
{
    CLEANUP(buf) struct buf *text = NULL;
    char encoded[BASE64_TEXT(32)];

    if (contradicts(k, size, root))
        return ERR_DENIED;
    base64(encoded, sizeof encoded, root, 32);
    TRY(buf_new(&text, CHECKPOINT_MAX));
    TRY(buf_printf(text, "%s\n%llu\n%s\n", keys_origin(k), (unsigned long long)size, encoded));
    /* Remembered first: better never to say it than to say otherwise later. */
    k->has_signed = true;
    k->signed_size = size;
    memcpy(k->signed_root, root, sizeof k->signed_root);
    return note_sign(out, keys_origin(k), secret_peek(k->sign), buf_text(text));
}

enum err keys_verifier(struct buf *out, const struct keys *k)
{
    return note_verifier(out, keys_origin(k), public_half(secret_peek(k->sign)));
}

const char *keys_origin(const struct keys *k)
{
    return (const char *)keys_content(k)->origin;
}
