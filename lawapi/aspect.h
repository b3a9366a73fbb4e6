#ifndef LAWAPI_ASPECT_H
#define LAWAPI_ASPECT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether an upright picture is of a shape that no portrait has: wider than
 * 11:10 or narrower than 1:2.  School portraits are 4:5, 5:7, 2:3 or 3:4,
 * identity cards square; a wide picture is mostly of a group, or of somebody
 * who lies on the side because a program dropped the orientation.  A reason
 * to look at it, not to refuse it.
 */
bool photo_aspect_is_odd(uint32_t width, uint32_t height);

#endif
