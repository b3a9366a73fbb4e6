#ifndef STORE_LMDB_H
#define STORE_LMDB_H

#include "store/store.h"

/*
 * The embedded backend.  Layout of its directory (mode 0700, one user):
 *   lock      flock'ed by the one process that has the store open
 *   photos/   LMDB environment: every kind but KIND_KEY
 *   keyring/  LMDB environment: KIND_KEY
 */

/* Addresses, not disk: the file stays sparse, and growing a map while it is read is not safe. */
#define LMDB_PHOTOS_MAP ((size_t)1 << 40)

MUST_CHECK enum err lmdb_create(int dir_fd);
/* As store_open.  Less of the address space is taken when photos_map_bytes cannot be had. */
MUST_CHECK enum err lmdb_open(struct store **out, int dir_fd, size_t photos_map_bytes);

#endif
