#ifndef PHOTOD_VAULT_CHILDREN_H
#define PHOTOD_VAULT_CHILDREN_H

#include "photod/vault/record.h"

/* Everybody with a record or a photo, sorted, each once; for work that looks at all, some at a time.  The
 * caller frees *out. */
MUST_CHECK enum err children_list(struct vault *v, unsigned char (**out)[SID_BYTES], size_t *count);

#endif
