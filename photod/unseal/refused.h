#ifndef PHOTOD_UNSEAL_REFUSED_H
#define PHOTOD_UNSEAL_REFUSED_H

#include <stdbool.h>
#include "keys/secret.h"

/*
 * A token locks itself after a few wrong PINs, and photod is started again
 * and again, by itself and by systemd.  So the PIN that a token refused last
 * is noted, as a salted Argon2id hash, and not tried a second time: not until
 * the PIN file holds another.  The note is a file of the parent's, passed as
 * a descriptor; without one (-1), where a person looks on, nothing is noted.
 */

/* Whether it is this PIN that was refused.  Expected: ERR_NOMEM (Argon2id), ERR_IO. */
MUST_CHECK enum err refused_is(bool *out, int note, const struct secret *pin);
/* Notes it, durably.  Expected: ERR_NOMEM, ERR_FULL, ERR_IO. */
MUST_CHECK enum err refused_note(int note, const struct secret *pin);
/* A PIN was right: no other is remembered. */
void refused_forget(int note);

#endif
