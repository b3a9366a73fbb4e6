#include <sodium.h>
#include "photod/ctl/hkdf.h"

_Static_assert(crypto_auth_hmacsha256_BYTES == HKDF_BYTES, "one block");

void hkdf_sha256(unsigned char out[static HKDF_BYTES], const void *key, size_t key_len, const void *salt,
                 size_t salt_len, const void *info, size_t info_len)
{
    static const unsigned char one = 1;
    crypto_auth_hmacsha256_state state;
    unsigned char extracted[crypto_auth_hmacsha256_BYTES];

    (void)crypto_auth_hmacsha256_init(&state, salt, salt_len);
    (void)crypto_auth_hmacsha256_update(&state, key, key_len);
    (void)crypto_auth_hmacsha256_final(&state, extracted);
    (void)crypto_auth_hmacsha256_init(&state, extracted, sizeof extracted);
    (void)crypto_auth_hmacsha256_update(&state, info, info_len);
    (void)crypto_auth_hmacsha256_update(&state, &one, 1);
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(extracted, sizeof extracted);
    sodium_memzero(&state, sizeof state);
}
