#ifndef INGEST_IMAGE_H
#define INGEST_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include "ingest/fault.h"
#include "ingest/phash.h"
#include "photod/base/buf.h"
#include "photod/base/date.h"

/*
 * A photograph as it was sent, to the renditions that are kept: fitted
 * inside, never cropped, padded or enlarged, upright, sRGB in three
 * components, baseline JPEG, nothing of the original's metadata.  What the
 * shapes are is the law's; here they are parameters.
 */
struct image_shape {
    uint32_t width, height, max_bytes;
};

struct image_rendition {
    struct buf *jpeg;
    uint32_t width, height;
};

#define IMAGE_SHAPES_MAX 4

struct image_result {
    struct image_rendition renditions[IMAGE_SHAPES_MAX]; /* one for each shape, in their order */
    uint32_t width, height;                              /* of the original, upright */
    struct phash phash;                                  /* of the smallest rendition's pixels */
    struct date taken_on; /* EXIF DateTimeOriginal, unset when absent or implausible */
};

/*
 * Once after exec (libvips' threads do not survive a fork) and before
 * confinement: decodes, converts and encodes a made-up picture of each format,
 * so that later no file need be opened and no code compiled into a new mapping.  Expected: ERR_IO.
 */
MUST_CHECK enum err image_init(void);

/*
 * All renditions from one decoding; each shape at most as large as the one
 * before it, count at most IMAGE_SHAPES_MAX.  Expected: ERR_MALFORMED with
 * what probe_image() answers, FAULT_UNREADABLE (cut short, damaged) or
 * FAULT_OVER_BUDGET.  The caller clears out, on OK only.
 */
MUST_CHECK enum err image_normalise(struct image_result *out, const char **fault, const void *bytes,
                                    size_t len, const struct image_shape *shapes, size_t count);
void image_result_clear(struct image_result *r);
static inline void image_result_cleanup(struct image_result *r)
{
    image_result_clear(r);
}

#endif
