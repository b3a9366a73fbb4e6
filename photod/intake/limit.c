#include "photod/intake/limit.h"

#include <stddef.h>
#include <sys/time.h>

static void set(long sec, long usec)
{
    const struct itimerval timer = {.it_value = {.tv_sec = sec, .tv_usec = usec}};

    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void limit_begin(unsigned seconds)
{
    set((long)seconds, 0);
}

void limit_end(void)
{
    set(0, 0);
}

struct limit_rest limit_pause(void)
{
    const struct itimerval never = {0};
    struct itimerval left = {0};

    (void)setitimer(ITIMER_REAL, &never, &left);
    return (struct limit_rest){left.it_value.tv_sec, left.it_value.tv_usec};
}

/* A timer that was not running stays so: zero disarms. */
void limit_resume(struct limit_rest rest)
{
    set(rest.sec, rest.usec);
}
