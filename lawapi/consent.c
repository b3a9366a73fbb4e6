#include <stdbool.h>
#include <string.h>
#include "lawapi/consent.h"

static const struct {
    enum consent_policy policy;
    const char *name;
} policies[] = {
    {CONSENT_POLICY_CARRIED, "carried"},
    {CONSENT_POLICY_ANNUAL, "annual"},
};

#define POLICY_COUNT (sizeof policies / sizeof policies[0])

/*
 * When the answer was given.  Nobody answers after the roster that tells of
 * it came in: a later day is a slip of the pen, and taken at its word it
 * would outrank every true answer until then.
 */
static struct date answered_on(const struct consent_entry *e)
{
    if (!date_is_set(e->on))
        return e->filed;
    if (date_is_set(e->filed) && date_compare(e->on, e->filed) > 0)
        return e->filed;
    return e->on;
}

/* Whether e, which came in after `standing`, takes its place. */
static bool outranks(const struct consent_entry *e, const struct consent_entry *standing)
{
    int order = date_compare(answered_on(e), answered_on(standing));

    return order > 0 || (order == 0 && (e->answer == CONSENT_OUT || standing->answer != CONSENT_OUT));
}

const struct consent_entry *consent_standing(const struct consent_entry *history, size_t count)
{
    const struct consent_entry *standing = NULL;

    for (size_t i = 0; i < count; i++)
        if (history[i].answer != CONSENT_BLANK && (!standing || outranks(&history[i], standing)))
            standing = &history[i];
    return standing;
}

/* Whether an IN of that day is in force today under the annual policy. */
static bool is_current(struct date answered, struct date today)
{
    struct date year = school_year_start(today);
    int years_ago = year.year - school_year_start(answered).year;
    struct date grace_ends = {year.year, 9, 30};

    return years_ago == 0 || (years_ago == 1 && date_compare(today, grace_ends) <= 0);
}

enum consent_state consent_state(const struct consent_entry *history, size_t count,
                                 enum consent_policy policy, struct date today)
{
    const struct consent_entry *standing = consent_standing(history, count);

    if (!standing)
        return CONSENT_STATE_NONE;
    if (standing->answer != CONSENT_IN)
        return CONSENT_STATE_OUT;
    if (policy == CONSENT_POLICY_CARRIED || is_current(answered_on(standing), today))
        return CONSENT_STATE_IN;
    return CONSENT_STATE_LAPSED;
}

bool consent_wants_renewal(const struct consent_entry *history, size_t count, enum consent_policy policy,
                           struct date today)
{
    const struct consent_entry *standing = consent_standing(history, count);

    return policy == CONSENT_POLICY_ANNUAL && standing && standing->answer == CONSENT_IN &&
           school_year_start(answered_on(standing)).year + 1 == school_year_start(today).year;
}

enum err consent_policy_parse(enum consent_policy *out, const char *text)
{
    for (size_t i = 0; i < POLICY_COUNT; i++) {
        if (strcmp(policies[i].name, text) == 0) {
            *out = policies[i].policy;
            return OK;
        }
    }
    return ERR_MALFORMED;
}

const char *consent_policy_name(enum consent_policy policy)
{
    for (size_t i = 0; i < POLICY_COUNT; i++)
        if (policies[i].policy == policy)
            return policies[i].name;
    return NULL;
}

struct date school_year_start(struct date d)
{
    return (struct date){d.month >= 7 ? d.year : d.year - 1, 7, 1};
}
