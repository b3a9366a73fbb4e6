#ifndef KEYS_SECRET_H
#define KEYS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include "photod/base/cleanup.h"
#include "photod/base/err.h"

/*
 * Key bytes: in guarded memory that is really locked, wiped when freed,
 * never copied into a buf.  Outside keys/ a secret is only passed on.
 */
struct secret;

/*
 * Expected: ERR_NOMEM; ERR_LIMIT when the memory cannot be locked
 * (RLIMIT_MEMLOCK), which libsodium itself would pass over in silence.
 */
MUST_CHECK enum err secret_new(struct secret **out, size_t len);
/* From the generator of libsodium. */
MUST_CHECK enum err secret_random(struct secret **out, size_t len);
/* Copies bytes in and wipes the caller's. */
MUST_CHECK enum err secret_take(struct secret **out, void *bytes, size_t len);
void secret_free(struct secret *s);
DEFINE_CLEANUP(secret)

size_t secret_len(const struct secret *s);
/* In constant time for one length. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* For keys/, and photod-unseal, which gives a token what it seals. */
unsigned char *secret_bytes(struct secret *s);
const unsigned char *secret_peek(const struct secret *s);

#endif
