#ifndef PHOTOD_CTL_AGE_INSIDE_H
#define PHOTOD_CTL_AGE_INSIDE_H

#include <sodium.h>
#include "photod/ctl/age.h"

/* What the parts of age share: the numbers of the format, and its keys. */
#define AGE_VERSION      "age-encryption.org/v1"
#define AGE_STANZA       "X25519"
#define AGE_FILE_KEY     16
#define AGE_WRAPPED      (AGE_FILE_KEY + crypto_aead_chacha20poly1305_ietf_ABYTES)
#define AGE_NONCE        16 /* before the payload */
#define AGE_CHUNK        65536u
#define AGE_CHUNK_SEALED (AGE_CHUNK + crypto_aead_chacha20poly1305_ietf_ABYTES)
#define AGE_MAC          crypto_auth_hmacsha256_BYTES
#define AGE_BASE64(n)    sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)

/* A fresh share and the file key wrapped for one recipient.  Expected: ERR_DENIED, the key is a weak point.
 */
MUST_CHECK enum err age_wrap(unsigned char share[static AGE_KEY_BYTES],
                             unsigned char wrapped[static AGE_WRAPPED], const unsigned char *recipient,
                             const unsigned char *file_key);
/* Expected: ERR_DENIED, it is not for this identity. */
MUST_CHECK enum err age_unwrap(unsigned char file_key[static AGE_FILE_KEY], const unsigned char *share,
                               const unsigned char *wrapped, const unsigned char *identity);
/* Of the header up to and with its "---". */
void age_mac(unsigned char mac[static AGE_MAC], const unsigned char *file_key, const void *header,
             size_t len);
void age_payload_key(unsigned char key[static AGE_KEY_BYTES], const unsigned char *file_key,
                     const unsigned char *nonce);
/* The nonce of chunk n: its number (11, BE), and whether it is the last. */
void age_chunk_nonce(unsigned char nonce[static crypto_aead_chacha20poly1305_ietf_NPUBBYTES], uint64_t chunk,
                     bool last);

#endif
