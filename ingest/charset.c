#include "ingest/charset.h"

#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/utf8.h>

#define SAMPLE_MAX 4096u
#define CHUNK      16384u
#define PIVOT      4096u
#define GROWTH     3u /* bytes of UTF-8 that a byte of another encoding may become */

const char *charset_name(enum charset c)
{
    static const char *const names[] = {
        [CHARSET_UTF_8] = "UTF-8",
        [CHARSET_UTF_16LE] = "UTF-16LE",
        [CHARSET_UTF_16BE] = "UTF-16BE",
        [CHARSET_WINDOWS_1252] = "Windows-1252",
    };

    return names[c];
}

bool charset_is_utf_8(const void *bytes, size_t len)
{
    const unsigned char *b = bytes, *end = b + len;

    while (b < end) {
        int32_t at = 0, left = end - b < 4 ? (int32_t)(end - b) : 4, c;

        U8_NEXT(b, at, left, c);
        if (c <= 0)
            return false;
        b += at;
    }
    return true;
}

/* Text of Latin letters in UTF-16 has a NUL in nearly every second byte, and nearly none in the others. */
static bool has_nul_pattern(const unsigned char *b, size_t len, size_t first)
{
    size_t pairs = (len < SAMPLE_MAX ? len : SAMPLE_MAX) / 2, here = 0, there = 0;

    for (size_t i = 0; i < pairs; i++) {
        here += b[2 * i + first] == 0;
        there += b[2 * i + 1 - first] == 0;
    }
    return here > pairs * 3 / 4 && there < pairs / 16 + 1;
}

enum charset charset_detect(size_t *mark, const void *bytes, size_t len)
{
    static const struct {
        char mark[4];
        size_t len;
        enum charset charset;
    } marks[] = {{"\xef\xbb\xbf", 3, CHARSET_UTF_8},
                 {"\xff\xfe", 2, CHARSET_UTF_16LE},
                 {"\xfe\xff", 2, CHARSET_UTF_16BE}};

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (len >= marks[i].len && memcmp(bytes, marks[i].mark, marks[i].len) == 0) {
            *mark = marks[i].len;
            return marks[i].charset;
        }
    }
    *mark = 0;
    if (charset_is_utf_8(bytes, len))
        return CHARSET_UTF_8;
    if (has_nul_pattern(bytes, len, 1))
        return CHARSET_UTF_16LE;
    return has_nul_pattern(bytes, len, 0) ? CHARSET_UTF_16BE : CHARSET_WINDOWS_1252;
}

static void converter_cleanup(UConverter **converter)
{
    ucnv_close(*converter);
}

static enum err convert(struct buf *out, UConverter *to, UConverter *from, const char *bytes, size_t len)
{
    UChar pivot[PIVOT], *pivot_source = pivot, *pivot_target = pivot;
    const char *at = bytes;
    char chunk[CHUNK];
    UErrorCode status = U_BUFFER_OVERFLOW_ERROR;

    for (bool is_first = true; status == U_BUFFER_OVERFLOW_ERROR; is_first = false) {
        char *target = chunk;

        status = U_ZERO_ERROR;
        ucnv_convertEx(to, from, &target, chunk + sizeof chunk, &at, bytes + len, pivot, &pivot_source,
                       &pivot_target, pivot + PIVOT, is_first, true, &status);
        TRY(buf_append(out, chunk, (size_t)(target - chunk)));
    }
    return U_SUCCESS(status) ? OK : ERR_NOMEM;
}

static enum err to_utf_8(struct buf *out, enum charset c, const char *bytes, size_t len)
{
    __attribute__((cleanup(converter_cleanup))) UConverter *from = NULL;
    __attribute__((cleanup(converter_cleanup))) UConverter *to = NULL;
    UErrorCode status = U_ZERO_ERROR;

    from = ucnv_open(charset_name(c), &status);
    to = ucnv_open("UTF-8", &status);
    return U_SUCCESS(status) ? convert(out, to, from, bytes, len) : ERR_NOMEM;
}

enum err charset_read(struct charset_text *out, const void *bytes, size_t len)
{
    const char *at;
    size_t mark;

    *out = (struct charset_text){.charset = charset_detect(&mark, bytes, len)};
    at = (const char *)bytes + mark;
    len -= mark;
    if (out->charset != CHARSET_UTF_8 || !charset_is_utf_8(at, len)) {
        TRY(buf_new(&out->copy, GROWTH * len));
        TRY(to_utf_8(out->copy, out->charset, at, len));
        at = buf_text(out->copy);
        len = buf_len(out->copy);
    }
    out->at = at;
    out->end = at + len;
    return OK;
}

void charset_text_clear(struct charset_text *t)
{
    buf_free(t->copy);
    *t = (struct charset_text){.copy = NULL};
}
