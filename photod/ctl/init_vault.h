#ifndef PHOTOD_CTL_INIT_VAULT_H
#define PHOTOD_CTL_INIT_VAULT_H

#include "photod/base/buf.h"
#include "photod/ctl/say.h"

/*
 * Runs `photod-vault --init`, which makes root key, key file and store.
 * *verifier: the log's public key, a line; *shares: the texts of the five
 * recovery shares, an empty line between them.  memory: of root_key.h, which
 * receives the root key too, or -1.  What goes wrong was said.
 */
MUST_CHECK enum ctl_exit init_vault(struct buf **verifier, struct buf **shares, const char *config,
                                    const char *policy, const char *origin, const char *root_key, int memory);

#endif
