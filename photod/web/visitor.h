#ifndef PHOTOD_WEB_VISITOR_H
#define PHOTOD_WEB_VISITOR_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "photod/base/err.h"
#include "photod/web/identity.h"

/*
 * The open connections of this door and how long each may take.  Every
 * phase has an absolute deadline, because libmicrohttpd's own timeout only
 * sees silence: one byte a second would hold a place for ever
 * (reliability.md 3.2).  When the door is full, the oldest connection that
 * has not authenticated makes room for the next.
 *
 * A visitor is cut by shutdown() on a duplicate of its socket: the number
 * libmicrohttpd uses may already be another connection's.
 */
struct visitor {
    char source[46];          /* the client's address, as text */
    struct identity identity; /* what its certificate was found to be */
    struct visitor_place *place;
};

/* At most `limit` connections at once. */
MUST_CHECK enum err visitors_init(unsigned limit);
void visitors_clear(void);
/* How many libmicrohttpd may have to hold, those being cut included. */
unsigned visitors_capacity(void);

/*
 * A connection was accepted; it will be given to libmicrohttpd.  Makes room
 * when the door is full.  False: no room, close fd.  fd stays the caller's.
 */
bool visitor_admit(int fd, const struct sockaddr *address);
/* libmicrohttpd took the connection with this descriptor.  NULL: not one of ours. */
struct visitor *visitor_started(int fd);
/* libmicrohttpd is done with it; v is dead after this. */
void visitor_closed(struct visitor *v);

/* The phases of a request, each with its deadline. */
void visitor_reads_body(struct visitor *v, uint64_t bytes, bool streamed);
void visitor_got(struct visitor *v, size_t bytes);
void visitor_works(struct visitor *v);    /* we are busy, not the client */
void visitor_reads_on(struct visitor *v); /* the rest of the body, in the time that was left */
void visitor_writes(struct visitor *v, uint64_t bytes);
void visitor_rests(struct visitor *v); /* answered; the next request may come */

void visitor_authenticated(struct visitor *v);
/* It will be closed before it was read to its end: drain it for a moment, so that it sees the answer. */
void visitor_linger(struct visitor *v);
/* Whether the connection is young enough for another request. */
bool visitor_may_stay(struct visitor *v);

/* For the gate's loop.  Cuts who is late and drops who has lingered long enough. */
void visitors_tick(int64_t now_ms);
/* Fills in what to poll for lingering visitors, at most max; visitors_drain() reads and discards. */
unsigned visitors_poll(struct pollfd *fds, unsigned max);
void visitors_drain(const struct pollfd *fds, unsigned count);
/* Connections of any phase. */
unsigned visitors_open(void);
/* Cuts those that are between requests (idle), or all. */
void visitors_cut(bool all);

#endif
