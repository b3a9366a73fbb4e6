#ifndef PHOTOD_CONFINE_LIMITS_H
#define PHOTOD_CONFINE_LIMITS_H

#include "photod/confine/confine.h"

/* The resource limits of a profile.  Expected: ERR_IO. */
MUST_CHECK enum err limits_set(enum confine_profile profile);

#endif
