#ifndef PHOTOD_WIRE_CHANNEL_H
#define PHOTOD_WIRE_CHANNEL_H

#include "photod/wire/message.h"

/*
 * One end of an AF_UNIX SOCK_SEQPACKET pair between two processes.  Every
 * message is checked against its row before the caller sees it.  Sending is
 * safe from several threads; receiving is one thread's.
 */
struct channel {
    int fd; /* owned; -1: closed */
    enum process self, peer;
    enum channel_state state; /* the receiver's; set it as the dialogue goes on */
};

#define CHANNEL_CLOSED ((struct channel){.fd = -1})

/* Two connected ends, close-on-exec. */
MUST_CHECK enum err channel_pair(int fds[static 2]);
void channel_close(struct channel *c);

/*
 * Sends; fds stay the caller's.  shape is the struct shape_<...> of its row.
 * Expected: ERR_CLOSED; with wait false ERR_BUSY when the peer does not read.
 */
MUST_CHECK enum err channel_send(struct channel *c, enum msg type, uint32_t request, const void *shape,
                                 const int *fds, unsigned fd_count, bool wait);
/* The same for a message encoded before (message_encode). */
MUST_CHECK enum err channel_send_bytes(struct channel *c, const struct buf *message, const int *fds,
                                       unsigned fd_count, bool wait);
/*
 * Receives one message.  Clears out first.  Expected: ERR_CLOSED, ERR_MALFORMED
 * (drop the peer); with wait false ERR_BUSY when there is none.
 */
MUST_CHECK enum err channel_recv(struct channel *c, struct message *out, bool wait);

#endif
