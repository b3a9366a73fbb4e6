#ifndef INGEST_PROFILE_H
#define INGEST_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether an ICC profile (ICC.1:2010) is plain sRGB by its numbers: primaries
 * and curve, never by its name.  Most embedded profiles are, and converting
 * sRGB to sRGB costs six times the rest.  "No" is always safe: the picture is
 * then converted.
 */
bool profile_is_srgb(const void *profile, size_t len);

#endif
