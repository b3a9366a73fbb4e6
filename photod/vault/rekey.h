#ifndef PHOTOD_VAULT_REKEY_H
#define PHOTOD_VAULT_REKEY_H

#include "photod/vault/vault.h"

/*
 * Replacing the root key, so that every crash starts again by itself: the old
 * way of starting is there until photod has started by the new one.
 *
 *   logged     the leaf `rekey-begun` is committed: no other root key opens anything that the log does not
 * tell of begun      both root keys open the key file; photod runs and would start by the old one started
 * photod was started by the new root key, which ends the old one: it is out of the key file told       the
 * leaf `rekeyed` is committed, once
 */
void answer_keys_rekey(struct vault *v, struct peer *p, struct message *m);
/* What was begun and not started: the new root key opens nothing any more, then the leaf `rekey-cancelled`.
 */
void answer_keys_cancel(struct vault *v, struct peer *p, struct message *m);
void answer_keys_status(struct vault *v, struct peer *p, struct message *m);

/* At start: ends what was begun, if it was the new root key that opened; commits the leaf that is owed. */
void rekey_resume(struct vault *v);

#endif
