/* A student system's mapping file: student number and file name.  Runs in photod-intake. */
#include <string.h>
#include "ingest/index.h"

/* Which cell holds what. */
struct layout {
    unsigned number, file;
};

struct names {
    bool (*has)(void *context, const char *name);
    void *context;
};

static bool names_file(const struct names *n, const char *cell)
{
    char path[INDEX_PATH];

    if (cell_text(path, sizeof path, cell))
        return false;
    cell_path(path);
    return *path && n->has(n->context, path);
}

/*
 * The file's column is the one that names a file in most rows; the number's
 * is the first other one.  So a header row needs no reading.
 */
static bool find_layout(struct layout *out, const struct names *n, struct cells c)
{
    unsigned named[CELLS_ROW_MAX] = {0}, rows = 0, best = 0;
    struct cells_row row;

    while (cells_next(&c, &row) && rows < INDEX_ROWS_MAX) {
        rows++;
        for (unsigned i = 0; i < row.count; i++)
            named[i] += names_file(n, row.cell[i]);
    }
    for (unsigned i = 1; i < CELLS_ROW_MAX; i++)
        if (named[i] > named[best])
            best = i;
    *out = (struct layout){.number = best == 0 ? 1 : 0, .file = best};
    return named[best] && named[best] >= rows / 2;
}

static bool has_digit(const char *text)
{
    return strpbrk(text, "0123456789") != NULL;
}

static const char *read_row(struct index_row *out, const struct layout *l, const struct cells_row *row)
{
    const char *fault;

    if (row->count <= l->file || row->count <= l->number)
        return FAULT_ROW_COLUMNS;
    fault = cell_text(out->file, sizeof out->file, row->cell[l->file]);
    if (!fault)
        fault = cell_text(out->number, sizeof out->number, row->cell[l->number]);
    cell_path(out->file);
    if (!fault && (!*out->file || !*out->number))
        return FAULT_ROW_COLUMNS;
    return fault;
}

enum err mapping_parse(struct index_summary *out, const void *bytes, size_t len,
                       bool (*has)(void *context, const char *name), index_take *take, void *context)
{
    CLEANUP(cells) struct cells survey = {.text = NULL};
    CLEANUP(cells) struct cells c = {.text = NULL};
    const struct names names = {has, context};
    struct index_summary s = {.rows = 0};
    struct cells_row row;
    struct layout l;

    if (len > INDEX_BYTES_MAX)
        return ERR_LIMIT;
    TRY(cells_init(&survey, bytes, len));
    if (!find_layout(&l, &names, survey))
        return ERR_MALFORMED;
    TRY(cells_init(&c, bytes, len));
    s.charset = c.charset;
    while (cells_next(&c, &row)) {
        struct index_row r = {.line = c.line};
        bool is_first = s.rows == 0 && !s.has_header;

        s.columns = row.count > s.columns ? row.count : s.columns;
        if (is_first && !has_digit(cells_get(&row, l.number)) &&
            !names_file(&names, cells_get(&row, l.file))) {
            s.has_header = true;
            continue;
        }
        r.fault = read_row(&r, &l, &row);
        s.faulty += r.fault != NULL;
        if (++s.rows > INDEX_ROWS_MAX)
            return ERR_LIMIT;
        TRY(take(context, &r));
    }
    *out = s;
    return OK;
}
