#ifndef PHOTOD_CTL_VAULT_RUN_H
#define PHOTOD_CTL_VAULT_RUN_H

#include "photod/base/buf.h"
#include "photod/ctl/say.h"

/*
 * Runs photod-vault once and waits: photoctl has no hand in keys.  It is
 * looked for beside photoctl, then in PHOTOD_LIBEXEC; args are what follows
 * its name, ended by NULL.  *output receives what it prints; with output
 * NULL it prints for itself, and reads photoctl's standard input.  When it
 * exits with an error, which it has said, that is CTL_FAILED, and CTL_USAGE
 * for its exit code 2.
 */
MUST_CHECK enum ctl_exit vault_run(struct buf **output, const char *const *args);

#endif
