#ifndef PHOTOD_CTL_INIT_VAULT_H
#define PHOTOD_CTL_INIT_VAULT_H

#include "photod/base/buf.h"
#include "photod/ctl/say.h"

/*
 * Runs `photod-vault --init`, which makes root key, key file and store:
 * photoctl has no hand in keys.  It is looked for beside photoctl, then in
 * PHOTOD_LIBEXEC.  *verifier: the log's public key, which it prints.  What
 * goes wrong was said, by it or here.
 */
MUST_CHECK enum ctl_exit init_vault(struct buf **verifier, const char *config, const char *policy,
                                    const char *origin);

#endif
