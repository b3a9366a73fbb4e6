#ifndef PHOTOD_BASE_TEXT_H
#define PHOTOD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "photod/base/err.h"

/* Small, strict text helpers: ASCII only, no locale. */

/* Writes 2*len lower-case digits and a NUL to text. */
void hex_encode(char *text, const void *bytes, size_t len);
/* Expected: ERR_MALFORMED unless text is exactly 2*len hexadecimal digits. */
MUST_CHECK enum err hex_decode(void *bytes, size_t len, const char *text);

/* Decimal, no sign, no leading zero but "0".  Expected: ERR_MALFORMED, ERR_LIMIT past max. */
MUST_CHECK enum err u64_parse(uint64_t *out, const char *text, uint64_t max);

/* Whether text is exactly `digits` ASCII digits. */
bool text_is_digits(const char *text, size_t digits);

/* Copies a C string into a fixed array.  Expected: ERR_LIMIT, nothing copied, when it does not fit. */
MUST_CHECK enum err text_copy(char *to, size_t size, const char *from);

/* Cuts blanks (space, tab, CR, LF) off both ends, in place, and returns the new start. */
char *text_trim(char *text);

#endif
