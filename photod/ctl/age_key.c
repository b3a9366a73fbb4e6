#include <string.h>
#include "photod/ctl/age_inside.h"
#include "photod/ctl/bech32.h"
#include "photod/ctl/hkdf.h"

#define RECIPIENT_PREFIX "age"
#define IDENTITY_PREFIX  "age-secret-key-"

enum err age_init(void)
{
    return sodium_init() < 0 ? ERR_IO : OK;
}

/* ---- Text ---- */

static enum err decode(unsigned char key[static AGE_KEY_BYTES], const char *prefix, const char *text)
{
    unsigned char bytes[BECH32_BYTES_MAX];
    size_t len = 0;
    enum err e = bech32_decode(bytes, &len, prefix, text);

    if (!e && len != AGE_KEY_BYTES)
        e = ERR_MALFORMED;
    if (!e)
        memcpy(key, bytes, AGE_KEY_BYTES);
    sodium_memzero(bytes, sizeof bytes);
    return e ? ERR_MALFORMED : OK;
}

enum err age_recipient_add(struct age_recipients *to, struct fault *fault, const char *text)
{
    if (to->count == AGE_RECIPIENTS_MAX)
        return fault_set(fault, ERR_LIMIT, "more than %d recipients", AGE_RECIPIENTS_MAX);
    if (decode(to->key[to->count], RECIPIENT_PREFIX, text))
        return fault_set(fault, ERR_MALFORMED, "%.80s is no age recipient (age1..., as age-keygen shows it)",
                         text);
    to->count++;
    return OK;
}

static enum err add_line(struct age_identities *to, struct fault *fault, char *line, unsigned number)
{
    line[strcspn(line, "\r")] = '\0';
    if (!*line || *line == '#')
        return OK;
    if (to->count == AGE_IDENTITIES_MAX)
        return fault_set(fault, ERR_LIMIT, "more than %d identities", AGE_IDENTITIES_MAX);
    if (decode(to->key[to->count], IDENTITY_PREFIX, line)) /* never the text itself */
        return fault_set(fault, ERR_MALFORMED, "line %u is no age identity (AGE-SECRET-KEY-1...)", number);
    to->count++;
    return OK;
}

enum err age_identities_add(struct age_identities *to, struct fault *fault, const char *text)
{
    unsigned before = to->count, number = 0;

    while (*text) {
        size_t len = strcspn(text, "\n");
        char line[512];
        enum err e;

        number++;
        if (len >= sizeof line)
            return fault_set(fault, ERR_MALFORMED, "line %u is too long for an age identity", number);
        memcpy(line, text, len);
        line[len] = '\0';
        e = add_line(to, fault, line, number);
        sodium_memzero(line, sizeof line);
        TRY(e);
        text += len + (text[len] == '\n');
    }
    if (to->count == before)
        return fault_set(fault, ERR_MALFORMED, "it holds no age identity (AGE-SECRET-KEY-1...)");
    return OK;
}

void age_identities_clear(struct age_identities *i)
{
    sodium_memzero(i, sizeof *i);
}

/* ---- Keys ---- */

static void wrap_key(unsigned char key[static HKDF_BYTES], const unsigned char *shared,
                     const unsigned char *share, const unsigned char *recipient)
{
    static const char info[] = AGE_VERSION "/" AGE_STANZA;
    unsigned char salt[2 * AGE_KEY_BYTES];

    memcpy(salt, share, AGE_KEY_BYTES);
    memcpy(salt + AGE_KEY_BYTES, recipient, AGE_KEY_BYTES);
    hkdf_sha256(key, shared, AGE_KEY_BYTES, salt, sizeof salt, info, strlen(info));
}

static const unsigned char wrap_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES]; /* the key is used once */

enum err age_wrap(unsigned char share[static AGE_KEY_BYTES], unsigned char wrapped[static AGE_WRAPPED],
                  const unsigned char *recipient, const unsigned char *file_key)
{
    unsigned char secret[AGE_KEY_BYTES], shared[AGE_KEY_BYTES], key[HKDF_BYTES];
    enum err e = OK;

    randombytes_buf(secret, sizeof secret);
    (void)crypto_scalarmult_base(share, secret);
    if (crypto_scalarmult(shared, secret, recipient))
        e = ERR_DENIED;
    wrap_key(key, shared, share, recipient);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(wrapped, NULL, file_key, AGE_FILE_KEY, NULL, 0, NULL,
                                                    wrap_nonce, key);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(shared, sizeof shared);
    sodium_memzero(key, sizeof key);
    return e;
}

enum err age_unwrap(unsigned char file_key[static AGE_FILE_KEY], const unsigned char *share,
                    const unsigned char *wrapped, const unsigned char *identity)
{
    unsigned char shared[AGE_KEY_BYTES], recipient[AGE_KEY_BYTES], key[HKDF_BYTES];
    enum err e = OK;

    (void)crypto_scalarmult_base(recipient, identity);
    if (crypto_scalarmult(shared, identity, share))
        return ERR_DENIED;
    wrap_key(key, shared, share, recipient);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(file_key, NULL, NULL, wrapped, AGE_WRAPPED, NULL, 0,
                                                  wrap_nonce, key))
        e = ERR_DENIED;
    sodium_memzero(shared, sizeof shared);
    sodium_memzero(key, sizeof key);
    return e;
}

void age_mac(unsigned char mac[static AGE_MAC], const unsigned char *file_key, const void *header, size_t len)
{
    crypto_auth_hmacsha256_state state;
    unsigned char key[HKDF_BYTES];

    hkdf_sha256(key, file_key, AGE_FILE_KEY, "", 0, "header", 6);
    (void)crypto_auth_hmacsha256_init(&state, key, sizeof key);
    (void)crypto_auth_hmacsha256_update(&state, header, len);
    (void)crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(key, sizeof key);
    sodium_memzero(&state, sizeof state);
}

void age_payload_key(unsigned char key[static AGE_KEY_BYTES], const unsigned char *file_key,
                     const unsigned char *nonce)
{
    hkdf_sha256(key, file_key, AGE_FILE_KEY, nonce, AGE_NONCE, "payload", 7);
}

void age_chunk_nonce(unsigned char nonce[static crypto_aead_chacha20poly1305_ietf_NPUBBYTES], uint64_t chunk,
                     bool last)
{
    memset(nonce, 0, crypto_aead_chacha20poly1305_ietf_NPUBBYTES);
    for (size_t i = crypto_aead_chacha20poly1305_ietf_NPUBBYTES - 1; i-- > 0; chunk >>= 8)
        nonce[i] = (unsigned char)chunk;
    nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES - 1] = last;
}
