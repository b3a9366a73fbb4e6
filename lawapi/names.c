#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "lawapi/names.h"
#include "photod/base/text.h"

/* <ctype.h> asks the locale; these identifiers are ASCII whatever it says. */
#define DIGITS   "0123456789"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SMALLS   "abcdefghijklmnopqrstuvwxyz"

bool is_state_id(const char *text)
{
    return text_is_digits(text, STATE_ID_TEXT - 1);
}

bool is_district(const char *text)
{
    return text_is_digits(text, DISTRICT_TEXT - 1);
}

bool is_ori(const char *text)
{
    return strlen(text) == ORI_TEXT - 1 && strspn(text, CAPITALS) >= 2 &&
           strspn(text, CAPITALS DIGITS) == ORI_TEXT - 1;
}

bool is_oca(const char *text)
{
    size_t len = strlen(text);

    return len >= 1 && len < OCA_TEXT && strspn(text, CAPITALS SMALLS DIGITS "-") == len;
}

bool is_nic(const char *text)
{
    return strspn(text, CAPITALS) >= 1 && text_is_digits(text + 1, NIC_TEXT - 2);
}

/* Takes one code point off *at; 0 for what is no UTF-8 (RFC 3629: shortest form, no surrogates). */
static uint32_t take_code_point(const unsigned char **at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = *at;
    unsigned len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
    uint32_t c = len == 1 ? *s : *s & (0x7fu >> len);

    if (!len)
        return 0;
    /* A NUL is no continuation byte, so this never runs past the end. */
    for (unsigned i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < least[len] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
        return 0;
    *at = s + len;
    return c;
}

/*
 * Code points that make a line in the audit log look like another: controls,
 * line breaks, invisible marks and those that turn the direction of writing.
 */
static bool is_unprintable(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } refused[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff0, 0xffff},
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (c >= refused[i].first && c <= refused[i].last)
            return true;
    return false;
}

bool is_operator(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t len = strlen(text);
    bool is_named = false;

    if (len < 1 || len >= OPERATOR_TEXT)
        return false;
    while (*at) {
        uint32_t c = take_code_point(&at);

        if (is_unprintable(c))
            return false;
        is_named |= c != ' ' && c != 0xa0;
    }
    return is_named;
}
