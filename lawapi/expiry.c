#include <stdlib.h>
#include <time.h>
#include "lawapi/consent.h"
#include "lawapi/expiry.h"
#include "photod/base/log.h"

#define MONTANA "America/Denver"

/*
 * glibc takes a zone it cannot find for UTC and says nothing, so the answer
 * is what is checked: two instants of which Montana's time is history.
 */
static bool is_montana_time(void)
{
    static const struct {
        time_t instant;
        long offset;
    } known[] = {
        {1705320000, -7 * 3600}, /* 2024-01-15T12:00:00Z: 05:00 MST */
        {1721044800, -6 * 3600}, /* 2024-07-15T12:00:00Z: 06:00 MDT */
    };
    struct tm t;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!localtime_r(&known[i].instant, &t) || t.tm_gmtoff != known[i].offset)
            return false;
    return true;
}

enum err law_zone_open(void)
{
    if (setenv("TZ", MONTANA, 1)) {
        log_errno("cannot set TZ");
        return ERR_NOMEM;
    }
    tzset();
    if (is_montana_time())
        return OK;
    log_error("no time zone " MONTANA " on this machine: install tzdata");
    return ERR_NOTFOUND;
}

/*
 * localtime_r, never localtime: the latter looks at TZ anew each time, the
 * former keeps to what tzset() read, and so opens no file after confinement.
 */
struct date law_today(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
    struct tm t;

    if (!localtime_r(&seconds, &t))
        return (struct date){0};
    return (struct date){t.tm_year + 1900, t.tm_mon + 1, t.tm_mday};
}

struct date photo_ends_on(struct date taken_on)
{
    struct date end = {taken_on.year + 2, taken_on.month, taken_on.day};

    /* Two years from a leap year is none. */
    if (end.month == 2 && end.day == 29)
        end.day = 28;
    return end;
}

bool photo_is_servable(struct date taken_on, struct date today)
{
    return date_is_valid(taken_on) && date_compare(today, photo_ends_on(taken_on)) < 0;
}

uint32_t photo_age_days(struct date taken_on, struct date today)
{
    if (!date_is_valid(taken_on) || date_compare(taken_on, today) >= 0)
        return 0;
    return (uint32_t)(date_to_days(today) - date_to_days(taken_on));
}

/* Cameras that lost their battery say 1980 or 1970. */
static bool is_plausible(struct date exif, struct date latest)
{
    return date_is_valid(exif) && exif.year >= 2000 && date_compare(exif, latest) <= 0;
}

struct date photo_taken_on(struct date declared, struct date exif, struct date today)
{
    bool is_declared = date_is_valid(declared);

    if (is_plausible(exif, is_declared ? declared : today))
        return exif;
    return is_declared ? declared : school_year_start(today);
}
