#ifndef PHOTOD_WIRE_PACK_H
#define PHOTOD_WIRE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "photod/base/buf.h"
#include "photod/base/date.h"
#include "photod/base/err.h"

/*
 * The one encoding of fields, for message bodies, bulk tables and stored
 * records: little-endian numbers; bytes and text with a 32-bit length.
 *
 * Both ends keep the first error and go on harmlessly, so that a list of
 * fields reads as a list: check once, with pack_end() or take_end().
 */
struct pack {
    struct buf *buf;
    enum err err;
};

#define PACK(b) ((struct pack){.buf = (b)})

void pack_u8(struct pack *p, unsigned value);
void pack_u32(struct pack *p, uint32_t value);
void pack_u64(struct pack *p, uint64_t value);
void pack_date(struct pack *p, struct date d);
/* Exactly len bytes, without a length. */
void pack_raw(struct pack *p, const void *bytes, size_t len);
void pack_bytes(struct pack *p, const void *bytes, size_t len);
void pack_text(struct pack *p, const char *text);
MUST_CHECK enum err pack_end(const struct pack *p);

struct take {
    const unsigned char *at, *end;
    enum err err; /* ERR_MALFORMED once the bytes did not fit the fields */
};

#define TAKE_BYTES(bytes, len) ((struct take){.at = (bytes), .end = (const unsigned char *)(bytes) + (len)})

unsigned take_u8(struct take *t);
uint32_t take_u32(struct take *t);
uint64_t take_u64(struct take *t);
/* A valid date or none. */
struct date take_date(struct take *t);
void take_raw(struct take *t, void *bytes, size_t len);
/* Borrowed from the message; at most max bytes. */
const unsigned char *take_bytes(struct take *t, size_t *len, size_t max);
/* Into a fixed array, NUL-terminated; longer, or with a NUL inside, is malformed. */
void take_text(struct take *t, char *text, size_t size);
/* Whether bytes are left and nothing failed: for tables of rows. */
bool take_more(const struct take *t);
/* The first error, or ERR_MALFORMED when bytes are left over. */
MUST_CHECK enum err take_end(const struct take *t);

#endif
