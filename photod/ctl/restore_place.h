#ifndef PHOTOD_CTL_RESTORE_PLACE_H
#define PHOTOD_CTL_RESTORE_PLACE_H

#include "photod/ctl/say.h"

/*
 * Where a state is built: a directory of another name than it will have, so
 * that what a killed restore leaves is never taken for a state.  The next
 * restore, or drill, clears it: it also holds copies of keys, which must not
 * lie about.  Locked, so that no two build in one; photod-vault inherits the
 * lock and keeps it while it lives on after a photoctl that was killed.
 */
struct restore_place {
    char path[4096];
    int lock; /* -1: none */
};

/* Makes it, or takes and clears what a killed one left.  What goes wrong was said. */
MUST_CHECK enum ctl_exit restore_place_open(struct restore_place *p);
/* It becomes `to`, durably, which must not be there or be empty. */
MUST_CHECK enum ctl_exit restore_place_rename(struct restore_place *p, const char *to);
/* Removes it, unless it was renamed. */
void restore_place_close(struct restore_place *p);

#endif
