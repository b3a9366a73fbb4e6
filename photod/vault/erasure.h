#ifndef PHOTOD_VAULT_ERASURE_H
#define PHOTOD_VAULT_ERASURE_H

#include "photod/vault/vault.h"

/*
 * An erasure's life:
 *   intended  a batch takes record and renditions away, opens the erasure
 *             (KIND_ERASURE, one per DEK: dek_erase()) and asks for the DEK's removal
 *   gone      the keyring has committed the removal, right after the batch
 *   ended     the open erasure is closed, its done leaf committed
 */

/*
 * Ends whatever is open, after making sure that the DEKs are gone.  Called
 * when a batch with erasures is committed, and at start for those that a
 * crash left open.
 */
void erasures_finish(struct vault *v);

#endif
