#ifndef PHOTOD_CONFINE_CAPABILITIES_H
#define PHOTOD_CONFINE_CAPABILITIES_H

#include <stdbool.h>
#include "photod/base/err.h"

/* Root's powers one by one.  By system call: two of them do not justify libcap. */

/*
 * Empties every set of the calling thread.  What root then still is: the
 * owner of its files.  Expected: ERR_IO.
 */
MUST_CHECK enum err capabilities_drop(void);
/*
 * Only the bounding set: nothing that is executed later gets a capability.
 * Without CAP_SETPCAP it stays as it is, and no_new_privs keeps it from
 * meaning anything.  Expected: ERR_IO.
 */
MUST_CHECK enum err capabilities_bound(void);
/* Whether the thread has, or could raise, any capability. */
bool capabilities_held(void);

#endif
