#ifndef PHOTOD_VAULT_INDEX_H
#define PHOTOD_VAULT_INDEX_H

#include "photod/vault/crosswalk.h"
#include "photod/vault/staging_state.h"

/*
 * A ZIP whose own index or mapping file says who is on which picture.  The
 * worker has read it (ZIP_INDEXED) and bound its rows to files; here each
 * row becomes a child of the batch's roster, a row for review, or neither.
 */

/* Counts rows that name no file of the ZIP, each of which gets a row of the report: some at each call until
 * *whole.  Expected: ERR_MALFORMED. */
MUST_CHECK enum err index_count_some(struct take *at, uint32_t files, uint32_t *missing, bool *whole);

struct index_judging {
    const struct crosswalk *roster; /* NULL: none came with the batch */
    struct take at;
    uint32_t next_missing; /* the entry of the next row without a file: from staging->files on */
};
/*
 * Gives the files in question (TO_READ) their children or a verdict; those
 * that have a child stay TO_READ.  Some rows at each call until *whole.
 * Expected: ERR_MALFORMED.
 */
MUST_CHECK enum err index_judge_some(struct index_judging *j, struct staging *s, bool *whole);
/* In which form the photos came, in words for the clerk. */
void index_format(const struct staging *s, char *to, size_t size);

#endif
