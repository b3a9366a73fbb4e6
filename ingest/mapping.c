/* A student system's mapping file: student number and file name.  Runs in photod-intake. */
#include <string.h>
#include "ingest/index.h"
#include "ingest/index_table.h"

/* Which cell holds what. */
struct layout {
    size_t number, file;
};

struct names {
    bool (*has)(void *context, const char *name);
    void *context;
};

static bool names_file(const struct names *n, const char *cell)
{
    char path[INDEX_PATH];

    if (index_text(path, sizeof path, cell))
        return false;
    index_path(path);
    return *path && n->has(n->context, path);
}

/*
 * The file's column is the one that names a file in most rows; the number's
 * is the first other one.  So a header row needs no reading.  Expected:
 * ERR_MALFORMED, no column names a file in half of the rows.
 */
static enum err find_layout(struct layout *out, struct index_table *t, const struct names *n)
{
    unsigned named[DELIMITED_FIELDS_MAX] = {0}, rows;
    struct delimited d = t->start;
    size_t best = 0;
    enum err e = OK;

    for (rows = 0; rows < INDEX_ROWS_MAX && (e = index_table_next(t, &d)) == OK; rows++)
        for (size_t i = 0; i < t->row->count; i++)
            named[i] += names_file(n, t->row->fields[i]);
    if (e && e != ERR_NOTFOUND)
        return e;
    for (size_t i = 1; i < DELIMITED_FIELDS_MAX; i++)
        if (named[i] > named[best])
            best = i;
    *out = (struct layout){.number = best == 0 ? 1 : 0, .file = best};
    return named[best] && named[best] >= rows / 2 ? OK : ERR_MALFORMED;
}

static bool has_digit(const char *text)
{
    return strpbrk(text, "0123456789") != NULL;
}

static const char *read_row(struct index_row *out, const struct layout *l, const struct delimited_record *row)
{
    const char *fault = row->fault;

    if (!fault && (row->count <= l->file || row->count <= l->number))
        return FAULT_ROW_COLUMNS;
    if (!fault)
        fault = index_text(out->file, sizeof out->file, row->fields[l->file]);
    if (!fault)
        fault = index_text(out->number, sizeof out->number, row->fields[l->number]);
    index_path(out->file);
    if (!fault && (!*out->file || !*out->number))
        return FAULT_ROW_COLUMNS;
    return fault;
}

static enum err read_rows(struct index_summary *s, struct index_table *t, const struct layout *l,
                          const struct names *n, index_take *take, void *context)
{
    struct delimited d = t->start;
    enum err e;

    while ((e = index_table_next(t, &d)) == OK) {
        struct index_row r = {.line = t->row->line};
        bool is_first = s->rows == 0 && !s->has_header;

        s->columns = t->row->count > s->columns ? (unsigned)t->row->count : s->columns;
        if (is_first && !t->row->fault && !has_digit(index_table_cell(t, l->number)) &&
            !names_file(n, index_table_cell(t, l->file))) {
            s->has_header = true;
            continue;
        }
        r.fault = read_row(&r, l, t->row);
        s->faulty += r.fault != NULL;
        if (++s->rows > INDEX_ROWS_MAX)
            return ERR_LIMIT;
        TRY(take(context, &r));
    }
    return e == ERR_NOTFOUND ? OK : e;
}

enum err mapping_parse(struct index_summary *out, const void *bytes, size_t len,
                       bool (*has)(void *context, const char *name), index_take *take, void *context)
{
    CLEANUP(index_table) struct index_table t = {.row = NULL};
    const struct names names = {has, context};
    struct index_summary s = {.rows = 0};
    struct layout l;

    if (len > INDEX_BYTES_MAX)
        return ERR_LIMIT;
    TRY(index_table_init(&t, bytes, len));
    s.charset = t.text.charset;
    TRY(find_layout(&l, &t, &names));
    TRY(read_rows(&s, &t, &l, &names, take, context));
    *out = s;
    return OK;
}
