#ifndef PHOTOD_VAULT_CLOCKWATCH_H
#define PHOTOD_VAULT_CLOCKWATCH_H

#include "photod/vault/vault.h"

/*
 * Erasing by date trusts the clock, so the clock is watched: when it stands
 * more than a day off the last heartbeat, or jumps that far while we run,
 * nothing is erased by date until an administrator says that it is right.
 * Serving goes on; each lookup judges the date by itself, and a clock ahead
 * can only refuse.
 */

/* At start, once the store is open. */
MUST_CHECK enum err clock_open(struct vault *v);
/* Commits a heartbeat leaf each day, and notices jumps. */
void clock_tick(struct vault *v, int64_t wall_ms, int64_t steady_ms);
/* Adds to a batch what the next start will compare the clock with. */
MUST_CHECK enum err clock_put(struct vault *v, struct store_batch *b);
void answer_clock_accept(struct vault *v, struct peer *p, struct message *m);

#endif
