#ifndef PHOTOD_BASE_BUF_H
#define PHOTOD_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include "photod/base/cleanup.h"
#include "photod/base/err.h"

/*
 * A growable byte buffer with a hard ceiling.  Not for keys: those live in
 * struct secret, which is locked.  Contents are wiped when freed, so that
 * names and pictures do not linger in the heap.
 */
struct buf;

/* Creates an empty buffer that will refuse to grow past max_bytes. */
MUST_CHECK enum err buf_new(struct buf **out, size_t max_bytes);
void buf_free(struct buf *b);
DEFINE_CLEANUP(buf)

/* Expected, all three: ERR_LIMIT when the ceiling would be passed; b is unchanged. */
MUST_CHECK enum err buf_append(struct buf *b, const void *bytes, size_t len);
MUST_CHECK enum err buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds len bytes of unspecified content and borrows them for writing. */
MUST_CHECK enum err buf_extend(struct buf *b, size_t len, unsigned char **space);

/* Cuts b to len bytes; len must not exceed buf_len(b). */
void buf_truncate(struct buf *b, size_t len);

/* Borrowed: valid until the next call that changes b. Never NULL. */
const unsigned char *buf_bytes(const struct buf *b);
/* The bytes as a C string: a NUL, not counted in buf_len, always follows. */
const char *buf_text(const struct buf *b);
size_t buf_len(const struct buf *b);

#endif
