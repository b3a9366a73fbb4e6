#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/buf.h"

struct buf {
    unsigned char *bytes; /* cap + 1 bytes: a NUL follows the content */
    size_t len, cap, max;
};

enum err buf_new(struct buf **out, size_t max_bytes)
{
    struct buf *b = calloc(1, sizeof *b);

    if (!b)
        return ERR_NOMEM;
    b->max = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1;
    *out = b;
    return OK;
}

void buf_free(struct buf *b)
{
    if (!b)
        return;
    if (b->bytes)
        explicit_bzero(b->bytes, b->cap);
    free(b->bytes);
    free(b);
}

/* Not realloc: the old bytes must be wiped before they are given back. */
static enum err grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : 64;
    unsigned char *bytes;

    if (cap > b->max)
        cap = b->max;
    while (cap < need)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    bytes = malloc(cap + 1);
    if (!bytes)
        return ERR_NOMEM;
    if (b->bytes) {
        memcpy(bytes, b->bytes, b->len);
        explicit_bzero(b->bytes, b->cap);
        free(b->bytes);
    }
    bytes[b->len] = '\0';
    b->bytes = bytes;
    b->cap = cap;
    return OK;
}

enum err buf_extend(struct buf *b, size_t len, unsigned char **space)
{
    if (len > b->max - b->len)
        return ERR_LIMIT;
    if (!b->bytes || b->len + len > b->cap)
        TRY(grow(b, b->len + len));
    *space = b->bytes + b->len;
    b->len += len;
    b->bytes[b->len] = '\0';
    return OK;
}

enum err buf_append(struct buf *b, const void *bytes, size_t len)
{
    unsigned char *space;

    TRY(buf_extend(b, len, &space));
    if (len)
        memcpy(space, bytes, len);
    return OK;
}

enum err buf_printf(struct buf *b, const char *format, ...)
{
    CLEANUP(heap) char *text = NULL;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        text = NULL;
        return ERR_NOMEM;
    }
    return buf_append(b, text, (size_t)len);
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len >= b->len)
        return;
    explicit_bzero(b->bytes + len, b->len - len);
    b->len = len;
}

const unsigned char *buf_bytes(const struct buf *b)
{
    return b->bytes ? b->bytes : (const unsigned char *)"";
}

const char *buf_text(const struct buf *b)
{
    return (const char *)buf_bytes(b);
}

size_t buf_len(const struct buf *b)
{
    return b->len;
}
