#ifndef PHOTOD_VAULT_RESTORE_ERASE_H
#define PHOTOD_VAULT_RESTORE_ERASE_H

#include "photod/vault/vault.h"

/*
 * Adds to the batch the removal of every key that the restored log says is
 * gone: of erasures done after the copy of keys was made, when the log had
 * keys_leaves leaves, and of those that were open.  A child that came back
 * later has a new key under the old name: the copy's is the erased one, and
 * goes too.  *removed: counted on.
 */
MUST_CHECK enum err restore_erasures(struct vault *v, struct store_batch *b, uint64_t keys_leaves,
                                     uint64_t *removed);

#endif
