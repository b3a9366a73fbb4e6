#ifndef PHOTOD_VAULT_SUMMARY_H
#define PHOTOD_VAULT_SUMMARY_H

#include "photod/vault/staging_state.h"

/*
 * What the batch means to each school: made once, when all is judged, and
 * kept sealed with the report (rows ROW_SCHOOLS and ROW_RENEWALS), so that
 * asking for it costs nothing.  The children of the district are looked at
 * some at a time, so that lookups go on.
 */
#define ROW_SCHOOLS  0xfffffffeu /* rows of shape school_counts */
#define ROW_RENEWALS 0xffffffffu /* rows of shape renewal */

static inline bool row_is_file(uint32_t row)
{
    return row < ROW_SCHOOLS;
}

/* Begins; when all is done staging->counted is set and the batch is pumped. */
void summary_begin(struct vault *v, struct staging *s);

/* Appends the plain bytes of either.  Expected: ERR_NOTFOUND, it is not made yet. */
MUST_CHECK enum err summary_read(struct buf *out, struct vault *v, const unsigned char *batch_id,
                                 const struct dek *row_dek, uint32_t row);

#endif
