#ifndef PHOTOD_CTL_HASH_H
#define PHOTOD_CTL_HASH_H

#include <stdint.h>
#include "photod/base/buf.h"

/*
 * SHA-256 and base64, both from GnuTLS.  The verifier of logs and receipts
 * shares no code with what wrote them: photod writes with libsodium, of which
 * photoctl may use what age needs (age.h), but neither hashes nor signatures.
 */
#define HASH_BYTES 32

void hash_sha256(unsigned char out[static HASH_BYTES], const void *bytes, size_t len);
/* Of bytes as they come. */
struct hash;

MUST_CHECK enum err hash_new(struct hash **out);
void hash_add(struct hash *h, const void *bytes, size_t len);
/* Of all so far, and how many they were. */
void hash_get(unsigned char out[static HASH_BYTES], uint64_t *len, const struct hash *h);
void hash_free(struct hash *h);
DEFINE_CLEANUP(hash)
/* Of a file from its offset to its end, and how many bytes that were.  Expected: ERR_IO. */
MUST_CHECK enum err hash_sha256_fd(unsigned char out[static HASH_BYTES], uint64_t *len, int fd);

/* RFC 4648, section 4, and only its canonical form.  Expected: ERR_MALFORMED, ERR_LIMIT (past out's ceiling).
 */
MUST_CHECK enum err base64_decode(struct buf *out, const char *text, size_t len);
/* Exactly HASH_BYTES.  Expected: ERR_MALFORMED. */
MUST_CHECK enum err base64_decode_hash(unsigned char out[static HASH_BYTES], const char *text, size_t len);
/* Appended. */
MUST_CHECK enum err base64_encode(struct buf *out, const void *bytes, size_t len);

#endif
