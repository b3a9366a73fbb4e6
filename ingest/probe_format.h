#ifndef INGEST_PROBE_FORMAT_H
#define INGEST_PROBE_FORMAT_H

#include "ingest/probe.h"

/*
 * One walk for each format, from its first byte: fills in what the file says
 * of itself, refuses what no camera or editor writes, judges no size (probe.c
 * does).  Expected: ERR_MALFORMED with FAULT_UNREADABLE, FAULT_UNSUPPORTED,
 * of a JPEG also FAULT_TOO_MANY_SCANS.
 */
MUST_CHECK enum err probe_jpeg(struct probe *p, const char **fault, const unsigned char *bytes, size_t len);
MUST_CHECK enum err probe_png(struct probe *p, const char **fault, const unsigned char *bytes, size_t len);
MUST_CHECK enum err probe_tiff(struct probe *p, const char **fault, const unsigned char *bytes, size_t len);
MUST_CHECK enum err probe_webp(struct probe *p, const char **fault, const unsigned char *bytes, size_t len);

static inline uint32_t probe_be16(const unsigned char *b)
{
    return (uint32_t)b[0] << 8 | b[1];
}

static inline uint32_t probe_be32(const unsigned char *b)
{
    return probe_be16(b) << 16 | probe_be16(b + 2);
}

static inline uint32_t probe_le16(const unsigned char *b)
{
    return (uint32_t)b[1] << 8 | b[0];
}

static inline uint32_t probe_le32(const unsigned char *b)
{
    return probe_le16(b + 2) << 16 | probe_le16(b);
}

/* A TIFF, and the notes of a camera that have its form: a head, and directories of entries, in either order
 * of bytes. */
#define PROBE_TIFF_LEN     8u
#define PROBE_TIFF_CLASSIC 42u
#define PROBE_ENTRY_LEN    12u

static inline uint32_t probe_16(bool is_big, const unsigned char *b)
{
    return is_big ? probe_be16(b) : probe_le16(b);
}

static inline uint32_t probe_32(bool is_big, const unsigned char *b)
{
    return is_big ? probe_be32(b) : probe_le32(b);
}

#endif
