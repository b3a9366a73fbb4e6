#ifndef PHOTOD_PARENT_STOP_H
#define PHOTOD_PARENT_STOP_H

#include "photod/parent/supervisor.h"

/* Begins to stop; exit_status is photod's, and the first that is not 0 stays. */
void stop_begin(struct supervisor *s, int exit_status);
/* Goes on with it when a child died or patience ran out. */
void stop_advance(struct supervisor *s, int64_t now_ms);
bool stop_is_done(const struct supervisor *s);

#endif
