#include <string.h>
#include "photod/base/text.h"

void hex_encode(char *text, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = bytes;

    for (size_t i = 0; i < len; i++) {
        *text++ = digits[b[i] >> 4];
        *text++ = digits[b[i] & 15];
    }
    *text = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum err hex_decode(void *bytes, size_t len, const char *text)
{
    unsigned char *b = bytes;

    if (strlen(text) != 2 * len)
        return ERR_MALFORMED;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return ERR_MALFORMED;
        b[i] = (unsigned char)(high << 4 | low);
    }
    return OK;
}

enum err u64_parse(uint64_t *out, const char *text, uint64_t max)
{
    uint64_t value = 0;

    if (!*text || (text[0] == '0' && text[1]))
        return ERR_MALFORMED;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9)
            return ERR_MALFORMED;
        if (value > (UINT64_MAX - digit) / 10)
            return ERR_LIMIT;
        value = value * 10 + digit;
    }
    if (value > max)
        return ERR_LIMIT;
    *out = value;
    return OK;
}

bool text_is_digits(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789") == digits;
}

enum err text_copy(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);

    if (len >= size)
        return ERR_LIMIT;
    memcpy(to, from, len + 1);
    return OK;
}

char *text_trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}
