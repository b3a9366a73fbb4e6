/* Rows of small tables.  Runs in photod-intake.  Cells are cut in place, in our own copy of the file. */
#include "ingest/cells.h"

#include <string.h>
#include "ingest/fold.h"
#include "photod/base/text.h"

#define TEXT_FACTOR 3 /* bytes of UTF-8 a byte of another encoding may become */

enum err cells_init(struct cells *out, const void *bytes, size_t len)
{
    unsigned char *nul;
    size_t mark;

    *out = (struct cells){.charset = charset_detect(&mark, bytes, len)};
    TRY(buf_new(&out->text, TEXT_FACTOR * len + 4));
    TRY(charset_to_utf_8(out->text, out->charset, (const char *)bytes + mark, len - mark));
    if (memchr(buf_bytes(out->text), '\0', buf_len(out->text)))
        return ERR_MALFORMED;
    TRY(buf_extend(out->text, 1, &nul)); /* what follows the last row may be cut off there */
    *nul = '\0';
    out->at = (char *)nul - (buf_len(out->text) - 1);
    out->end = (char *)nul;
    out->delimiter = memchr(out->at, '\t', (size_t)(out->end - out->at)) ? '\t' : ',';
    return OK;
}

void cells_clear(struct cells *c)
{
    buf_free(c->text);
    *c = (struct cells){.text = NULL};
}

/* Cuts the next line off.  Lines end in LF, CRLF or CR. */
static char *next_line(struct cells *c)
{
    char *line = c->at;
    size_t len;

    if (c->at >= c->end)
        return NULL;
    len = strcspn(line, "\r\n");
    c->at = line + len;
    if (c->at < c->end)
        c->at += *c->at == '\r' && c->at[1] == '\n' ? 2 : 1;
    line[len] = '\0';
    c->line++;
    return line;
}

/* A quoted cell becomes what it means; returns what follows its closing quote. */
static char *unquote(char *cell)
{
    char *to = cell, *from = cell + 1;

    while (*from && !(*from == '"' && from[1] != '"')) {
        from += *from == '"';
        *to++ = *from++;
    }
    from += *from == '"';
    if (to < from)
        *to = '\0';
    return from;
}

static void split(struct cells_row *out, char *line, char delimiter)
{
    out->count = 0;
    while (out->count < CELLS_ROW_MAX) {
        char *cell = line, *rest = *line == '"' ? unquote(line) : line;
        char *end = strchr(rest, delimiter);

        if (end)
            *end = '\0';
        out->cell[out->count++] = text_trim(cell);
        if (!end)
            return;
        line = end + 1;
    }
}

bool cells_next(struct cells *c, struct cells_row *out)
{
    char *line;

    while ((line = next_line(c))) {
        split(out, line, c->delimiter);
        for (unsigned i = 0; i < out->count; i++)
            if (*out->cell[i])
                return true;
    }
    return false;
}

const char *cells_get(const struct cells_row *row, unsigned column)
{
    return column < row->count ? row->cell[column] : "";
}

const char *cell_text(char *to, size_t size, const char *cell)
{
    if (strstr(cell, CHARSET_UNDEFINED))
        return FAULT_ROW_ENCODING;
    for (const char *c = cell; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return FAULT_ROW_ENCODING;
    return fold_compose(to, size, cell) ? FAULT_FIELD_TOO_LONG : NULL;
}

void cell_path(char *path)
{
    char *to = path;

    for (const char *from = path; *from; from++) {
        char c = *from == '\\' ? '/' : *from;

        if (c != '/' || (to > path && to[-1] != '/'))
            *to++ = c;
    }
    while (to > path && to[-1] == '/')
        to--;
    *to = '\0';
}
