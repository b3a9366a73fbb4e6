#include <stddef.h>
#include <string.h>
#include "lawapi/case.h"
#include "photod/base/date.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

/* A new law that allows another use is another row. */
static const char *const bases[] = {
    "missing-child-report", /* MCA 20-7-1317(2)(a) */
};

/* Two digits at `at`, at most max; -1 for anything else.  Stops at a NUL. */
static int two_digits(const char *at, int max)
{
    int value;

    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return -1;
    value = (at[0] - '0') * 10 + at[1] - '0';
    return value <= max ? value : -1;
}

/* hh:mm, as milliseconds; -1 for anything else. */
static int64_t take_hours_minutes(const char **at)
{
    int hours = two_digits(*at, 23), minutes;

    if (hours < 0 || (*at)[2] != ':')
        return -1;
    minutes = two_digits(*at + 3, 59);
    if (minutes < 0)
        return -1;
    *at += 5;
    return hours * HOUR_MS + minutes * MINUTE_MS;
}

/* :ss and, after a point, any number of digits. */
static int64_t take_seconds(const char **at)
{
    int seconds = **at == ':' ? two_digits(*at + 1, 59) : -1;
    int64_t fraction_ms = 0, digit_ms = 100;

    if (seconds < 0)
        return -1;
    *at += 3;
    if (**at == '.') {
        if ((*at)[1] < '0' || (*at)[1] > '9')
            return -1;
        for (++*at; **at >= '0' && **at <= '9'; ++*at, digit_ms /= 10)
            fraction_ms += (**at - '0') * digit_ms;
    }
    return seconds * SECOND_MS + fraction_ms;
}

/* Z, or the hours and minutes by which local time is ahead of UTC. */
static enum err take_offset(int64_t *offset_ms, const char **at)
{
    char sign = *(*at)++;
    int64_t ahead_ms;

    if (sign == 'Z' || sign == 'z') {
        *offset_ms = 0;
        return OK;
    }
    if (sign != '+' && sign != '-')
        return ERR_MALFORMED;
    ahead_ms = take_hours_minutes(at);
    if (ahead_ms < 0)
        return ERR_MALFORMED;
    *offset_ms = sign == '+' ? ahead_ms : -ahead_ms;
    return OK;
}

enum err case_parse_time(int64_t *reported_ms, const char *text, int64_t now_ms)
{
    char day[DATE_TEXT] = "";
    const char *at = text + sizeof day;
    struct date d;
    int64_t minute_ms, second_ms, offset_ms, instant_ms;

    if (strlen(text) < sizeof "YYYY-MM-DDThh:mm:ssZ" - 1)
        return ERR_MALFORMED;
    memcpy(day, text, sizeof day - 1);
    TRY(date_parse(&d, day));
    if (at[-1] != 'T' && at[-1] != 't')
        return ERR_MALFORMED;
    minute_ms = take_hours_minutes(&at);
    if (minute_ms < 0)
        return ERR_MALFORMED;
    second_ms = take_seconds(&at);
    if (second_ms < 0)
        return ERR_MALFORMED;
    TRY(take_offset(&offset_ms, &at));
    if (*at)
        return ERR_MALFORMED;
    instant_ms = date_to_days(d) * DAY_MS + minute_ms + second_ms - offset_ms;
    if (instant_ms < 0 || instant_ms > now_ms + CASE_CLOCK_SKEW_MS)
        return ERR_DENIED;
    *reported_ms = instant_ms;
    return OK;
}

int64_t case_due_ms(int64_t reported_ms)
{
    return reported_ms + 2 * HOUR_MS;
}

bool case_basis_is_known(const char *basis)
{
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++)
        if (strcmp(bases[i], basis) == 0)
            return true;
    return false;
}
