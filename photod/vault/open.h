#ifndef PHOTOD_VAULT_OPEN_H
#define PHOTOD_VAULT_OPEN_H

#include "photod/vault/recovery.h"
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
 * Makes the root key, which goes where `to` says, the key file and an empty store in config.state, and
 * commits the first leaf.  Prints the log's verifier key, an empty line and
 * the five recovery shares.  Every failure is one clear line.
 */
MUST_CHECK enum err vault_init(const struct config *config, enum consent_policy policy, const char *origin,
                               const struct root_key_to *to);

/*
 * Opens the key file of a state; logs what is wrong, calling the root key
 * what `whose` says.  Expected: ERR_NOTFOUND, and as keys_open().
 */
MUST_CHECK enum err key_file_open(struct keys **out, int state_fd, const struct secret *root,
                                  const char *whose);

/* Unseals and opens everything below v->state_fd.  Every failure is one clear line. */
MUST_CHECK enum err vault_open(struct vault *v, int root_key_fd);
void vault_close(struct vault *v);

/* The keys as they are now, sealed by the root key: what the key file holds. */
MUST_CHECK enum err key_file_sealed(struct buf **out, const struct vault *v);
/* Seals the keys as they are now and replaces the key file, durably; the old content is overwritten. */
MUST_CHECK enum err key_file_write(struct vault *v);

#endif
