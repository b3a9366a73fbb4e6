#ifndef PHOTOD_VAULT_LOOKUP_H
#define PHOTOD_VAULT_LOOKUP_H

#include "photod/vault/vault.h"

/*
 * The one way by which a photo leaves: a lookup bound to a case.  The
 * picture is opened before the commit and waits here; the answer that
 * carries it is made only after its leaf is durable, and holds the leaf's
 * number and its receipt.
 */
void answer_lookup(struct vault *v, struct peer *p, struct message *m);

/* Refuses lookups whose commit takes longer than a second; their pictures are dropped. */
void lookups_tick(struct vault *v, int64_t steady_ms);

#endif
