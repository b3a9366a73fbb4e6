#ifndef LAWAPI_SAME_PICTURE_H
#define LAWAPI_SAME_PICTURE_H

#include <stdbool.h>

/*
 * When two pictures count as one: the same one under two State IDs is with at
 * least one wrong child.  Compared are the perceptual hashes that intake
 * makes of a picture (256 bits of its slowest waves), never the files: an
 * export at another size or quality is still the same picture.
 *
 * The limit lies between what was measured of drawn portraits, which share
 * framing and backdrop as the pictures of one school do: copies (quality 60
 * and up, 0.4 to 2 times the size, 8 % brighter, darker or tinted) end at 12
 * bits; among 2,000 different children, two million pairs, the nearest two
 * stood at 16.  A hash of 64 bits does not tell portraits apart: there, of
 * 400 children the nearest stood at 2, and copies ended at 6.
 */
#define PHASH_BYTES    32
#define PHASH_SAME_MAX 14

/* In how many bits two hashes differ. */
unsigned same_picture_distance(const unsigned char a[static PHASH_BYTES],
                               const unsigned char b[static PHASH_BYTES]);
bool same_picture(const unsigned char a[static PHASH_BYTES], const unsigned char b[static PHASH_BYTES]);

#endif
