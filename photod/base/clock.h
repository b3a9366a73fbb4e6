#ifndef PHOTOD_BASE_CLOCK_H
#define PHOTOD_BASE_CLOCK_H

#include <stdint.h>

/*
 * The one place that asks the kernel for the time, and so the one place
 * where tests fake it.
 */

/* Milliseconds since 1970-01-01 UTC: for dates, leaves and people. */
int64_t clock_wall_ms(void);
/* Milliseconds of CLOCK_BOOTTIME: for deadlines.  Never goes back. */
int64_t clock_steady_ms(void);

/* Tests: clock_wall_ms() answers this until called with a negative value. */
void clock_fake_wall_ms(int64_t ms);

#define CLOCK_TEXT 25 /* "2026-11-23T19:56:09.123Z" and its NUL */
/* RFC 3339, UTC, milliseconds. */
void clock_format(char text[static CLOCK_TEXT], int64_t wall_ms);

#endif
