#ifndef PHOTOD_VAULT_OPTED_OUT_H
#define PHOTOD_VAULT_OPTED_OUT_H

#include "photod/vault/record.h"

/*
 * Erases what is kept of children whose families' OUT a roster brought, some
 * at a time, once that roster is committed: from then on none of them is
 * served.  What a crash leaves of it, the night erases (purge.h), or the same
 * roster sent again.
 */
typedef void opted_out_done(struct vault *v, void *context, enum err e);

/* Takes sids over.  done is called once, later, unless this fails. */
MUST_CHECK enum err opted_out_erase(struct vault *v, unsigned char (*sids)[SID_BYTES], size_t count,
                                    opted_out_done *done, void *context);

#endif
