#ifndef INGEST_ROSTER_ROW_H
#define INGEST_ROSTER_ROW_H

#include <stddef.h>
#include "ingest/roster_cell.h"
#include "ingest/roster_columns.h"

/* One record of a roster: from its fields to a pupil. */

#define ROSTER_FIELD_MAX 100u /* bytes of a field */
#define ROSTER_FOLDED    128  /* transliteration may lengthen */

struct roster_row {
    unsigned line;     /* in the file, from 1 */
    const char *fault; /* NULL: good.  Else a code; fields after the faulty one are empty */
    unsigned notes;    /* what was mended: enum roster_note */
    char district[5], state_id[10];
    char local_id[ROSTER_FIELD_MAX + 1];
    char last[ROSTER_FIELD_MAX + 1], first[ROSTER_FIELD_MAX + 1], middle[ROSTER_FIELD_MAX + 1];
    char folded_last[ROSTER_FOLDED], folded_first[ROSTER_FOLDED]; /* a-z and single spaces, for the search */
    char gender[ROSTER_FIELD_MAX + 1], school[ROSTER_FIELD_MAX + 1], grade[ROSTER_FIELD_MAX + 1],
        homeroom[ROSTER_FIELD_MAX + 1];
    struct date born, opt_in_on; /* opt_in_on may be unset; both are in a file of answers only */
    enum roster_opt_in opt_in;
};

/* Reads one record.  Trims its fields; sets all of *out. */
void roster_row_read(struct roster_row *out, struct delimited_record *record,
                     const struct roster_columns *columns);
/* Whether a record of several lines makes sense: as many fields as columns, no line end in one that is read.
 */
bool roster_row_spans_lines(const struct delimited_record *record, const struct roster_columns *columns);

#endif
