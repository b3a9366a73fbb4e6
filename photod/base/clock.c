#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include "photod/base/clock.h"
#include "photod/base/date.h"

static _Atomic int64_t fake_ms = -1;

static int64_t read_ms(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    int64_t fake = atomic_load(&fake_ms);

    return fake >= 0 ? fake : read_ms(CLOCK_REALTIME);
}

int64_t clock_steady_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

void clock_fake_wall_ms(int64_t ms)
{
    atomic_store(&fake_ms, ms);
}

/* Not gmtime_r: it would open /etc/localtime, and a confined process may not. */
void clock_format(char text[static CLOCK_TEXT], int64_t wall_ms)
{
    uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    struct date d = date_from_days((int64_t)(ms / 86400000));
    unsigned of_day = (unsigned)(ms % 86400000);
    char day[DATE_TEXT];

    date_format(day, d);
    (void)snprintf(text, CLOCK_TEXT, "%.10sT%02u:%02u:%02u.%03uZ", day, of_day / 3600000, of_day / 60000 % 60,
                   of_day / 1000 % 60, of_day % 1000);
}
