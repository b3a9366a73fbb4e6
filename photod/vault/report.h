#ifndef PHOTOD_VAULT_REPORT_H
#define PHOTOD_VAULT_REPORT_H

#include "photod/vault/batch.h"

/*
 * The report of a batch: a row for every file of the ZIP, under a DEK of its
 * own.  It names children who are not opted in, so it lives 7 days.
 */
void answer_batch_get(struct vault *v, struct peer *p, struct message *m);

/* Adds to a batch the forgetting of reports older than that; erasures_finish() ends it. */
MUST_CHECK enum err reports_forget(struct vault *v, struct store_batch *b);

#endif
