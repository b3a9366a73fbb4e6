#ifndef PHOTOD_WEB_SCREEN_H
#define PHOTOD_WEB_SCREEN_H

#include "photod/web/request.h"

/*
 * What a request looks like before anybody asks what it wants.
 * libmicrohttpd 0.9.75 is lenient (reliability.md 3.2): what it shows of
 * doubtful framing is refused here; what it hides (bare LF, obs-fold) is
 * harmless only as long as nobody stands between, so a proxy's headers are
 * refused too.
 */

/* False: refused with bad-framing or through-proxy. */
bool screen_framing(struct request *r);
/* Fills r->key from the Authorization header; "" when there is none of use. */
void screen_key(struct request *r);
/* Reads an Accept header (NULL: everything). */
struct accepted screen_accept(const char *accept);

#endif
