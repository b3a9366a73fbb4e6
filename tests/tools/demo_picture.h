#ifndef PHOTOD_TESTS_TOOLS_DEMO_PICTURE_H
#define PHOTOD_TESTS_TOOLS_DEMO_PICTURE_H

#include "tests/tools/demo_roster.h"

/*
 * Students as camera files, and what a test asks of the files that come back.
 * The only part that knows libvips.  Every function says what failed.
 */

/* The student's picture as its kind wants it; *bytes is from malloc and the caller's. */
MUST_CHECK enum err picture_camera_file(void **bytes, size_t *len, const struct student *s, uint64_t seed);

/* Writes a PNG of what a rendition of the student should show: upright, sRGB, fit inside, never enlarged. */
MUST_CHECK enum err picture_write_expected(const struct student *s, uint64_t seed, int width, int height,
                                           const char *path);

/*
 * The code of a picture, whose pixels are taken as they are stored unless
 * as_tagged, when the Orientation tag is obeyed first.  Expected:
 * ERR_MALFORMED (no code, not upright), ERR_IO (no picture).
 */
MUST_CHECK enum err picture_read_code(uint32_t *number, const char *path, bool as_tagged);

/* Peak signal to noise between two pictures of one size in dB, 100 at most.  Expected: ERR_MALFORMED, ERR_IO.
 */
MUST_CHECK enum err picture_psnr(double *decibels, const char *path_a, const char *path_b);

#endif
