#ifndef PHOTOD_TESTS_TOOLS_DEMO_SAY_H
#define PHOTOD_TESTS_TOOLS_DEMO_SAY_H

#include "photod/base/err.h"

/* Tells the user what is wrong, one sentence to standard error, and returns e. */
enum err say(enum err e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
