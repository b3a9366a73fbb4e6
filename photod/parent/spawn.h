#ifndef PHOTOD_PARENT_SPAWN_H
#define PHOTOD_PARENT_SPAWN_H

#include <sys/types.h>
#include "photod/base/err.h"

/*
 * Starts a program as its user with exactly the descriptors it is given, and
 * with nothing of the parent's environment.  It dies with the parent.
 */
#define SPAWN_FDS 8

struct spawn {
    int program; /* an open executable */
    char *const *arguments;
    const char *user;   /* NULL: stays who the parent is */
    char *extra;        /* NAME=VALUE, blanks between several, cut in place; or NULL */
    int fds[SPAWN_FDS]; /* they become 0, 1, 2, ... */
    unsigned fd_count;
};

/* What keeps the program from starting, it logs itself, and ends by code 127. */
MUST_CHECK enum err spawn(pid_t *pid, const struct spawn *s);

#endif
