#ifndef PHOTOD_PARENT_CHILDREN_H
#define PHOTOD_PARENT_CHILDREN_H

#include "photod/parent/holdings.h"
#include "photod/wire/channel.h"

/*
 * One child process: its life, its start and the words for its end.  Who is
 * linked with whom is furnish.h's, when it is started again supervise.c's.
 *
 *   phase      the process                          leaves the phase by
 *   DOWN       does not run; due at due_ms          being started
 *   STARTING   runs, was given all it needs         READY, death
 *   SERVING    confined and serving                 STOP, SIGKILL, death
 *   LEAVING    its end was ordered, so is no news   death
 */
enum child_phase { CHILD_DOWN, CHILD_STARTING, CHILD_SERVING, CHILD_LEAVING };

struct child {
    enum process process;
    uint32_t index; /* which one of its kind */
    enum child_phase phase;
    pid_t pid;
    struct channel control;
    int64_t born_ms; /* steady */
    int64_t due_ms;  /* DOWN: start it then.  Else, if not 0: kill it then */

    bool ever_ready;          /* this child or one before it in this row */
    struct shape_ready ready; /* what the kernel gave the one that serves */
    int64_t since_ms;         /* wall clock of its READY */
    uint32_t restarts;
    unsigned failures; /* in a row, each within LIFE_RESETS_MS */
};

/* Runs: STARTING or SERVING.  One that is LEAVING gets nothing any more. */
static inline bool child_is_living(const struct child *c)
{
    return c->phase == CHILD_STARTING || c->phase == CHILD_SERVING;
}

/* Starts c's program with its control channel as descriptor 3, as its own user. */
MUST_CHECK enum err child_spawn(struct child *c, const struct holdings *h);

/* SIGKILL; c is LEAVING until it is reaped. */
void child_kill(struct child *c);

/*
 * Takes note of c's death with this wait status and sets when it is due
 * again: at once when the end was planned, else after a back-off.
 */
void child_buried(struct child *c, bool planned);

#define CHILD_NAME 32
/* "photod-intake 2" */
void child_name(char name[static CHILD_NAME], const struct child *c);
#define CHILD_END 64
/* "left with exit code 3", "was ended by signal 11 (Segmentation fault)" */
void child_end(char text[static CHILD_END], int wait_status);

#endif
