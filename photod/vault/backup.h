#ifndef PHOTOD_VAULT_BACKUP_H
#define PHOTOD_VAULT_BACKUP_H

#include "photod/vault/vault.h"

/*
 * What photoctl backs up, in steps that hold up nobody: only what is sealed
 * leaves here, as it is at rest.  A step is a slice of a walk or of the
 * changes since; the last one is taken between two commits, so that records,
 * keys, key file and checkpoint are of one moment.
 */
void answer_backup(struct vault *v, struct peer *p, struct message *m);
/* photoctl says that its files are durable, and what its manifest is: the leaf `backup`, answered with its
 * proof. */
void answer_backup_kept(struct vault *v, struct peer *p, struct message *m);

#endif
