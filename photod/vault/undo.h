#ifndef PHOTOD_VAULT_UNDO_H
#define PHOTOD_VAULT_UNDO_H

#include "photod/vault/batch.h"

/*
 * Commit and undo: each one record change, by which all photos of a batch
 * are current, or none is.
 *
 * A committed batch may be undone for UNDO_DAYS, unless a batch committed
 * after it has photos of the same children: that one must be undone first.
 * A staged one always.  Both may be asked twice: the second answer is the
 * first one.  What an undone batch brought is then erased, some children at
 * a time (KIND_MEMBER says which); after a crash, from the next start on.
 */
#define UNDO_DAYS 30

void answer_batch_commit(struct vault *v, struct peer *p, struct message *m);
void answer_batch_undo(struct vault *v, struct peer *p, struct message *m);

/* Erases what undone batches brought, if any is left.  Also at start, after a purge, and after what failed.
 */
void undo_wake(struct vault *v);

#endif
