#ifndef PHOTOD_VAULT_WORKER_H
#define PHOTOD_VAULT_WORKER_H

#include "lawapi/outcome.h"
#include "photod/vault/vault.h"

/*
 * The pool of photod-intake workers as the vault sees them: a peer whose
 * channel is IDLE takes a job; its state then says which answers are in
 * turn.  A worker that owes an answer for too long is replaced.
 */

/* An idle worker, or NULL. */
struct peer *worker_idle(struct vault *v);
/* Sends it a job and moves its channel to `state`.  Returns whether it is still there. */
bool worker_ask(struct vault *v, struct peer *p, enum channel_state state, enum msg type, const void *shape,
                const int *fds, unsigned fd_count);
/* It answered; free again when state is IDLE. */
void worker_answered(struct peer *p, enum channel_state state);
/* The outcome that a worker's fault names; `otherwise` when it names none that is a fault. */
enum outcome worker_fault(const char *code, enum outcome otherwise);
/* Asks the parent to replace workers that hang. */
void workers_tick(struct vault *v, int64_t steady_ms);

#endif
