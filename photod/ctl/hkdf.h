#ifndef PHOTOD_CTL_HKDF_H
#define PHOTOD_CTL_HKDF_H

#include <stddef.h>

/* HKDF-SHA-256 (RFC 5869) for one block of output, as age uses it; libsodium 1.0.18 has only the HMAC. */
#define HKDF_BYTES 32

void hkdf_sha256(unsigned char out[static HKDF_BYTES], const void *key, size_t key_len, const void *salt,
                 size_t salt_len, const void *info, size_t info_len);

#endif
