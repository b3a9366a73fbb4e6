#ifndef PHOTOD_VAULT_REVIEW_H
#define PHOTOD_VAULT_REVIEW_H

#include "photod/vault/batch.h"

/*
 * Files that no rule gives to one child, until the clerk decides.
 *
 *   needs-review    their rows name up to five candidates; ZIP, roster and key stay in the spool
 *   review-decided  the clerk named a child of the batch's roster: the file is judged like any other,
 *                   so the batch is staging again until that is done
 *   review-skipped  the clerk left it out
 *
 * What is open when the batch is committed or thrown away, or 7 days after
 * it was created, is gone with the spool.
 */
void answer_review_get(struct vault *v, struct peer *p, struct message *m);
void answer_review_decide(struct vault *v, struct peer *p, struct message *m);

/* Adds the end of what is open to a batch that changes its state; afterwards, once that is durable,
 * review_ended(). */
MUST_CHECK enum err review_end(struct store_batch *b, const unsigned char id[static SUBJECT_BYTES],
                               struct shape_batch_record *r);
void review_ended(struct vault *v, const unsigned char id[static SUBJECT_BYTES]);

#endif
