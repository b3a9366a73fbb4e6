#ifndef INGEST_ROSTER_H
#define INGEST_ROSTER_H

#include <stddef.h>
#include "ingest/charset.h"
#include "ingest/fault.h"
#include "ingest/roster_row.h"

/*
 * A roster as a district's student system or a spreadsheet exports it,
 * record by record.  What stands in the file decides its form, not how it
 * was sent:
 *
 *   the AIM Student Demographic file (OPI, "AIM General Information"): an HD
 *   line with date, time and version, then SD lines, tabs between fields, no
 *   quoting; or the same through a spreadsheet, with commas and quotes;
 *
 *   a header row, tabs or commas, quotes: columns by name, in any order, of
 *   pupils or of answers only (roster_columns.h).
 *
 * Every record is answered, good or not, under the number of its first line;
 * a file that is no such roster gives no row.
 */
#define ROSTER_ROWS_MAX  200000u
#define ROSTER_BYTES_MAX ((size_t)64 << 20)
#define ROSTER_FORMAT    120

struct roster_file {
    const void *bytes;
    size_t len;
    const char *media; /* as it was sent: "text/csv", or anything else for tab-separated values */
};

struct roster_summary {
    char format[ROSTER_FORMAT]; /* for the clerk: "AIM Student Demographic MT9.1, 14 columns, UTF-8" */
    unsigned header;            /* its line */
    char remark[ROSTER_REMARK]; /* what is to be said of the header, or "" */
    unsigned rows, faulty;
};

/* Takes one row, in line order; the row is the callee's until it returns.  What it returns, if not OK, goes
 * up. */
typedef enum err roster_take(void *context, const struct roster_row *row);

/* Before confinement: ICU's tables.  Expected: ERR_NOMEM. */
MUST_CHECK enum err roster_init(void);
/*
 * aim: the columns of AIM's SD lines.  Expected: ERR_MALFORMED, the file as a
 * whole is no roster; no row was delivered, and fault is one sentence for the clerk.
 */
MUST_CHECK enum err roster_parse(struct roster_summary *out, char fault[static ROSTER_SENTENCE],
                                 const struct roster_file *file, const struct roster_columns *aim,
                                 roster_take *take, void *context);

#endif
