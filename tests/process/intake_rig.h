#ifndef TESTS_PROCESS_INTAKE_RIG_H
#define TESTS_PROCESS_INTAKE_RIG_H

#include <sys/types.h>
#include "photod/wire/bulk.h"
#include "photod/wire/channel.h"

/* A real photod-intake whose parent and vault the test plays. */
struct rig {
    pid_t pid;
    struct channel control; /* the parent's end */
    struct channel vault;   /* the vault's end; set its state as the dialogue goes on */
    struct shape_ready ready;
};

/* The executable: photod-intake, unless a test says otherwise. */
extern const char *rig_program;

/* Starts it, says everything up to GO and waits for READY; more: lines of configuration. */
void rig_start(struct rig *r, const char *more);
/* The same, but leaves what comes after CONFIG to the test. */
void rig_spawn(struct rig *r, const char *more);
void rig_clear(struct rig *r);
/* Waits for its end; the wait status. */
int rig_wait(struct rig *r);

/* Sends a question with at most one descriptor (-1: none), which is closed, and sets the channel's state. */
void rig_ask(struct rig *r, enum channel_state state, enum msg type, const void *shape, int fd);
/* The next message; fails the test if it is not of that type. */
void rig_hear(struct rig *r, struct message *out, enum msg type);

/* Sealed bytes. */
int rig_bulk(const void *bytes, size_t len);
/* Maps descriptor n of a message. */
void rig_map(struct bulk *out, struct message *m, unsigned n);

#endif
