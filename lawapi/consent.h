#ifndef LAWAPI_CONSENT_H
#define LAWAPI_CONSENT_H

#include <stdbool.h>
#include <stddef.h>
#include "photod/base/date.h"
#include "photod/base/err.h"

/*
 * Consent: MCA 20-7-1317(3).  A family answers IN or OUT for a school year;
 * a blank is no answer and never overwrites one (OPI's practice).  The
 * history is kept, the newest answer stands, OUT wins a tie.
 *
 * Pure functions: no clock, no store.  `today` is a civil date in Montana
 * (law_today()).
 */
enum consent_answer { CONSENT_BLANK, CONSENT_IN, CONSENT_OUT };

/*
 * Chosen once, at init; there is no default.
 * CARRIED: the last IN stands until answered otherwise.
 * ANNUAL:  an IN of the current school year (1 July - 30 June), with a
 *          grace up to and with 30 September for an IN of the year before.
 */
enum consent_policy { CONSENT_POLICY_CARRIED = 1, CONSENT_POLICY_ANNUAL = 2 };

/* One line of the history, oldest first as it came in. */
struct consent_entry {
    enum consent_answer answer;
    struct date on;    /* the day the family answered; unset: not said; after `filed`: taken for `filed` */
    struct date filed; /* the day the roster came in; stands in for an unset `on` */
    char district[5];  /* who sent it */
};

/* What the answers amount to on a day. */
enum consent_state {
    CONSENT_STATE_NONE,   /* never answered, or only blanks */
    CONSENT_STATE_IN,     /* may be stored and served */
    CONSENT_STATE_LAPSED, /* an IN, but not of this school year (annual) */
    CONSENT_STATE_OUT
};

/*
 * The entry that stands: newest `on` (or `filed`), OUT wins ties, blanks never; of equals the last.
 * NULL: none.
 */
const struct consent_entry *consent_standing(const struct consent_entry *history, size_t count);
enum consent_state consent_state(const struct consent_entry *history, size_t count,
                                 enum consent_policy policy, struct date today);

/* Whether the answer that stands is an IN of the school year before this one, which the annual policy lets
 * lapse. */
bool consent_wants_renewal(const struct consent_entry *history, size_t count, enum consent_policy policy,
                           struct date today);

/* "carried", "annual".  Expected: ERR_MALFORMED. */
MUST_CHECK enum err consent_policy_parse(enum consent_policy *out, const char *text);
/* NULL when there is no such policy. */
const char *consent_policy_name(enum consent_policy policy);

/* The 1 July that opens the school year of d (MCA 20-1-301). */
struct date school_year_start(struct date d);

#endif
