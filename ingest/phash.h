#ifndef INGEST_PHASH_H
#define INGEST_PHASH_H

#include <stdbool.h>
#include "ingest/pixels.h"

/*
 * What a picture looks like, in 256 bits: the same picture encoded again,
 * resized or a little recoloured gives nearly the same ones.  How near means
 * "the same" is a rule: lawapi/same_picture.h.  Which of the 16x16 slowest
 * waves of its lightness are stronger than the middle one, as PDQ does it;
 * all in integers, so that every machine computes the same bits.
 */
#define PHASH_BYTES 32

struct phash {
    unsigned char bits[PHASH_BYTES];
    bool is_flat; /* blank, or a backdrop without anybody before it */
};

/* Of upright sRGB. */
struct phash phash_of(const struct pixels *p);

#endif
