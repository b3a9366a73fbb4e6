#ifndef INGEST_ROSTER_H
#define INGEST_ROSTER_H

#include <stddef.h>
#include "ingest/charset.h"
#include "ingest/fault.h"
#include "ingest/roster_row.h"
#include "photod/base/date.h"

/*
 * A roster as a district's student system exports it, line by line.  One
 * form so far: the AIM Student Demographic file (OPI, "AIM General
 * Information"): an HD line with date, time and version, then SD lines, tabs
 * between fields, no quoting.  Every line of a pupil is answered, good or
 * not, under its own number; a file that is no such roster gives no row.
 */
#define ROSTER_ROWS_MAX  200000u
#define ROSTER_BYTES_MAX ((size_t)64 << 20)
#define ROSTER_FORMAT    120

struct roster_summary {
    char format[ROSTER_FORMAT]; /* for the clerk: "AIM Student Demographic MT9.1, 14 columns, UTF-8" */
    unsigned rows, faulty;
};

/* Takes one row, in line order; the row is the callee's until it returns.  What it returns, if not OK, goes
 * up. */
typedef enum err roster_take(void *context, const struct roster_row *row);

/* Before confinement: ICU's tables.  Expected: ERR_NOMEM. */
MUST_CHECK enum err roster_init(void);
/*
 * Expected: ERR_MALFORMED, the file as a whole is no roster; no row was
 * delivered.  Then *fault is not a code but one sentence for the clerk.
 */
MUST_CHECK enum err roster_parse(struct roster_summary *out, const char **fault, const void *bytes,
                                 size_t len, const struct roster_columns *columns, roster_take *take,
                                 void *context);

#endif
