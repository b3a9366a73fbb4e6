#ifndef PHOTOD_PARENT_DEATHS_H
#define PHOTOD_PARENT_DEATHS_H

#include "photod/parent/supervisor.h"

/* Sees to every child that died. */
void deaths_reap(struct supervisor *s);
/* Kills those that do not get ready, or closed their channel and stay. */
void deaths_overdue(struct supervisor *s, int64_t now_ms);

#endif
