#ifndef PHOTOD_VAULT_PURGE_H
#define PHOTOD_VAULT_PURGE_H

#include "photod/vault/vault.h"

/*
 * The nightly purge (MCA 20-7-1317(4)): photos two years old go, and
 * children whose opt-in has lapsed; then the ring key is replaced.  Nothing
 * expired is served meanwhile: every lookup checks the date itself.
 *
 * Its certificate is a leaf `purge`: how many, and the day by which the last
 * copy is dead; the rotation that follows has its own.
 */

/* Purges once after each midnight in Montana, and at start. */
void purge_tick(struct vault *v, int64_t wall_ms);
void answer_purge(struct vault *v, struct peer *p, struct message *m);

#endif
