#ifndef INGEST_PROBE_H
#define INGEST_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ingest/fault.h"

/*
 * What a picture says of itself, read by our own walk over its markers
 * before any decoder is let near it: five kilobytes may claim 64,250 pixels a
 * side, and the decoder would take it at its word.
 */
#define PROBE_SIDE_MAX 12000u
#define PROBE_SIDE_MIN 240u
/* "MP" as cameras count them: a "64 MP" telephone makes 9248x6936, a "24 MP" camera 6024x4024. */
#define PROBE_PIXELS_MAX          ((uint64_t)64 << 20)
#define PROBE_PIXELS_MAX_BUFFERED ((uint64_t)24 << 20)
#define PROBE_SCANS_MAX           100u

enum probe_format { PROBE_JPEG };

struct probe {
    enum probe_format format;
    uint32_t width, height; /* as stored, before any turning */
    unsigned components, scans;
    bool progressive;
    bool buffered; /* the decoder must hold all coefficients: progressive, or one scan for each component */
};

/*
 * Expected: ERR_MALFORMED with FAULT_NOT_AN_IMAGE (no format we know),
 * FAULT_UNREADABLE, FAULT_TOO_MANY_PIXELS, FAULT_TOO_MANY_SCANS, FAULT_TOO_SMALL.
 */
MUST_CHECK enum err probe_image(struct probe *out, const char **fault, const void *bytes, size_t len);

#endif
