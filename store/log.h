#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "store/backend.h"

/* The log inside the store: KIND_LEAF, KIND_DETAIL, KIND_TILE and its head in KIND_META. */

#define LOG_INDEX_BYTES 8

/* Big-endian, so that key order is log order. */
void log_index_encode(unsigned char key[static LOG_INDEX_BYTES], uint64_t index);
uint64_t log_index_decode(const unsigned char key[static LOG_INDEX_BYTES]);

#define LOG_TILE_KEY_BYTES 9
void log_tile_key(unsigned char key[static LOG_TILE_KEY_BYTES], unsigned level, uint64_t tile);

/* Whether this key of KIND_META is the log's. */
bool log_owns(const void *key, size_t key_len);

/*
 * Reads the tree of what is committed, and its head.  Expected: ERR_CORRUPT or
 * ERR_LIMIT when tiles and head do not add up.
 */
MUST_CHECK enum err log_read(struct store *s, struct merkle *m, struct store_head *head);
/*
 * Loads s->log so: at open, and after a transaction
 * that appended was aborted.  Expected: ERR_CORRUPT (logged).
 */
MUST_CHECK enum err log_load(struct store *s);
/* Both inside a transaction: one leaf, and once at the end all touched tiles and the head. */
MUST_CHECK enum err log_append(struct store *s, struct span leaf, struct span detail);
MUST_CHECK enum err log_flush(struct store *s);
/* After the commit: shows the new head to all threads. */
void log_publish(struct store *s);

#endif
