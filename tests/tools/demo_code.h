#ifndef PHOTOD_TESTS_TOOLS_DEMO_CODE_H
#define PHOTOD_TESTS_TOOLS_DEMO_CODE_H

#include <stdint.h>
#include "photod/base/buf.h"

/*
 * The mark by which a test knows whose picture it sees and that it stands
 * upright: 35 cells along the top and the left edge, yellow for 1 and blue
 * for 0.  The two differ in lightness as well as in colour, so a grey picture
 * reads the same, and exchanged or inverted channels do not.
 *
 *     1 b b b b b b b b b b b b b b 0      16 cells across, the width / 16 each
 *     b                                    20 cells down, the height / 20 each
 *     b     b = 20 bits of number and 12 of checksum, top first
 *     1
 *
 * The corners tell most turns and mirrors apart, the checksum all of them.
 */
enum { CODE_BITS = 20, CODE_ACROSS = 16, CODE_DOWN = 20 };

/* A number of CODE_BITS bits; no two students of one seed share theirs (up to 2^20). */
uint32_t code_number(uint64_t seed, uint32_t index);

/* Appends the cells as SVG for a canvas of width x height units. */
MUST_CHECK enum err code_draw(struct buf *svg, uint32_t number, double width, double height);

/* Expected: ERR_MALFORMED, with a sentence in why: no code, or not upright.  Takes 8-bit RGB rows without
 * gaps. */
enum { CODE_WHY = 120 };
MUST_CHECK enum err code_read(uint32_t *number, char why[static CODE_WHY], const unsigned char *rgb,
                              int width, int height);

#endif
