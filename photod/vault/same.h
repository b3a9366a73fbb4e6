#ifndef PHOTOD_VAULT_SAME_H
#define PHOTOD_VAULT_SAME_H

#include "photod/vault/staging_state.h"

/*
 * The judgement over the whole batch, once every file has its row: the same
 * picture under two State IDs is with at least one wrong child, and under
 * three or more it is a placeholder (lawapi/same_picture.h says what counts
 * as the same; equal files do).  Such photos, already in the vault but never
 * visible, are erased, and their rows say so.
 *
 * Its life: pairs are compared, some at a time, so that lookups go on; then
 * the photos of each cluster go, some in a transaction.  After a crash the
 * rows give the same clusters again, and what is left of them goes.
 *
 * Only files of one batch are compared: against the photos of other children
 * there would have to be an index of what they look like, at rest.
 */

/* Begins; when all is done staging->compared is set and the batch is pumped. */
void same_begin(struct vault *v, struct staging *s);

#endif
