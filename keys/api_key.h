#ifndef KEYS_API_KEY_H
#define KEYS_API_KEY_H

#include "photod/base/err.h"

/*
 * District keys: phk_<kid>_<secret>_<check>, all lower-case hexadecimal:
 * kid 8 digits (which key), secret 64 (256 random bits), check 8 (the first
 * four bytes of BLAKE2b-256 over what stands before it, so that a typing
 * error is found without asking).  The vault keeps BLAKE2b-256 of the whole; so
 * strong a secret needs no slow hash.  Shown once.
 */
#define API_KEY_TEXT       87
#define API_KEY_KID_TEXT   9
#define API_KEY_HASH_BYTES 32

/* A new key: its text (wipe it), its kid and the hash to keep. */
void api_key_new(char text[static API_KEY_TEXT], char kid[static API_KEY_KID_TEXT],
                 unsigned char hash[static API_KEY_HASH_BYTES]);
/* Expected: ERR_MALFORMED for a text that is no key or fails its check. */
MUST_CHECK enum err api_key_parse(const char *text, char kid[static API_KEY_KID_TEXT],
                                  unsigned char hash[static API_KEY_HASH_BYTES]);
/* In constant time.  Expected: ERR_DENIED when they differ. */
MUST_CHECK enum err api_key_compare(const unsigned char a[static API_KEY_HASH_BYTES],
                                    const unsigned char b[static API_KEY_HASH_BYTES]);

#endif
