#ifndef PHOTOD_VAULT_ROSTER_APPLY_H
#define PHOTOD_VAULT_ROSTER_APPLY_H

#include "photod/vault/commit.h"
#include "photod/vault/upload.h"
#include "photod/wire/bulk.h"

/*
 * What a roster's rows change: into one batch, all good rows or none, but
 * decided a slice at a time, so that lookups are answered in between.  What
 * changes meanwhile makes the batch a conflict, as always; then it is decided
 * from the start.
 *
 *   listing   which State IDs stand on several lines
 *   judging   each row against the store
 */
#define ROSTER_ROWS_MAX     200000
#define ROSTER_ROWS_AT_ONCE 256

struct roster_apply {
    struct bulk table; /* of shape roster_row, as the worker made it */
    struct take at;
    bool listing, only_judged;
    uint32_t *ids; /* which State IDs the table has: open addressing */
    uint64_t mix;  /* odd and unforeseen, so that no file can choose their places */
    struct date today;

    struct store_batch *batch;
    struct shape_roster_report report;
    struct buf *rows; /* of shape report_row: those that were refused or need a note */
    /* Of whom everything but the answers goes: report.withdrawn of them. */
    unsigned char (*withdrawn)[SID_BYTES];
    uint32_t findable; /* good rows with a name or a local ID, by which a photo may find its child */
};

/* From the start; only_judged: nothing is applied.  fd stays the caller's.  Expected: ERR_MALFORMED,
 * ERR_LIMIT, not such a table. */
MUST_CHECK enum err roster_apply_begin(struct roster_apply *a, int fd, const struct shape_roster_summary *s,
                                       bool only_judged);
/* The next slice.  Expected: ERR_MALFORMED, not such a table.  *whole: that was the last; the batch is full.
 */
MUST_CHECK enum err roster_apply_some(struct roster_apply *a, struct vault *v, const struct actor *actor,
                                      bool *whole);
void roster_apply_clear(struct roster_apply *a);

#endif
