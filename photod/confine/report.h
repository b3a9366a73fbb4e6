#ifndef PHOTOD_CONFINE_REPORT_H
#define PHOTOD_CONFINE_REPORT_H

#include "photod/base/err.h"

/*
 * With PHOTOD_CONFINE_DEBUG (a CMake option): every refused system call traps,
 * is named on standard error, and is then answered as the profile says.
 * Never in a build that serves: a trap can be caught by whoever took over the
 * process.
 */
MUST_CHECK enum err report_install(void);

#endif
