#ifndef PHOTOD_PARENT_FURNISH_H
#define PHOTOD_PARENT_FURNISH_H

#include "photod/parent/children.h"

/*
 * What the parent says to its children, in the order of the start:
 *
 *   vault    CONFIG STATE_DIR ROOT_KEY LISTEN   LINK...  GO   ... LINK... PROCESS...
 *   web      CONFIG LISTEN TLS                  LINK     GO   ... TLS... LINK...
 *   intake   CONFIG                             LINK     GO
 *
 * Never waits.  A child that lets its channel fill up no longer reads, and is
 * killed; but not the vault, which may be long at its repairs: then the peer
 * that needs the link is, and comes again.  A child that just died is nobody's
 * error; its death follows.
 */

/* All but links and GO.  root_key: what opens the vault (unseal.h); for it alone, -1 for the others. */
void furnish(struct child *c, struct holdings *h, int root_key);
/* A fresh channel between two living children: one end to each. */
void furnish_link(struct child *vault, struct child *peer);
void furnish_go(struct child *c);
void furnish_tls(struct child *web, const struct tls_files *tls);
void furnish_stop(struct child *c);
void furnish_process(struct child *vault, const struct shape_process *about);

#endif
