#ifndef PHOTOD_CTL_TABLE_H
#define PHOTOD_CTL_TABLE_H

#include "photod/base/cleanup.h"

/*
 * Columns on standard output, aligned by characters.  Cells are cleaned of
 * control characters.  Out of memory ends the program: there is nothing to
 * undo when a table cannot be shown.
 */
struct table;

/* headings: NULL-terminated, constant; a heading that starts with '>' is right-aligned. */
struct table *table_new(const char *const *headings);
void table_free(struct table *t);
DEFINE_CLEANUP(table)

/* The next cell, row by row; every row needs all its cells. */
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *t);

#endif
