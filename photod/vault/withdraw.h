#ifndef PHOTOD_VAULT_WITHDRAW_H
#define PHOTOD_VAULT_WITHDRAW_H

#include "photod/base/date.h"
#include "photod/vault/vault.h"

/*
 * Erasure on a family's word, at once, and what can be said of it later.
 */
void answer_withdraw(struct vault *v, struct peer *p, struct message *m);
void answer_erasure(struct vault *v, struct peer *p, struct message *m);

/* The day by which no copy of what is erased today opens any more: copies of keys live at most 7 days. */
#define COPIES_LIVE_DAYS 7
struct date copies_end_on(struct date erased_on);

#endif
