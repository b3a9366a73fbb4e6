#ifndef PHOTOD_VAULT_BALLAST_H
#define PHOTOD_VAULT_BALLAST_H

#include "photod/vault/vault.h"

/*
 * Ballast: a file of nothing on the state's volume, held while all is well
 * (ballast_mib; on a small volume a sixteenth of it).  Uploads stop long
 * before the volume is full (full_percent); when it is full all the same,
 * because something else filled it, the ballast is let go of, and lookups,
 * leaves and erasures have that much room.  While it is gone nothing is
 * uploaded or judged; it is held again once there is room for it twice.
 */

/* Opens and, if there is room, fills it: a volume that is full already must not keep the vault from starting.
 */
MUST_CHECK enum err ballast_open(struct vault *v);
void ballast_close(struct vault *v);
bool ballast_is_held(const struct vault *v);
/* Takes it up again if there is room now.  Whether it is held. */
bool ballast_hold(struct vault *v);
/* Whether that gave any room.  Of any thread. */
bool ballast_release(struct vault *v);
/* Lets go of it before the last byte is gone, and takes it up again. */
void ballast_tick(struct vault *v, int64_t steady_ms);

#endif
