#ifndef PHOTOD_VAULT_ROTATE_H
#define PHOTOD_VAULT_ROTATE_H

#include "photod/vault/vault.h"

/*
 * Replacing the ring key, so that every DEK that was erased is unreadable in
 * every old page and copy.
 *
 * A rotation's life, online and resumable after kill -9:
 *   begun      both ring keys stand in the key file; the new one wraps
 *   rewrapping every DEK is wrapped anew, some hundreds in a transaction
 *   ended      the old ring key is out of the key file and of memory
 *   told       the leaf `ring-rotated` is committed; who asked is answered
 */
void answer_keys_rotate(struct vault *v, struct peer *p, struct message *m);

/* Begins one for nobody who waits; nothing when one is under way. */
void rotation_begin(struct vault *v);
/* At start: goes on with one that a crash cut off. */
void rotation_resume(struct vault *v);
void rotation_free(struct vault *v);
/* When the ring key in use was told of, in wall time; 0: it is the state's first. */
MUST_CHECK enum err rotation_since(uint64_t *ms, struct vault *v);

#endif
