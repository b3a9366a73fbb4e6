#ifndef STORE_LMDB_CHECK_H
#define STORE_LMDB_CHECK_H

#include "photod/base/err.h"

/*
 * LMDB reads its file through memory: where the file has been cut short that
 * is a SIGBUS, not an error.  So before it is opened, we look whether all of
 * it is there.
 */

/*
 * Checks `data.mdb` in an environment's directory; `name` is for the log.
 * Expected (logged): ERR_CORRUPT, ERR_IO.
 */
MUST_CHECK enum err lmdb_check(int env_fd, const char *name);

#endif
