#ifndef INGEST_ROSTER_ROW_H
#define INGEST_ROSTER_ROW_H

#include <stddef.h>
#include "ingest/fault.h"
#include "photod/base/date.h"

/* One line of a roster: from the text between tabs to a pupil. */

#define ROSTER_FIELD_MAX   100u /* bytes of a field */
#define ROSTER_FOLDED      128  /* transliteration may lengthen */
#define ROSTER_COLUMNS_MAX 64

enum roster_opt_in { ROSTER_OPT_IN_BLANK, ROSTER_OPT_IN_IN, ROSTER_OPT_IN_OUT };

struct roster_row {
    unsigned line;     /* in the file, from 1 */
    const char *fault; /* NULL: good.  Else a code; fields after the faulty one are empty */
    char district[5], state_id[10];
    char local_id[ROSTER_FIELD_MAX + 1];
    char last[ROSTER_FIELD_MAX + 1], first[ROSTER_FIELD_MAX + 1], middle[ROSTER_FIELD_MAX + 1];
    char folded_last[ROSTER_FOLDED], folded_first[ROSTER_FOLDED]; /* a-z and single spaces, for the search */
    char gender[ROSTER_FIELD_MAX + 1], school[ROSTER_FIELD_MAX + 1], grade[ROSTER_FIELD_MAX + 1],
        homeroom[ROSTER_FIELD_MAX + 1];
    struct date born, opt_in_on; /* opt_in_on may be unset */
    enum roster_opt_in opt_in;
};

/* Which field stands in which column: an index into the table of fields, or ROSTER_IGNORED. */
#define ROSTER_IGNORED 0xff
struct roster_columns {
    size_t count;
    unsigned char field[ROSTER_COLUMNS_MAX];
};

/*
 * From the configuration key roster_columns: names between spaces, the first
 * one "SD".  A name we do not know is a column we pass over.  Expected:
 * ERR_MALFORMED: stateid, last, first, born or optin missing, a known name twice, too many.
 */
MUST_CHECK enum err roster_columns_parse(struct roster_columns *out, const char *text);

/* Reads one line, without its end, in UTF-8 with CHARSET_UNDEFINED for what was none.  Sets all of *out but
 * line. */
void roster_row_read(struct roster_row *out, const char *text, size_t len,
                     const struct roster_columns *columns);

/* MM/DD/YYYY (also M/D/YYYY) or YYYY-MM-DD.  Expected: ERR_MALFORMED. */
MUST_CHECK enum err roster_date_parse(struct date *out, const char *text);

#endif
