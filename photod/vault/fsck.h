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

#endif
