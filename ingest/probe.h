#ifndef INGEST_PROBE_H
#define INGEST_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ingest/fault.h"

/*
 * What a picture says of itself, read by our own walk over its structure
 * before any decoder is let near it: five kilobytes may claim 64,250 pixels a
 * side, and the decoder would take it at its word.  Content decides what a
 * file is, never its name.  Of several pictures in one file (MPF, gain maps,
 * pages of a TIFF, an animated PNG) the first counts; an animated WebP has no
 * such first picture and is refused.
 */
#define PROBE_SIDE_MAX 12000u
#define PROBE_SIDE_MIN 240u
/* "MP" as cameras count them: a "64 MP" telephone makes 9248x6936, a "24 MP" camera 6024x4024. */
#define PROBE_PIXELS_MAX          ((uint64_t)64 << 20)
#define PROBE_PIXELS_MAX_BUFFERED ((uint64_t)24 << 20)
/* What the decoder may have to hold at once: 24 MP of three components, two bytes each. */
#define PROBE_BYTES_MAX ((uint64_t)144 << 20)
#define PROBE_SCANS_MAX 100u
/* Pieces of a PNG and strips or tiles of a TIFF: each costs the decoder something whatever its size. */
#define PROBE_CHUNKS_MAX 65536u
#define PROBE_TEXTS_MAX  100u

enum probe_format { PROBE_JPEG, PROBE_PNG, PROBE_TIFF, PROBE_WEBP };

/* Bytes of the file, borrowed. */
struct probe_part {
    const unsigned char *bytes;
    size_t len;
};

struct probe {
    enum probe_format format;
    uint32_t width, height; /* as stored, before any turning */
    unsigned components;    /* of colour as stored: a palette's is 1 */
    unsigned bits;          /* of each, 1 to 16 */
    unsigned scans;         /* of a JPEG */
    bool progressive;       /* likewise */
    bool has_stray_band;    /* of a TIFF: a band beyond colour of which nothing says that it is opacity */
    bool buffered;          /* no row can be had before the whole is decoded: progressive, interlaced, WebP */
    uint64_t buffered_bytes; /* what the decoder holds at once, rows in passing aside */
    struct probe_part exif;  /* the camera\'s notes, for exif_read(); len 0 where there are none */
};

/*
 * Expected: ERR_MALFORMED with FAULT_NOT_AN_IMAGE (no format we know),
 * FAULT_UNSUPPORTED (a rare variety of one), FAULT_UNREADABLE,
 * FAULT_TOO_MANY_PIXELS, FAULT_TOO_MANY_SCANS, FAULT_TOO_SMALL.
 */
MUST_CHECK enum err probe_image(struct probe *out, const char **fault, const void *bytes, size_t len);

#endif
