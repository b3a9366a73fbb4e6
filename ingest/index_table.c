#include "ingest/index_table.h"

#include <stdlib.h>
#include <string.h>
#include "ingest/fold.h"
#include "ingest/roster_cell.h"

enum err index_table_init(struct index_table *out, const void *bytes, size_t len)
{
    const struct charset_text *text = &out->text;
    size_t text_len;

    *out = (struct index_table){.row = calloc(1, sizeof *out->row)};
    if (!out->row)
        return ERR_NOMEM;
    TRY(charset_read(&out->text, bytes, len));
    text_len = (size_t)(text->end - text->at);
    if (memchr(text->at, '\0', text_len))
        return ERR_MALFORMED;
    out->start = (struct delimited){.at = text->at, .end = text->end, .quotes = true};
    out->start.delimiter = memchr(text->at, '\t', text_len) ? '\t' : ',';
    return OK;
}

void index_table_clear(struct index_table *t)
{
    charset_text_clear(&t->text);
    free(t->row);
    *t = (struct index_table){.row = NULL};
}

enum err index_table_next(struct index_table *t, struct delimited *d)
{
    TRY(delimited_next(d, t->row));
    if (t->row->lines > 1)
        delimited_split(d, t->row);
    for (size_t i = 0; i < t->row->count; i++)
        t->row->fields[i] = cell_trim(t->row->fields[i]);
    return OK;
}

const char *index_table_cell(const struct index_table *t, size_t column)
{
    return column < t->row->count ? t->row->fields[column] : "";
}

const char *index_text(char *to, size_t size, const char *cell)
{
    if (!cell_is_plain(cell, strlen(cell)) || strchr(cell, '\t'))
        return FAULT_ROW_ENCODING;
    return fold_compose(to, size, cell) ? FAULT_FIELD_TOO_LONG : NULL;
}

void index_path(char *path)
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
