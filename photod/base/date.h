#ifndef PHOTOD_BASE_DATE_H
#define PHOTOD_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>
#include "photod/base/err.h"

/*
 * A civil date, proleptic Gregorian, without time or zone.  What the dates
 * mean (two years, school years, Denver) is the law's and lives in lawapi.
 */
struct date {
    int year; /* 1 to 9999; 0 means "no date" */
    int month, day;
};

#define DATE_TEXT 11 /* "YYYY-MM-DD" and its NUL */

bool date_is_set(struct date d);
bool date_is_valid(struct date d);
/* Negative, zero or positive, as d is before, on or after e. */
int date_compare(struct date d, struct date e);
/* Days since 1970-01-01, and back. */
int64_t date_to_days(struct date d);
struct date date_from_days(int64_t days);

/* Exactly YYYY-MM-DD and a day that exists.  Expected: ERR_MALFORMED. */
MUST_CHECK enum err date_parse(struct date *out, const char *text);
/* "" for "no date". */
void date_format(char text[static DATE_TEXT], struct date d);

#endif
