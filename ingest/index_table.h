#ifndef INGEST_INDEX_TABLE_H
#define INGEST_INDEX_TABLE_H

#include "ingest/charset.h"
#include "ingest/delimited.h"

/*
 * What index.c and mapping.c share: a small table in one of the encodings of
 * charset.h, one row a line, cells between tabs or commas.  A quoted cell
 * never spans lines here, so that one stray quote costs one line.
 */
struct index_table {
    struct charset_text text;
    struct delimited start;       /* to read it again from there */
    struct delimited_record *row; /* the last one read; its fields are trimmed */
};

/* Expected: ERR_MALFORMED, it holds a NUL and is no text.  *out is to be cleared in any case. */
MUST_CHECK enum err index_table_init(struct index_table *out, const void *bytes, size_t len);
void index_table_clear(struct index_table *t);
static inline void index_table_cleanup(struct index_table *t)
{
    index_table_clear(t);
}

/* The next row at d, a copy of t->start.  Expected: ERR_NOTFOUND, there is none. */
MUST_CHECK enum err index_table_next(struct index_table *t, struct delimited *d);
/* A cell of it, "" when the row is too short. */
const char *index_table_cell(const struct index_table *t, size_t column);

/* Copies a cell in NFC; needs fold_init().  A fault code, or NULL. */
const char *index_text(char *to, size_t size, const char *cell);
/* Folders as ZIPs write them: '/', none at either end; in place. */
void index_path(char *path);

#endif
