#ifndef PHOTOD_WIRE_BULK_H
#define PHOTOD_WIRE_BULK_H

#include <stddef.h>
#include "photod/base/cleanup.h"
#include "photod/base/err.h"

/*
 * Bulk: bytes too large for a message travel as a memfd beside it.  The
 * sender seals it against every change; the receiver checks seals and size
 * before mapping, because an unsealed one could be shrunk under its feet
 * (SIGBUS) or changed after it was judged.
 */
struct bulk {
    const unsigned char *bytes; /* never NULL; not terminated */
    size_t len;
};

/* A sealed memfd holding a copy of bytes.  The caller owns *fd. */
MUST_CHECK enum err bulk_new(int *fd, const void *bytes, size_t len);
/* In two steps, to fill in place: map writable, then seal (which unmaps). */
MUST_CHECK enum err bulk_begin(int *fd, unsigned char **bytes, size_t len);
MUST_CHECK enum err bulk_seal(int fd, unsigned char *bytes, size_t len);
/* The same, when only the first `used` bytes were filled. */
MUST_CHECK enum err bulk_seal_part(int fd, unsigned char *bytes, size_t len, size_t used);

/* Maps for reading.  Expected: ERR_MALFORMED (not a sealed memfd), ERR_LIMIT (larger than max). */
MUST_CHECK enum err bulk_map(struct bulk *out, int fd, size_t max);
void bulk_unmap(struct bulk *b);

static inline void bulk_cleanup(struct bulk *b)
{
    bulk_unmap(b);
}

#endif
