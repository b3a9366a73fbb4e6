#ifndef LAWAPI_RENDITION_H
#define LAWAPI_RENDITION_H

#include <stdint.h>

/*
 * The sizes in which a photo is kept and released: fitted inside, ratio
 * untouched, no crop, no padding, never enlarged; baseline JPEG, sRGB,
 * without metadata.  480x600 is ANSI/NIST-ITL SAP 30/32; the byte budgets
 * are what in-car terminals and message switches take: under 400 kB, 100 kB
 * and 20,000 bytes, and with what is kept beside them whole pages on disk.
 */
enum rendition { RENDITION_FULL, RENDITION_STANDARD, RENDITION_MOBILE, RENDITION_COUNT };

struct rendition_shape {
    const char *name;
    uint32_t width, height, max_bytes;
};

/* NULL when out of range. */
const struct rendition_shape *rendition_shape(enum rendition r);
/* RENDITION_COUNT for an unknown name. */
enum rendition rendition_from_name(const char *name);

#endif
