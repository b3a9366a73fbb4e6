#ifndef LAWAPI_EXPIRY_H
#define LAWAPI_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>
#include "photod/base/date.h"
#include "photod/base/err.h"

/*
 * The age of a photo: MCA 20-7-1317(4), "2 years old or older" must be
 * gone.  Days are civil days in Montana (America/Denver), so a photo ends
 * at the midnight that opens its second anniversary there.
 */

/*
 * Makes America/Denver this process's zone, for law_today() (sets TZ and
 * reads the time zone file, so before confinement and before threads).  Expected: ERR_NOTFOUND when the zone
 * file is missing or does not know Montana's time.
 */
MUST_CHECK enum err law_zone_open(void);
/* The civil date in Montana at this instant. */
struct date law_today(int64_t wall_ms);

/* The first day on which the photo may not be served: two years on, 29 Feb -> 28 Feb. */
struct date photo_ends_on(struct date taken_on);
bool photo_is_servable(struct date taken_on, struct date today);
/* Whole days since it was taken; 0 when taken_on is not past. */
uint32_t photo_age_days(struct date taken_on, struct date today);

/*
 * The date that counts: the batch's declared date, unless the picture's own
 * EXIF date is earlier and plausible (not before 2000, not after declared);
 * with neither, 1 July of the school year of today, the cautious choice.
 */
struct date photo_taken_on(struct date declared, struct date exif, struct date today);

#endif
