#ifndef INGEST_CELLS_H
#define INGEST_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include "ingest/charset.h"
#include "ingest/fault.h"

/*
 * A small table as photographers' and schools' programs write it: text in
 * one of the encodings of charset.h, one row a line, cells between tabs or
 * commas.  A cell may stand in double quotes, as spreadsheets put them; it
 * never spans lines, so that one stray quote costs one line.
 */
struct cells {
    enum charset charset;
    struct buf *text; /* the file as UTF-8, cut into rows as they are read */
    char *at, *end;
    unsigned line; /* of the row last read, from 1 */
    char delimiter;
};

#define CELLS_ROW_MAX 64 /* cells of a row; more are passed over */

struct cells_row {
    char *cell[CELLS_ROW_MAX]; /* trimmed, NUL-terminated; borrowed from the table, good for the next rows too
                                */
    unsigned count;
};

/* Expected: ERR_MALFORMED, it holds a NUL and is no text.  *out is to be cleared in any case. */
MUST_CHECK enum err cells_init(struct cells *out, const void *bytes, size_t len);
void cells_clear(struct cells *c);
static inline void cells_cleanup(struct cells *c)
{
    cells_clear(c);
}

/* The next row that holds anything. */
bool cells_next(struct cells *c, struct cells_row *out);
/* A cell, "" when the row is too short. */
const char *cells_get(const struct cells_row *row, unsigned column);

/* Copies a cell in NFC; needs fold_init().  A fault code, or NULL. */
const char *cell_text(char *to, size_t size, const char *cell);
/* Folders as ZIPs write them: '/', none at either end; in place. */
void cell_path(char *path);

#endif
