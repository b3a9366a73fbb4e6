#ifndef INGEST_TURN_H
#define INGEST_TURN_H

#include "ingest/pixels.h"

/* Turning and mirroring by the eight EXIF orientations (Exif 2.3, tag 0x0112). */
#define TURN_NONE      1u
#define TURN_TRANSPOSE 5u

/* What remains to be done to a transposed picture so that it ends as by `orientation`. */
static inline unsigned turn_of_transposed(unsigned orientation)
{
    return ((orientation - 1) ^ 4) + 1;
}

/* out gets pixels of its own, or those of `in` when nothing is to be done: in is spent either way. */
MUST_CHECK enum err turn(struct pixels *out, struct pixels *in, unsigned orientation);

#endif
