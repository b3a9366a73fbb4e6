#ifndef PHOTOD_PARENT_UNSEAL_H
#define PHOTOD_PARENT_UNSEAL_H

#include "photod/parent/supervisor.h"

/*
 * What opens the vault, got anew for each of its starts and given up as soon
 * as the vault has it: while photod serves, the parent holds nothing that
 * opens the state.  By most seal methods it is a file (files.h); by pkcs11
 * it is the end of a pipe, at whose other end photod-unseal, running
 * meanwhile, asks the token: the vault waits for it, and nobody else.  A
 * pipe, because what went through it is nowhere any more, and never on a
 * swap device.
 */

/* Expected: as root_key_open(). */
MUST_CHECK enum err unseal_begin(int *fd, struct supervisor *s);

/* Whether it was photod-unseal that died; says so when it could not itself. */
bool unseal_is_buried(struct supervisor *s, pid_t pid, int wait_status);

#endif
