#ifndef PHOTOD_UNSEAL_SEALED_H
#define PHOTOD_UNSEAL_SEALED_H

#include <stddef.h>
#include "photod/base/err.h"

/*
 * The root key file of seal method pkcs11: text, five lines.
 *
 *   photod root key, sealed by a PKCS#11 token (1)
 *   token pkcs11:model=...;serial=...    which one sealed it, for people (RFC 7512, no PIN)
 *   key DIGITS                           the CKA_ID of the AES-256 key, which never leaves the token
 *   aes-256-gcm DIGITS                   IV, root key and tag, bound to the lines above
 *   check DIGITS                         4 bytes of BLAKE2b-256 over the lines above
 *
 * The check needs no secret: it tells a damaged file from another key's.
 */
#define SEALED_TOKEN_MAX 512
#define SEALED_ID_MAX    64
#define SEALED_TEXT_MAX  1024
#define SEALED_IV        12
#define SEALED_KEY       32
#define SEALED_TAG       16

struct sealed_root {
    char token[SEALED_TOKEN_MAX];
    unsigned char key_id[SEALED_ID_MAX];
    size_t key_id_len; /* at least 1 */
    unsigned char iv[SEALED_IV];
    unsigned char sealed[SEALED_KEY + SEALED_TAG];
};

/* Expected: ERR_MALFORMED for all that sealed_print() would not have written just so. */
MUST_CHECK enum err sealed_parse(struct sealed_root *out, const char *text, size_t len);
/* The file's text; its length. */
size_t sealed_print(char text[static SEALED_TEXT_MAX], const struct sealed_root *s);
/* The first three lines: what the token binds the root key to; their length. */
size_t sealed_bound(char text[static SEALED_TEXT_MAX], const struct sealed_root *s);

#endif
