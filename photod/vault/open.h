#ifndef PHOTOD_VAULT_OPEN_H
#define PHOTOD_VAULT_OPEN_H

#include "photod/vault/vault.h"

/*
 * The state directory: what is in it, how it is made once (photod-vault
 * --init) and opened at every start.
 *
 *   keyfile        the key file, sealed by the root key
 *   photos/ keyring/ lock   the store
 *   spool/         uploads not judged yet, sealed
 *   log/           the audit log as C2SP tlog-tiles
 */

/*
 * Makes the root key (at config.root_key), the key file and an empty store
 * in config.state, and commits the first leaf.  Prints the log's verifier
 * key.  Every failure is one clear line.
 */
MUST_CHECK enum err vault_init(const struct config *config, enum consent_policy policy, const char *origin);

/* Unseals and opens everything below v->state_fd.  Every failure is one clear line. */
MUST_CHECK enum err vault_open(struct vault *v, int root_key_fd);
void vault_close(struct vault *v);

#endif
