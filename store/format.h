#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include "store/backend.h"

/* The version of what is on disk: a row of KIND_META, written when a store is made. */

struct span format_key(void);
struct span format_value(void);
bool format_owns(const void *key, size_t key_len);

/*
 * Brings an older store up to this version, step by step.  Expected (logged):
 * ERR_DENIED for a newer one, ERR_CORRUPT when there is no readable version.
 */
MUST_CHECK enum err format_check(struct store *s);

#endif
