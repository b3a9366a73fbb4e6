#ifndef PHOTOD_VAULT_BATCH_LIST_H
#define PHOTOD_VAULT_BATCH_LIST_H

#include "photod/vault/batch.h"

/* The batches of a district, newest first, BATCH_LIST_MAX at a time; without their reports. */
#define BATCH_LIST_MAX 100

void answer_batch_list(struct vault *v, struct peer *p, struct message *m);

#endif
