#ifndef PHOTOD_VAULT_BATCH_ROSTER_H
#define PHOTOD_VAULT_BATCH_ROSTER_H

#include "photod/vault/batch.h"
#include "photod/vault/crosswalk.h"
#include "photod/vault/foretold.h"
#include "photod/vault/spool.h"

/*
 * The roster that comes with a batch, to find its children by name, and for a
 * dry run to foretell what it would change: never in the store, but in a
 * spool of its own beside the batch's, sealed under the key of the batch's
 * upload and gone with it.
 *
 * There are two places for it, 1 and 2, and the batch's record says which one
 * counts (0: none).  Another roster is written into the place that does not,
 * and the commit that names it makes it the batch's: a crash before that
 * leaves the old one, whole.
 */
#define BATCH_ROSTER_PLACES 2u

/* The spool of that place; of such a spool, the batch. */
void batch_roster_spool(unsigned char out[static SPOOL_ID_BYTES],
                        const unsigned char batch[static SUBJECT_BYTES], unsigned place);

/* Whether the batch named takes a roster now; else the answer was sent. */
MUST_CHECK enum err batch_roster_may(struct vault *v, struct asker to, const struct shape_roster_open *ask,
                                     struct actor *a, unsigned char id[static SUBJECT_BYTES], bool *dry_run);
/* Adds to a batch of the store that this batch's roster is in *place from then on.  Expected: ERR_DENIED, it
 * takes none any more. */
MUST_CHECK enum err batch_roster_put(struct vault *v, struct store_batch *b,
                                     const unsigned char id[static SUBJECT_BYTES], unsigned *place);
/* Seals, writes and syncs the rows (of shape roster_row).  Safe off the deciding thread. */
MUST_CHECK enum err batch_roster_write(struct vault *v, const unsigned char id[static SUBJECT_BYTES],
                                       unsigned place, const struct dek *dek, const unsigned char *rows,
                                       size_t len);
/* dek: of the batch's chunks.  Expected: ERR_NOTFOUND, none came with it. */
MUST_CHECK enum err batch_roster_load(struct crosswalk **out, struct vault *v,
                                      const unsigned char id[static SUBJECT_BYTES], unsigned place,
                                      const struct dek *dek);
/* The same rows as what they would change, for a dry run; district: the batch's. */
MUST_CHECK enum err batch_roster_foretell(struct foretold **out, struct vault *v,
                                          const unsigned char id[static SUBJECT_BYTES], unsigned place,
                                          const struct dek *dek, const char *district);
/* Removes what stands in the other place. */
void batch_roster_keep(struct vault *v, const unsigned char id[static SUBJECT_BYTES], unsigned place);
void batch_roster_remove(struct vault *v, const unsigned char id[static SUBJECT_BYTES]);

#endif
