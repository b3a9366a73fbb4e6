#include <stdio.h>
#include <string.h>
#include <sodium.h>
#include "keys/api_key.h"
#include "photod/base/text.h"

/* Where the parts stand in phk_<kid>_<secret>_<check>. */
#define PREFIX       "phk_"
#define KID_AT       4
#define SECRET_AT    (KID_AT + 8 + 1)
#define CHECK_AT     (SECRET_AT + 64 + 1)
#define CHECK_DIGITS 8

_Static_assert(CHECK_AT + CHECK_DIGITS + 1 == API_KEY_TEXT, "layout");

/* Over all that stands before the check, its underscore included. */
static void make_check(char check[static CHECK_DIGITS + 1], const char *text)
{
    unsigned char hash[crypto_generichash_BYTES];

    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)text, CHECK_AT, NULL, 0);
    hex_encode(check, hash, CHECK_DIGITS / 2);
}

static void make_hash(unsigned char hash[static API_KEY_HASH_BYTES], const char *text)
{
    (void)crypto_generichash(hash, API_KEY_HASH_BYTES, (const unsigned char *)text, API_KEY_TEXT - 1, NULL,
                             0);
}

static void copy_kid(char kid[static API_KEY_KID_TEXT], const char *text)
{
    memcpy(kid, text + KID_AT, API_KEY_KID_TEXT - 1);
    kid[API_KEY_KID_TEXT - 1] = '\0';
}

void api_key_new(char text[static API_KEY_TEXT], char kid[static API_KEY_KID_TEXT],
                 unsigned char hash[static API_KEY_HASH_BYTES])
{
    unsigned char random[4 + 32];

    randombytes_buf(random, sizeof random);
    memcpy(text, PREFIX, KID_AT);
    hex_encode(text + KID_AT, random, 4);
    text[SECRET_AT - 1] = '_';
    hex_encode(text + SECRET_AT, random + 4, 32);
    text[CHECK_AT - 1] = '_';
    make_check(text + CHECK_AT, text);
    sodium_memzero(random, sizeof random);
    copy_kid(kid, text);
    make_hash(hash, text);
}

/* Exactly so many lower-case digits: one key has one text, and so one hash. */
static bool is_hex(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdef") == digits;
}

static bool has_shape(const char *text)
{
    return strlen(text) == API_KEY_TEXT - 1 && strncmp(text, PREFIX, KID_AT) == 0 &&
           is_hex(text + KID_AT, 8) && text[SECRET_AT - 1] == '_' && is_hex(text + SECRET_AT, 64) &&
           text[CHECK_AT - 1] == '_' && is_hex(text + CHECK_AT, CHECK_DIGITS);
}

enum err api_key_parse(const char *text, char kid[static API_KEY_KID_TEXT],
                       unsigned char hash[static API_KEY_HASH_BYTES])
{
    char check[CHECK_DIGITS + 1];

    if (!has_shape(text))
        return ERR_MALFORMED;
    /* Guards against slips, not against guesses: no need for constant time. */
    make_check(check, text);
    if (strcmp(check, text + CHECK_AT) != 0)
        return ERR_MALFORMED;
    copy_kid(kid, text);
    make_hash(hash, text);
    return OK;
}

enum err api_key_compare(const unsigned char a[static API_KEY_HASH_BYTES],
                         const unsigned char b[static API_KEY_HASH_BYTES])
{
    return sodium_memcmp(a, b, API_KEY_HASH_BYTES) == 0 ? OK : ERR_DENIED;
}
