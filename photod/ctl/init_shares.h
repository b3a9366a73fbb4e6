#ifndef PHOTOD_CTL_INIT_SHARES_H
#define PHOTOD_CTL_INIT_SHARES_H

#include <stdbool.h>
#include "photod/ctl/say.h"

/*
 * The recovery shares of a new root key leave here, once: as five files
 * share-N.txt of mode 0400 in dir, which exists, or on standard output when
 * dir is NULL.  On failure none of the files is left.  What goes wrong was
 * said.
 */
MUST_CHECK enum ctl_exit shares_hand_out(const char *texts, const char *dir);
/* That directory, new or empty, outside the state directory.  *made: it is ours to remove. */
MUST_CHECK enum ctl_exit shares_dir_make(bool *made, const char *dir, const char *state);

#endif
