#ifndef INGEST_DELIMITED_H
#define INGEST_DELIMITED_H

#include <stdbool.h>
#include <stddef.h>
#include "ingest/fault.h"

/*
 * Text as records of fields: rosters, and the tables of a package.  A record
 * is a line, and a field ends at a delimiter; with quotes (RFC 4180, libcsv)
 * a field that begins with one may hold delimiters, quotes and line ends.
 * What follows its closing quote, or a quote that is never closed, is a fault
 * of its own line: reading goes on with the next one.  RFC 4180 leaves open
 * what a quote means in a field that begins with another character, as in
 * Ann "Annie": here it is a character of that field.  UTF-8 without NUL.
 */
#define DELIMITED_FIELDS_MAX 256
#define DELIMITED_BYTES_MAX  8192u /* of a record */
#define DELIMITED_LINES_MAX  8u    /* of a record */

struct delimited_line {
    const char *text;
    size_t len;
};

struct delimited {
    const char *at, *end;
    unsigned line; /* number of the line last taken, from 1 */
    char delimiter;
    bool quotes;
};

struct delimited_record {
    unsigned line, lines; /* number of its first, how many */
    const char *text;     /* as it stands, borrowed */
    size_t len;
    const char *fault;                  /* NULL, or a code: then there are no fields */
    char *fields[DELIMITED_FIELDS_MAX]; /* NUL-terminated, in bytes */
    size_t count;
    char bytes[DELIMITED_BYTES_MAX + DELIMITED_FIELDS_MAX + 1];
    size_t used;
};

/* The next line, which ends in LF, CRLF or CR; with at least one character that is no blank or delimiter. */
bool delimited_line(struct delimited *d, struct delimited_line *out);
/* The next record.  Expected: ERR_NOTFOUND, there is none. */
MUST_CHECK enum err delimited_next(struct delimited *d, struct delimited_record *out);
/* A record of several lines makes no sense: its first line is at fault, the others are read anew. */
void delimited_split(struct delimited *d, struct delimited_record *r);

#endif
