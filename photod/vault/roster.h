#ifndef PHOTOD_VAULT_ROSTER_H
#define PHOTOD_VAULT_ROSTER_H

#include "photod/vault/upload.h"

/*
 * Rosters: who is enrolled, and what each family answered.  Read by a
 * worker, applied here in one transaction, decided by slices: all good rows, or none.  Only of
 * students opted in is anything kept but the answers.
 */
struct roster_job;

void answer_roster_open(struct vault *v, struct peer *p, struct message *m);
/* The upload is whole: takes it over. */
void roster_start(struct vault *v, struct asker to, struct upload *u);
/* A worker may be free. */
void rosters_wake(struct vault *v);
/* Decides a slice of the oldest roster that was read.  Whether there was one: then another is due at once. */
bool rosters_decide(struct vault *v);

/* What workers answer. */
void roster_parsed(struct vault *v, struct peer *p, struct message *m);
void roster_fault(struct vault *v, struct peer *p, struct message *m);
void rosters_worker_gone(struct vault *v, const struct peer *p);

#endif
