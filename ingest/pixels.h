#ifndef INGEST_PIXELS_H
#define INGEST_PIXELS_H

#include <stddef.h>
#include <stdint.h>
#include "photod/base/buf.h"
#include "ingest/probe.h"

/*
 * Pixels in memory, always 8-bit sRGB, three bytes each, rows without gaps;
 * a greyscale picture becomes sRGB too, so that every rendition is of one
 * kind.  The only module that speaks to libvips (pixels.c) and libjpeg
 * (encode.c).  All of it runs in the calling thread.
 */
struct pixels {
    unsigned char *bytes;
    uint32_t width, height;
    unsigned bands; /* 3; 1 or 4 only inside, before conversion */
};

/* Once after exec, before confinement.  Expected: ERR_IO. */
MUST_CHECK enum err pixels_start(void);

/*
 * Of what probe_image() made of the same bytes.  Decodes (JPEG and WebP at 1/shrink: 1, 2, 4, 8), lays on
 * white, brings to sRGB, turns upright and fits to exactly width x height, both as seen upright.  Expected:
 * ERR_MALFORMED, also for a picture cut short.
 */
MUST_CHECK enum err pixels_decode(struct pixels *out, const struct probe *probe, const void *bytes,
                                  size_t len, unsigned shrink, unsigned orientation, uint32_t width,
                                  uint32_t height);
MUST_CHECK enum err pixels_resize(struct pixels *out, const struct pixels *in, uint32_t width,
                                  uint32_t height);
/* Replaces the content of out by a baseline JPEG without metadata.  Expected: ERR_LIMIT, the ceiling of out.
 */
MUST_CHECK enum err pixels_encode(struct buf *out, const struct pixels *in, int quality);
void pixels_clear(struct pixels *p);
static inline void pixels_cleanup(struct pixels *p)
{
    pixels_clear(p);
}

/* A file of the format, a JPEG of CMYK, for warming up and for tests. */
MUST_CHECK enum err pixels_encode_sample(struct buf *out, enum probe_format format, uint32_t width,
                                         uint32_t height);

#endif
