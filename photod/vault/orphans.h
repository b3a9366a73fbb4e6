#ifndef PHOTOD_VAULT_ORPHANS_H
#define PHOTOD_VAULT_ORPHANS_H

#include "photod/vault/record.h"

/*
 * DEKs that belong to nothing.  A new key reaches the disk before what it
 * seals, so a crash or a full disk between the two leaves one behind.
 */

/*
 * Begins to look through all keys, in a thread that only reads: a state's
 * keys take seconds to minutes from a disk, and neither a start nor a commit waits for
 * that.  What it suspects is looked at again by the committing thread, where
 * nothing is on its way, and removed there.
 */
void orphans_sweep(struct vault *v);
/* Ends the search, wherever it is; before the committing thread is stopped. */
void orphans_stop(struct vault *v);
/* After that. */
void orphans_free(struct vault *v);

/* While nobody commits: adds the deletion of all there are to the batch; how many. */
MUST_CHECK enum err orphans_remove(struct vault *v, struct store_batch *b, size_t *removed);

#endif
