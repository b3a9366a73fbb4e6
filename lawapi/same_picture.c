#include "lawapi/same_picture.h"

#include <stdint.h>
#include <string.h>

unsigned same_picture_distance(const unsigned char a[static PHASH_BYTES],
                               const unsigned char b[static PHASH_BYTES])
{
    uint64_t x[PHASH_BYTES / 8], y[PHASH_BYTES / 8];
    unsigned distance = 0;

    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    for (unsigned i = 0; i < PHASH_BYTES / 8; i++)
        distance += (unsigned)__builtin_popcountll(x[i] ^ y[i]);
    return distance;
}

bool same_picture(const unsigned char a[static PHASH_BYTES], const unsigned char b[static PHASH_BYTES])
{
    return same_picture_distance(a, b) <= PHASH_SAME_MAX;
}
