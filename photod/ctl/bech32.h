#ifndef PHOTOD_CTL_BECH32_H
#define PHOTOD_CTL_BECH32_H

#include <stddef.h>
#include "photod/base/err.h"

/* Bech32 (BIP 173), the text form of age's keys. */
#define BECH32_TEXT_MAX  90
#define BECH32_BYTES_MAX 50

/*
 * Bytes of a text whose human-readable part is `prefix` (lower case); upper
 * or lower case throughout.  Expected: ERR_MALFORMED, and ERR_DENIED when it
 * is sound but has another prefix.
 */
MUST_CHECK enum err bech32_decode(unsigned char bytes[static BECH32_BYTES_MAX], size_t *len,
                                  const char *prefix, const char *text);
/* Lower case.  Expected: ERR_LIMIT. */
MUST_CHECK enum err bech32_encode(char text[static BECH32_TEXT_MAX + 1], const char *prefix,
                                  const unsigned char *bytes, size_t len);

#endif
