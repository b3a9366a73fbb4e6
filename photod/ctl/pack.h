#ifndef PHOTOD_CTL_PACK_H
#define PHOTOD_CTL_PACK_H

#include "photod/ctl/say.h"

/*
 * A folder of photos as the ZIP that the office door takes.  Every regular
 * file below it is packed under its path from there; links are never
 * followed, and told.
 */

/*
 * *fd reads the ZIP, which has no name any more: it is gone with the process.
 * What goes wrong was said.
 */
MUST_CHECK enum ctl_exit pack_folder(int *fd, const char *folder);
bool pack_is_folder(const char *path);

#endif
