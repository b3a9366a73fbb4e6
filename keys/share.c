/*
 * The text of one share.  What its groups hold, packed: format and index (a
 * digit each), needed and count (a digit each), set, tag, the share's bytes,
 * and the first bytes of BLAKE2b-256 over all that.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "keys/inside.h"
#include "photod/base/text.h"

#define FORMAT          1
#define GROUPS_PER_LINE 4
#define GROUP_DIGITS    4 /* and the check digit behind them */

_Static_assert(SHARE_LINE_BYTES * 2 == GROUPS_PER_LINE * GROUP_DIGITS, "a line");
_Static_assert(SHARE_PACKED == 2 + SHARE_SET_BYTES + SHARE_TAG_BYTES + ROOT_KEY_BYTES + SHARE_CHECK_BYTES,
               "the groups hold a share exactly");

enum { AT_SET = 2, AT_TAG = AT_SET + SHARE_SET_BYTES, AT_BYTES = AT_TAG + SHARE_TAG_BYTES };
enum { AT_CHECK = AT_BYTES + ROOT_KEY_BYTES };

static enum err fail(struct share_fault *fault, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum err fail(struct share_fault *fault, enum err e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return e;
}

/* ---- Check digits ---- */

/* Times two in GF(16), modulo x^4 + x + 1. */
static unsigned twice(unsigned digit)
{
    digit <<= 1;
    return digit & 0x10 ? digit ^ 0x13 : digit;
}

/*
 * d0 + 2 d1 + 4 d2 + 8 d3 + the group's number, in GF(16).  Every digit has
 * another weight that is not zero, so that any one wrong digit and any two
 * exchanged neighbours (the check digit, of weight 1, included) show.
 */
static unsigned check_digit(const unsigned char digits[static GROUP_DIGITS], unsigned group)
{
    unsigned sum = 0;

    for (unsigned i = GROUP_DIGITS; i-- > 0;)
        sum = twice(sum) ^ digits[i];
    return sum ^ (group & 0xf);
}

static void whole_check(unsigned char check[static SHARE_CHECK_BYTES], const unsigned char *packed)
{
    unsigned char hash[crypto_generichash_BYTES];

    (void)crypto_generichash(hash, sizeof hash, packed, AT_CHECK, NULL, 0);
    memcpy(check, hash, SHARE_CHECK_BYTES);
}

/* ---- Out ---- */

static void pack(unsigned char packed[static SHARE_PACKED], const struct share *s)
{
    packed[0] = (unsigned char)(FORMAT << 4 | s->index);
    packed[1] = (unsigned char)(s->needed << 4 | s->count);
    memcpy(packed + AT_SET, s->set, sizeof s->set);
    memcpy(packed + AT_TAG, s->tag, sizeof s->tag);
    memcpy(packed + AT_BYTES, s->bytes, sizeof s->bytes);
    whole_check(packed + AT_CHECK, packed);
}

static char *print_group(char *to, const unsigned char bytes[static 2], unsigned group)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digits[GROUP_DIGITS] = {bytes[0] >> 4, bytes[0] & 0xf, bytes[1] >> 4, bytes[1] & 0xf};

    for (unsigned i = 0; i < GROUP_DIGITS; i++)
        *to++ = hex[digits[i]];
    *to++ = hex[check_digit(digits, group)];
    sodium_memzero(digits, sizeof digits);
    return to;
}

void share_print_title(char text[static SHARE_TEXT], const struct share *s)
{
    char set[2 * SHARE_SET_BYTES + 1];

    hex_encode(set, s->set, sizeof s->set);
    (void)snprintf(text, SHARE_TEXT, "photod recovery share %u of %u, any %u are enough, set %s", s->index,
                   s->count, s->needed, set);
}

void share_print(char text[static SHARE_TEXT], const struct share *s)
{
    unsigned char packed[SHARE_PACKED];
    char *at;

    pack(packed, s);
    share_print_title(text, s);
    at = text + strlen(text);
    for (unsigned g = 0; g < SHARE_LINES * GROUPS_PER_LINE; g++) {
        if (g % GROUPS_PER_LINE == 0) {
            *at++ = '\n';
            *at++ = (char)('1' + g / GROUPS_PER_LINE);
            *at++ = ' ';
        }
        *at++ = ' ';
        at = print_group(at, packed + (size_t)2 * g, g);
    }
    *at++ = '\n';
    *at = '\0';
    sodium_memzero(packed, sizeof packed);
}

/* ---- In ---- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_group(unsigned char bytes[static 2], const char *word, size_t len, unsigned group)
{
    unsigned char digits[GROUP_DIGITS + 1];
    bool is_right = len == GROUP_DIGITS + 1;

    for (size_t i = 0; is_right && i < len; i++) {
        int d = digit_of(word[i]);

        digits[i] = (unsigned char)d;
        is_right = d >= 0;
    }
    if (is_right)
        is_right = digits[GROUP_DIGITS] == check_digit(digits, group);
    if (is_right) {
        bytes[0] = (unsigned char)(digits[0] << 4 | digits[1]);
        bytes[1] = (unsigned char)(digits[2] << 4 | digits[3]);
    }
    sodium_memzero(digits, sizeof digits);
    return is_right;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word off *text; its length, 0 at the end. */
static size_t next_word(const char **word, const char **text, const char *end)
{
    while (*text < end && is_blank(**text))
        (*text)++;
    *word = *text;
    while (*text < end && !is_blank(**text))
        (*text)++;
    return (size_t)(*text - *word);
}

enum err share_take_line(unsigned char packed[static SHARE_PACKED], struct share_fault *fault, unsigned line,
                         const char *text, size_t len, bool is_typed)
{
    const char *end = text + len, *word, *groups = text;
    size_t n = next_word(&word, &groups, end);

    if (n == 1 && *word == (char)('0' + line))
        text = groups;
    else if (!is_typed || n == 1)
        return fail(fault, ERR_MALFORMED, "line %u does not begin with its number: a line is missing, or cut",
                    line);
    for (unsigned i = 0; i < GROUPS_PER_LINE; i++) {
        unsigned group = (line - 1) * GROUPS_PER_LINE + i;

        n = next_word(&word, &text, end);
        if (!n)
            return fail(fault, ERR_MALFORMED, "line %u has %u groups instead of %d", line, i,
                        GROUPS_PER_LINE);
        if (!parse_group(packed + (size_t)2 * group, word, n, group))
            return fail(fault, ERR_MALFORMED, "line %u, group %u has a typing error", line, i + 1);
    }
    if (next_word(&word, &text, end))
        return fail(fault, ERR_MALFORMED, "line %u has more than %d groups", line, GROUPS_PER_LINE);
    return OK;
}

enum err share_finish(struct share *s, struct share_fault *fault,
                      const unsigned char packed[static SHARE_PACKED])
{
    unsigned char check[SHARE_CHECK_BYTES];

    whole_check(check, packed);
    if (memcmp(check, packed + AT_CHECK, sizeof check) != 0)
        return fail(
            fault, ERR_MALFORMED,
            "each group is well formed but together they are no share: lines of two shares are mixed, "
            "or one group has two typing errors");
    s->index = packed[0] & 0xf;
    s->needed = packed[1] >> 4;
    s->count = packed[1] & 0xf;
    if (packed[0] >> 4 != FORMAT || s->needed != SHARES_NEEDED || s->count != SHARES_MADE || s->index < 1 ||
        s->index > s->count)
        return fail(fault, ERR_DENIED, "this share was made by a later photod, which can read it");
    memcpy(s->set, packed + AT_SET, sizeof s->set);
    memcpy(s->tag, packed + AT_TAG, sizeof s->tag);
    memcpy(s->bytes, packed + AT_BYTES, sizeof s->bytes);
    return OK;
}
