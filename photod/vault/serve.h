#ifndef PHOTOD_VAULT_SERVE_H
#define PHOTOD_VAULT_SERVE_H

#include "photod/vault/vault.h"

/* Takes what the parent gives until GO.  root_key_fd: the seal's key file. */
MUST_CHECK enum err vault_adopt(struct vault *v, int *root_key_fd);
/* Answers until the parent says STOP or goes away. */
void vault_serve(struct vault *v);

#endif
