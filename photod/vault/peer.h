#ifndef PHOTOD_VAULT_PEER_H
#define PHOTOD_VAULT_PEER_H

#include "lawapi/problem.h"
#include "photod/wire/channel.h"

struct vault;

/*
 * The processes that talk to the vault: both doors, workers, photoctl.
 *
 * A peer that sends malformed bytes, or does not read its answers, is cut
 * off: its channel is closed and the parent replaces the process.  Answers go
 * to an asker, a name that outlives the peer, because the peer may be gone
 * when the disk is done.
 *
 * Sending may cut the peer off, and with it end its uploads and jobs: after
 * answer() and peer_send() nothing that hangs on the peer may be touched.
 */
struct outgoing;

struct peer {
    struct peer *next;
    struct channel channel;
    uint64_t id;                           /* never used twice */
    uint32_t index;                        /* which of its kind */
    struct outgoing *outbox, **outbox_end; /* answers it has not read yet */
    unsigned outbox_length;
    bool dropped; /* closed; freed at the end of the round */
    int64_t busy_since_ms;
};

struct asker {
    uint64_t peer;
    uint32_t request;
};

MUST_CHECK enum err peer_add(struct vault *v, int fd, enum process process, uint32_t index);
/* It left: closes it and tells uploads, staging and rosters. */
void peer_drop(struct vault *v, struct peer *p);
/* Drops it over what no honest process sends, with a leaf: the process may be in somebody else's hands. */
void peer_distrust(struct vault *v, struct peer *p, const char *what);
/* The same, and the parent is told to replace the process. */
void peer_cut(struct vault *v, struct peer *p);
/* Sends what waits; called when the peer's channel takes more. */
void peer_flush(struct vault *v, struct peer *p);
/* Frees what was dropped. */
void peers_sweep(struct vault *v);

struct asker asker_of(const struct peer *p, const struct message *m);
/* NULL when it is gone. */
struct peer *peer_find(struct vault *v, struct asker to);
/* Sends, or keeps it until the peer reads; one that leaves too much unread is cut off. */
void peer_send(struct vault *v, struct peer *p, enum msg type, uint32_t request, const void *shape,
               const int *fds, unsigned fd_count);
/* The answer to a question; nothing when the asker is gone. */
void answer(struct vault *v, struct asker to, enum msg type, const void *shape, const int *fds,
            unsigned fd_count);
/* leaf: the committed refusal's number + 1, or 0. */
void answer_refused(struct vault *v, struct asker to, enum problem problem, const char *detail,
                    uint64_t leaf);
/* What to refuse with when a decision failed on the machine. */
enum problem problem_of(enum err e);

#endif
