#ifndef PHOTOD_TESTS_TOOLS_DEMO_ZIP_H
#define PHOTOD_TESTS_TOOLS_DEMO_ZIP_H

#include "tests/tools/demo_roster.h"

/* Writes the photographer's ZIP, byte for byte the same each time.  Says what failed. */
MUST_CHECK enum err zip_write_district(const struct district *d, const char *path);

/* The same pictures in other files, as if they had been exported again: each gets a comment with the number.
 */
MUST_CHECK enum err zip_retake(const char *from, const char *to, const char *number);

#endif
