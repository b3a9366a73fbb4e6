#ifndef PHOTOD_WEB_GATE_H
#define PHOTOD_WEB_GATE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include "photod/base/err.h"
#include "photod/web/visitor.h"

/*
 * The door itself: our accept loop admits connections (visitor.h) and hands
 * them to libmicrohttpd, which does TLS and HTTP with a thread for each.
 */
struct gate_plan {
    int listen_fd; /* the caller's */
    unsigned limit;
    bool asks_certificate;
    size_t pool_bytes; /* a connection's memory in libmicrohttpd: headers and read buffer */
};

/* Starts to serve.  Call once, after confinement: it makes threads. */
MUST_CHECK enum err gate_open(const struct gate_plan *plan);
/* Accepts no more, lets requests finish for at most grace_ms, then ends every connection. */
void gate_quiesce(int64_t grace_ms);
/* After gate_quiesce(), and after whatever a request may wait for was ended. */
void gate_close(void);

/* Whose request it is.  NULL: not one the gate admitted; refuse it. */
struct visitor *gate_visitor(struct MHD_Connection *connection);
gnutls_session_t gate_session(struct MHD_Connection *connection);

#endif
