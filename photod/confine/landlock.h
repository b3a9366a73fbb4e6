#ifndef PHOTOD_CONFINE_LANDLOCK_H
#define PHOTOD_CONFINE_LANDLOCK_H

#include "photod/base/err.h"

/*
 * Landlock(7): closes the file system to the calling thread and all it will
 * start, but for what lies below the given directories; from ABI 4 also
 * bind() and connect() of TCP, from ABI 6 signals and abstract sockets out of
 * the process.  Descriptors open already keep their rights.
 *
 * *abi: what the kernel has, 0 for none, which is no error: seccomp and the
 * user's rights remain.  Needs no_new_privs.  Expected: ERR_IO.
 */
MUST_CHECK enum err landlock_close(int *abi, const int *writable_dirs, unsigned dir_count);

#endif
