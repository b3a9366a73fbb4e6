#ifndef INGEST_ROSTER_COLUMNS_H
#define INGEST_ROSTER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include "ingest/delimited.h"

/* Which field of a pupil stands in which column: by configuration (AIM) or by a header row. */
enum roster_field {
#define FIELD(name, column, title, headings) ROSTER_##name,
#include "ingest/roster_fields.def"
#undef FIELD
    ROSTER_FIELD_COUNT
};

#define ROSTER_IGNORED  0xff /* a column nobody reads */
#define ROSTER_SENTENCE 120
#define ROSTER_REMARK   200

struct roster_columns {
    size_t count;
    unsigned char field[DELIMITED_FIELDS_MAX]; /* enum roster_field or ROSTER_IGNORED */
    bool has[ROSTER_FIELD_COUNT];
    bool short_rows; /* a row may end early: spreadsheets drop empty cells at its end */
};

/*
 * From the configuration key roster_columns: names between spaces, the first
 * one "SD".  A name we do not know is a column we pass over.  Expected:
 * ERR_MALFORMED: stateid, last, first, born or optin missing, a known name twice, too many.
 */
MUST_CHECK enum err roster_columns_parse(struct roster_columns *out, const char *text);

/* How much of a header row a record is: its headings that we know; a State ID counts for more than all
 * others. */
unsigned roster_headings_known(const struct delimited_record *header);

/*
 * From a header row.  Case, spaces and punctuation of a heading do not count.
 * With State ID and Opt In but no name or birth date it is a file of answers
 * only (roster_columns_answers_only()).  *remark says which columns were
 * passed over, or "".  Expected: ERR_MALFORMED, then *fault is one sentence
 * for the clerk: a needed column missing or there twice.
 */
MUST_CHECK enum err roster_columns_read(struct roster_columns *out, char remark[static ROSTER_REMARK],
                                        char fault[static ROSTER_SENTENCE],
                                        const struct delimited_record *header);
bool roster_columns_answers_only(const struct roster_columns *columns);

#endif
