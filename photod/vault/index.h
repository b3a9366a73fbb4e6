#ifndef PHOTOD_VAULT_INDEX_H
#define PHOTOD_VAULT_INDEX_H

#include "photod/vault/staging_state.h"

/*
 * A ZIP whose own index or mapping file says who is on which picture.  The
 * worker has read it (ZIP_INDEXED) and bound its rows to files; here each
 * row becomes a child of the batch's roster, a row for review, or neither.
 */

/* How many rows name no file of the ZIP, each of which gets a row of the report.  Expected: ERR_MALFORMED. */
MUST_CHECK enum err index_missing(const struct staging *s, uint32_t files, uint32_t *missing);
/*
 * Gives the files in question (TO_READ) their children or a verdict; those
 * that have a child stay TO_READ.  *needs_roster: nothing was judged, because
 * it names children and no roster came with the batch.
 */
MUST_CHECK enum err index_judge(struct vault *v, struct staging *s, bool *needs_roster);
/* In which form the photos came, in words for the clerk. */
void index_format(const struct staging *s, char *to, size_t size);

#endif
