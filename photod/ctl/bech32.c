#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "photod/ctl/bech32.h"

#define CHECK_DIGITS 6

static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t polymod(uint32_t sum, unsigned value)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = sum >> 25;

    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (unsigned i = 0; i < 5; i++)
        if (top >> i & 1)
            sum ^= generator[i];
    return sum;
}

static uint32_t polymod_prefix(const char *prefix, size_t len)
{
    uint32_t sum = 1;

    for (size_t i = 0; i < len; i++)
        sum = polymod(sum, (unsigned char)prefix[i] >> 5);
    sum = polymod(sum, 0);
    for (size_t i = 0; i < len; i++)
        sum = polymod(sum, (unsigned char)prefix[i] & 31);
    return sum;
}

/* To lower case; one case throughout, and printable ASCII only. */
static enum err fold(char *low, size_t *len, const char *text)
{
    bool lower = false, upper = false;

    *len = strlen(text);
    if (*len > BECH32_TEXT_MAX)
        return ERR_MALFORMED;
    for (size_t i = 0; i <= *len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (i < *len && (c < 33 || c > 126))
            return ERR_MALFORMED;
        lower = lower || islower(c);
        upper = upper || isupper(c);
        low[i] = (char)tolower(c);
    }
    return lower && upper ? ERR_MALFORMED : OK;
}

/* Groups of five bits to bytes; what is left over must be zero and less than a group. */
static enum err to_bytes(unsigned char *bytes, size_t *len, const unsigned char *groups, size_t count)
{
    uint32_t bits = 0;
    unsigned have = 0;

    *len = 0;
    for (size_t i = 0; i < count; i++) {
        bits = (bits << 5 | groups[i]) & 0xfff;
        have += 5;
        if (have >= 8) {
            have -= 8;
            if (*len == BECH32_BYTES_MAX)
                return ERR_MALFORMED;
            bytes[(*len)++] = (unsigned char)(bits >> have);
        }
    }
    return have >= 5 || (bits & ((1u << have) - 1)) ? ERR_MALFORMED : OK;
}

enum err bech32_decode(unsigned char bytes[static BECH32_BYTES_MAX], size_t *len, const char *prefix,
                       const char *text)
{
    char low[BECH32_TEXT_MAX + 1];
    unsigned char groups[BECH32_TEXT_MAX];
    const char *separator;
    size_t text_len, prefix_len, count = 0;
    uint32_t sum;

    TRY(fold(low, &text_len, text));
    separator = strrchr(low, '1');
    if (!separator || separator == low || text_len - (size_t)(separator - low) - 1 < CHECK_DIGITS)
        return ERR_MALFORMED;
    prefix_len = (size_t)(separator - low);
    sum = polymod_prefix(low, prefix_len);
    for (const char *c = separator + 1; *c; c++) {
        const char *digit = strchr(digits, *c);

        if (!digit)
            return ERR_MALFORMED;
        groups[count++] = (unsigned char)(digit - digits);
        sum = polymod(sum, groups[count - 1]);
    }
    if (sum != 1)
        return ERR_MALFORMED;
    if (strlen(prefix) != prefix_len || memcmp(prefix, low, prefix_len) != 0)
        return ERR_DENIED;
    return to_bytes(bytes, len, groups, count - CHECK_DIGITS);
}

enum err bech32_encode(char text[static BECH32_TEXT_MAX + 1], const char *prefix, const unsigned char *bytes,
                       size_t len)
{
    size_t prefix_len = strlen(prefix), at = prefix_len + 1;
    uint32_t sum = polymod_prefix(prefix, prefix_len), bits = 0;
    unsigned have = 0;

    if (prefix_len + 1 + (len * 8 + 4) / 5 + CHECK_DIGITS > BECH32_TEXT_MAX)
        return ERR_LIMIT;
    memcpy(text, prefix, prefix_len);
    text[prefix_len] = '1';
    for (size_t i = 0; i < len || have; have -= have < 5 ? have : 5) {
        unsigned group;

        while (have < 5 && i < len) {
            bits = (bits << 8 | bytes[i++]) & 0xfff;
            have += 8;
        }
        group = (have < 5 ? bits << (5 - have) : bits >> (have - 5)) & 31;
        sum = polymod(sum, group);
        text[at++] = digits[group];
    }
    for (unsigned i = 0; i < CHECK_DIGITS; i++)
        sum = polymod(sum, 0);
    for (unsigned i = 0; i < CHECK_DIGITS; i++)
        text[at++] = digits[(sum ^ 1) >> 5 * (CHECK_DIGITS - 1 - i) & 31];
    text[at] = '\0';
    return OK;
}
