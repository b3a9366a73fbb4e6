#ifndef INGEST_EXIF_H
#define INGEST_EXIF_H

#include <stddef.h>
#include "photod/base/date.h"

/*
 * The two things of a camera's notes that matter here (Exif 2.32, a TIFF
 * directory, wherever a format keeps it; a TIFF is its own).  Read by us,
 * because libvips reads them of two formats out of four.
 */
struct exif {
    unsigned orientation; /* 1 to 8; 1 when absent */
    struct date taken_on; /* DateTimeOriginal; unset when absent or implausible */
};

/* Cannot fail: what is malformed is as if it were not there. */
struct exif exif_read(const void *bytes, size_t len);

#endif
