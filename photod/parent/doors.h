#ifndef PHOTOD_PARENT_DOORS_H
#define PHOTOD_PARENT_DOORS_H

#include "photod/base/config.h"

/*
 * The listening sockets: two doors and photoctl's local socket.  The parent
 * opens them and never accepts from one.  Every failure is logged here, in
 * one line that names the configuration key.
 */

/* address: 127.0.0.1:8443 or [::1]:8443; port 0 takes any free one. */
MUST_CHECK enum err door_open(int *fd, const char *key, const char *address);

#define DOOR_URL 80
/* Where the socket really listens, as https://127.0.0.1:8443. */
void door_url(char url[static DOOR_URL], int fd);

/*
 * photoctl's socket at config.socket, 0660, the vault's user, admin_group.
 * A socket file nobody listens at is replaced.  Expected: ERR_EXISTS
 * (another photod listens there).
 */
MUST_CHECK enum err admin_open(int *fd, const struct config *c);

#endif
