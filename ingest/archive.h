#ifndef INGEST_ARCHIVE_H
#define INGEST_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>
#include "ingest/fault.h"
#include "photod/base/cleanup.h"

/*
 * A ZIP of photos, read in place through whatever the caller reads with:
 * there is no file here.  Every entry of the central directory gets a row,
 * good or not, so that the report accounts for all that was sent.  Nothing
 * is ever written under a name from the archive.
 */
struct archive;

#define ARCHIVE_ENTRIES_MAX 20000
#define ARCHIVE_ENTRY_MAX   20000000u           /* bytes of one file, unpacked */
#define ARCHIVE_TOTAL_MAX   4000000000u         /* bytes unpacked from one archive */
#define ARCHIVE_RATIO_MAX   100                 /* unpacked : packed ... */
#define ARCHIVE_RATIO_FLOOR ((uint64_t)1 << 20) /* ... above this size */
#define ARCHIVE_NAME        256                 /* bytes of a name and its NUL */

struct archive_source {
    /* Fills `to` with bytes [offset, offset + len), always within size.  Asked for small runs, mostly onward.
     */
    enum err (*read)(void *context, uint64_t offset, void *to, size_t len);
    void *context;
    uint64_t size;
};

struct archive_entry {
    char name[ARCHIVE_NAME]; /* UTF-8, cut to fit; escape it before showing */
    uint64_t size;           /* unpacked, as claimed */
    const char *fault;       /* NULL: may be extracted */
};

/*
 * Expected: ERR_MALFORMED with FAULT_NOT_A_ZIP, FAULT_ZIP_INCONSISTENT (also:
 * entries that overlap) or FAULT_ZIP_TOO_MANY.  Errors of source.read go up.
 */
MUST_CHECK enum err archive_open(struct archive **out, const char **fault, struct archive_source source);
void archive_close(struct archive *a);
static inline void archive_cleanup(struct archive **held)
{
    archive_close(*held);
}

size_t archive_count(const struct archive *a);
/* Never refuses: what is wrong with the entry is in out->fault.  index < archive_count(a). */
void archive_describe(struct archive_entry *out, struct archive *a, size_t index);
/*
 * Unpacks an entry without fault into len bytes at `to`; len must be the size
 * described.  Expected: ERR_MALFORMED with FAULT_ENTRY_DAMAGED (checksum,
 * truth of the claimed size), FAULT_ZIP_INCONSISTENT or FAULT_ZIP_BOMB (the
 * archive's total is used up).  Then the bytes at `to` are unspecified.
 */
MUST_CHECK enum err archive_extract(struct archive *a, const char **fault, size_t index, void *to,
                                    size_t len);

#endif
