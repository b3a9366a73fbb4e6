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
/* Its rows as they are read, a chunk at each call. */
struct batch_roster {
    struct buf *bytes;
    uint32_t chunks;
};
static inline void batch_roster_cleanup(struct batch_roster *r)
{
    buf_free(r->bytes);
}
/* dek: of the batch's chunks.  *whole: that was the last.  Expected: ERR_NOTFOUND, none came with it. */
MUST_CHECK enum err batch_roster_read(struct batch_roster *r, struct vault *v,
                                      const unsigned char id[static SUBJECT_BYTES], unsigned place,
                                      const struct dek *dek, bool *whole);
/* Begins to make of a whole one what finds its children; the rows stay until that is whole. */
MUST_CHECK enum err batch_roster_crosswalk(struct crosswalk **out, const struct batch_roster *r);
/* Begins to make of it what a dry run foretells, and takes its rows; district: the batch's. */
MUST_CHECK enum err batch_roster_foretold(struct foretold **out, struct batch_roster *r,
                                          const char *district);
/* All that finds its children, in one go. */
MUST_CHECK enum err batch_roster_load(struct crosswalk **out, struct vault *v,
                                      const unsigned char id[static SUBJECT_BYTES], unsigned place,
                                      const struct dek *dek);
/* Removes what stands in the other place. */
void batch_roster_keep(struct vault *v, const unsigned char id[static SUBJECT_BYTES], unsigned place);
void batch_roster_remove(struct vault *v, const unsigned char id[static SUBJECT_BYTES]);

#endif
