#ifndef INGEST_ARCHIVE_MAP_H
#define INGEST_ARCHIVE_MAP_H

#include <stddef.h>
#include <stdint.h>
#include "ingest/archive.h"
#include "photod/base/buf.h"

/*
 * Where everything lies in a ZIP: our own reading of the central directory
 * (PKWARE APPNOTE 4.3), made before libzip sees the archive.  libzip unpacks,
 * but does not tell where an entry lies, and its ZIP_CHECKCONS refuses odd
 * archives that harm nobody (a later time in the local header, bytes after
 * the end) while it lets entries overlap.  So: the map finds overlaps and
 * bounds the directory; archive.c then demands that libzip read the same.
 */
struct archive_place {
    const unsigned char *name; /* raw, borrowed from the map */
    size_t name_len;
    uint64_t offset, limit; /* its local header, and where the next thing begins */
    uint64_t packed, size;
    uint32_t crc;
    unsigned method;
};

struct archive_map {
    struct buf *directory;
    struct archive_place *places;
    size_t count;
};

/* Expected: as archive_open.  *out is initialised in any case. */
MUST_CHECK enum err archive_map_init(struct archive_map *out, const char **fault,
                                     const struct archive_source *source);
void archive_map_clear(struct archive_map *m);
/* Holds an entry's local header against the directory.  Expected: ERR_MALFORMED, FAULT_ZIP_INCONSISTENT. */
MUST_CHECK enum err archive_map_check_local(const struct archive_map *m, const char **fault,
                                            const struct archive_source *source, size_t index);

#endif
