#ifndef PHOTOD_TESTS_TOOLS_DEMO_ZIP_H
#define PHOTOD_TESTS_TOOLS_DEMO_ZIP_H

#include <stddef.h>
#include <zip.h>
#include "tests/tools/demo_roster.h"

/* Writes the photographer's ZIP, byte for byte the same each time.  Says what failed. */
MUST_CHECK enum err zip_write_district(const struct district *d, const char *path);

/* The same pictures in other files, as if they had been exported again: each gets a comment with the number.
 */
MUST_CHECK enum err zip_retake(const char *from, const char *to, const char *number);
/* For other ZIPs of the same district.  Takes bytes, which are from malloc. */
MUST_CHECK enum err zip_add_file(zip_t *archive, const char *name, void *bytes, size_t len);
/* Copies text, and compresses it. */
MUST_CHECK enum err zip_add_text(zip_t *archive, const char *name, const void *text, size_t len);

/*
 * The same, but every third file is 18 MB of noise until so many are; their
 * names go to standard output.
 */
MUST_CHECK enum err zip_swell(const char *from, const char *to, unsigned files);

#endif
