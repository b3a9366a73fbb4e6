#ifndef PHOTOD_PARENT_USERS_H
#define PHOTOD_PARENT_USERS_H

#include <stdbool.h>
#include <sys/types.h>
#include "photod/base/config.h"
#include "photod/wire/message.h"

/* Who each process runs as.  Changing to that user is confine_user()'s. */

/* Whether each process gets a user of its own (confinement = users). */
bool users_differ(const struct config *c);

/* The configured user of a child.  NULL: it stays whoever started photod. */
const char *user_of(const struct config *c, enum process p);

/* A user or group by name or number.  Expected: ERR_NOTFOUND. */
MUST_CHECK enum err user_find(uid_t *out, const char *name);
MUST_CHECK enum err group_find(gid_t *out, const char *name);

/*
 * Whether this process may start the others as configured; says in one line
 * what to do if not.  Expected: ERR_DENIED (not root), ERR_NOTFOUND (no such
 * user or group).
 */
MUST_CHECK enum err users_check(const struct config *c);

#endif
