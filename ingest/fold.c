#include "ingest/fold.h"

#include <stdbool.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>
#include "photod/base/log.h"

/* UTF-16 units of one name: 100 bytes as sent, and what transliteration may make of them. */
#define UNITS 512

/* Opened by fold_init(), never closed: a worker has one for life. */
static const UNormalizer2 *nfc;
static UTransliterator *to_latin;

enum err fold_init(void)
{
    static const UChar id[] = u"Any-Latin; Latin-ASCII; Lower";
    UErrorCode status = U_ZERO_ERROR;

    if (to_latin)
        return OK;
    nfc = unorm2_getNFCInstance(&status);
    to_latin = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &status);
    if (U_FAILURE(status)) {
        log_error("ICU does not open its tables: %s", u_errorName(status));
        return ERR_NOMEM;
    }
    return OK;
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

static enum err outcome(UErrorCode status)
{
    if (U_SUCCESS(status))
        return OK;
    return status == U_BUFFER_OVERFLOW_ERROR ? ERR_LIMIT : ERR_MALFORMED;
}

/* To UTF-16, in NFC. */
static enum err compose(UChar to[static UNITS], int32_t *len, const char *text)
{
    UChar units[UNITS];
    int32_t count = 0;
    UErrorCode status = U_ZERO_ERROR;

    (void)u_strFromUTF8(units, UNITS, &count, text, -1, &status);
    *len = unorm2_normalize(nfc, units, count, to, UNITS, &status);
    return outcome(status);
}

enum err fold_compose(char *to, size_t size, const char *text)
{
    UChar units[UNITS];
    int32_t len, bytes = 0;
    UErrorCode status = U_ZERO_ERROR;

    if (is_ascii(text)) {
        if (strlen(text) >= size)
            return ERR_LIMIT;
        memcpy(to, text, strlen(text) + 1);
        return OK;
    }
    TRY(compose(units, &len, text));
    (void)u_strToUTF8(to, (int32_t)size - 1, &bytes, units, len, &status);
    TRY(outcome(status));
    to[bytes] = '\0';
    return OK;
}

/* One unit of the lower-case result; runs of blanks become one, none at the start. */
static enum err append(char *to, size_t size, size_t *len, unsigned unit)
{
    char c = unit >= 'A' && unit <= 'Z' ? (char)(unit - 'A' + 'a') : (char)(unit < 0x80 ? unit : 0);

    if ((c < 'a' || c > 'z') && c != ' ')
        return OK;
    if (c == ' ' && (*len == 0 || to[*len - 1] == ' '))
        return OK;
    if (*len + 1 >= size)
        return ERR_LIMIT;
    to[(*len)++] = c;
    return OK;
}

enum err fold_name(char *to, size_t size, const char *text)
{
    UChar units[UNITS];
    int32_t count = 0, limit;
    UErrorCode status = U_ZERO_ERROR;
    size_t len = 0;

    if (is_ascii(text)) { /* nearly every name; a hundred times as fast */
        for (; *text; text++)
            TRY(append(to, size, &len, (unsigned char)*text));
    } else {
        TRY(compose(units, &count, text));
        limit = count;
        utrans_transUChars(to_latin, units, &count, UNITS, 0, &limit, &status);
        TRY(outcome(status));
        for (int32_t i = 0; i < count; i++)
            TRY(append(to, size, &len, units[i]));
    }
    if (len && to[len - 1] == ' ')
        len--;
    to[len] = '\0';
    return OK;
}
