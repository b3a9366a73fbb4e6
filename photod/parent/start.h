#ifndef PHOTOD_PARENT_START_H
#define PHOTOD_PARENT_START_H

#include "photod/parent/supervisor.h"

/* Starts every child whose time has come, links it with its peers and lets it go. */
void start_due(struct supervisor *s, int64_t now_ms);
/* When start_due() has to do with c next; 0: not before something else happens. */
int64_t start_next_ms(struct supervisor *s, const struct child *c);
/* c said READY: the vault hears of it, and once all have, the world. */
void start_done(struct supervisor *s, struct child *c, const struct shape_ready *ready);

#endif
