#ifndef PHOTOD_VAULT_FSCK_H
#define PHOTOD_VAULT_FSCK_H

#include "photod/vault/vault.h"

/*
 * Opens everything that is sealed, while photod serves: every AEAD tag,
 * every index entry, every leaf.  Says what is damaged and whose it is;
 * repairs nothing, because a repair by deleting is a loss with a bow on it.
 *
 * photoctl asks for one step after the other (some dozens of values each),
 * so the vault keeps no state of it.
 */
void answer_fsck(struct vault *v, struct peer *p, struct message *m);
/* The same for all sealed values at once, while nobody else is served; the log is store_verify()'s. */
MUST_CHECK enum err fsck_all(struct vault *v, void (*report)(const struct shape_fsck_damage *row),
                             uint64_t *opened, uint64_t *damaged);

#endif
