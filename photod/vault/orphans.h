#ifndef PHOTOD_VAULT_ORPHANS_H
#define PHOTOD_VAULT_ORPHANS_H

#include "photod/vault/record.h"

/*
 * DEKs that belong to nothing.  A new key reaches the disk before what it
 * seals, so a crash or a full disk between the two leaves one behind.
 */

/*
 * Looks through all keys and removes those, in the committing thread, slice
 * by slice between commits: a state's keys take seconds to read from a disk,
 * and a start waits for none of it.
 */
void orphans_sweep(struct vault *v);

/* How far a search is. */
struct orphans {
    unsigned char after[KEY_BYTES]; /* the last key looked at */
    size_t after_len;
    size_t found;
    bool more; /* there are keys after it; true to begin with */
};

/* One slice, while nobody commits: adds the deletions to the batch, which holds only while they are orphans.
 */
MUST_CHECK enum err orphans_find(struct vault *v, struct orphans *o, struct store_batch *b);

#endif
