#ifndef PHOTOD_PARENT_SUPERVISE_H
#define PHOTOD_PARENT_SUPERVISE_H

#include "photod/confine/confine.h"
#include "photod/parent/holdings.h"

/*
 * Starts the children, restarts them when they die and stops them in order
 * when told to (SIGTERM, SIGINT).  SIGHUP reads the TLS files again.
 */

/* Blocks the signals this module waits for.  First thing in main, before anything can be interrupted. */
void supervise_signals(void);

/* confined: what the parent itself got, for `photoctl status`.  Returns the exit status of photod. */
int supervise(struct holdings *h, const struct confined *confined);

#endif
