#ifndef TESTS_UNIT_ROSTER_PARSED_H
#define TESTS_UNIT_ROSTER_PARSED_H

#include <check.h>
#include "ingest/roster.h"
#include "photod/base/clock.h"

/* What ingest/roster.h makes of a file: all of it, and the first rows. */
#define NOW_MS    1795400000000 /* 2026-11-22 */
#define ROWS_KEPT 16
#define AIM       "SD district stateid localid last first middle gender born school grade homeroom optin optin_date"

struct parsed {
    enum err err;
    char fault[ROSTER_SENTENCE];
    struct roster_summary summary;
    struct roster_row rows[ROWS_KEPT];
    unsigned count;
};

static inline enum err keep(void *context, const struct roster_row *row)
{
    struct parsed *p = context;

    if (p->count < ROWS_KEPT)
        p->rows[p->count] = *row;
    p->count++;
    return OK;
}

static inline struct parsed parse_as(const char *media, const void *bytes, size_t len)
{
    const struct roster_file file = {bytes, len, media};
    struct parsed p = {.fault = ""};
    struct roster_columns aim;

    clock_fake_wall_ms(NOW_MS);
    ck_assert_int_eq(roster_init(), OK);
    ck_assert_int_eq(roster_columns_parse(&aim, AIM), OK);
    p.err = roster_parse(&p.summary, p.fault, &file, &aim, keep, &p);
    return p;
}

#endif
