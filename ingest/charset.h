#ifndef INGEST_CHARSET_H
#define INGEST_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include "photod/base/buf.h"

/*
 * In which encoding a roster stands, decided by rules a clerk can be told:
 * its byte order mark; else UTF-8 if it is valid UTF-8; else UTF-16 if every
 * other byte is mostly NUL; else Windows-1252, as spreadsheets save it.
 * (ICU's guessing takes a Spanish n with tilde for Polish.)
 */
enum charset { CHARSET_UTF_8, CHARSET_UTF_16LE, CHARSET_UTF_16BE, CHARSET_WINDOWS_1252 };

/* For a report: "UTF-8", ... */
const char *charset_name(enum charset c);
/* *mark: how many bytes of byte order mark to pass over. */
enum charset charset_detect(size_t *mark, const void *bytes, size_t len);
/* Whether bytes are well-formed UTF-8 without a NUL. */
bool charset_is_utf_8(const void *bytes, size_t len);

/* What a byte sequence that means nothing becomes: U+FFFD. */
#define CHARSET_UNDEFINED "\xef\xbf\xbd"

/* A file as UTF-8 without its mark: the file itself where it is that, else a copy. */
struct charset_text {
    enum charset charset;
    const char *at, *end; /* borrowed from the file, or from copy */
    struct buf *copy;
};
/* *out is to be cleared in any case. */
MUST_CHECK enum err charset_read(struct charset_text *out, const void *bytes, size_t len);
void charset_text_clear(struct charset_text *t);
static inline void charset_text_cleanup(struct charset_text *t)
{
    charset_text_clear(t);
}

#endif
