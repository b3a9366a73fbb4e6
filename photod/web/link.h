#ifndef PHOTOD_WEB_LINK_H
#define PHOTOD_WEB_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "photod/wire/message.h"

/*
 * The channel to the vault, shared by all threads: each question has its
 * number, one thread reads the answers and hands each to who asked.  An
 * answer is one of those the question has (link.c), or REFUSED; anything
 * else ends the link.  After the vault started anew the parent brings a new
 * link; what was under way on the old one has failed by then.
 *
 * The questions themselves are in vault.h.
 */

/* Starts the reader. */
MUST_CHECK enum err link_open(enum process self);
/* Takes a channel over; one that was in use is closed. */
void link_take(int fd);
/* Fails whatever is under way and every later question. */
void link_close(void);

/* Links are numbered from 1 as they come: what one vault opened, the next does not know. */
#define LINK_ANY 0
/* What came by this link is not what a vault sends: ends it. */
void link_distrust(uint64_t link, const char *why);

/* A question under way.  Must stay where it is until link_await(). */
struct link_call {
    struct link_call *next;
    uint32_t request;
    enum msg question;
    uint64_t link; /* by which it went */
    bool done;
    enum err err;
    pthread_cond_t ready;
    struct message answer;
};

/*
 * Sends a question by that link, or by LINK_ANY, for which it waits up to
 * 2 s.  fd: -1, or what goes with it; stays the caller's.  Expected:
 * ERR_CLOSED, ERR_BUSY (the vault does not read); the call is over then.
 */
MUST_CHECK enum err link_ask(struct link_call *call, enum msg question, const void *shape, int fd,
                             uint64_t link);
/* Expected: ERR_CLOSED, ERR_BUSY (no answer in time).  The call is over in any case. */
MUST_CHECK enum err link_await(struct link_call *call, int64_t timeout_ms, struct message *answer);
/* Sends what has no answer.  LINK_ANY: by the one that is up.  Expected: ERR_CLOSED, ERR_BUSY. */
enum err link_tell(enum msg type, const void *shape, uint64_t link);

#endif
