#ifndef PHOTOD_CONFINE_FILTER_H
#define PHOTOD_CONFINE_FILTER_H

#include <stdint.h>
#include "photod/confine/confine.h"

/* seccomp(2) by libseccomp: turns the rows of calls.def into a filter. */

/*
 * Filters the whole process, threads that run already included; there is no
 * way back.  Needs no_new_privs.  Expected: ERR_IO.
 */
MUST_CHECK enum err filter_load(enum confine_profile profile);

/*
 * What the loaded profile answers to a call it does not allow: 0 means death,
 * else an errno.  Only for report.c.
 */
int filter_refusal(int call, const uint64_t args[6]);

#endif
