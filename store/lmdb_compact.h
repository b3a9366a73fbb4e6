#ifndef STORE_LMDB_COMPACT_H
#define STORE_LMDB_COMPACT_H

#include "store/lmdb_env.h"

/*
 * LMDB writes changed pages elsewhere and leaves the old ones as they are
 * until they are used again, so a file goes on holding what was replaced or
 * deleted.  Compacting writes all that still counts into a new file beside
 * it, holds both against each other, and puts the new one in its place: a
 * crash at any moment leaves either the one or the other, with the same in
 * it, and what lies beside is removed at the next opening.
 *
 * In two steps, between which nothing may be committed.
 */
#define LMDB_COMPACT_NEW "data.mdb.new"

/* Writes the new file.  On error the old one stands.  Expected: ERR_FULL, ERR_NOMEM; ERR_IO, ERR_CORRUPT
 * (logged). */
MUST_CHECK enum err lmdb_compact_write(struct lmdb_env *e, struct store_compacted *out);
/* Puts it in place.  After an error it is unknown which one stands, and nothing more may be committed. */
MUST_CHECK enum err lmdb_compact_replace(struct lmdb_env *e);

#endif
