#ifndef TESTS_PROCESS_PARENT_RIG_H
#define TESTS_PROCESS_PARENT_RIG_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * A photod of its own in a directory of its own: the real executable, with
 * child_fake beside it under its children's names, and all the files that it
 * wants.  What photod and its children write to standard error comes here
 * through one pipe, in order.
 */
struct rig {
    char dir[64];
    pid_t pid; /* 0: does not run */
    int lines; /* the pipe */
    char rest[8192];
    size_t rest_len;
    char history[65536]; /* all lines so far, for the message of a failed test */
    size_t history_len;
};

/* Directory and files, everything as photod likes it. */
void rig_init(struct rig *r);
void rig_clear(struct rig *r);

/* Puts content into a file of the directory. */
void rig_write(const struct rig *r, const char *name, const char *content, mode_t mode);
/* photod.conf: the usual lines and these. */
void rig_config(const struct rig *r, const char *more);

/* Starts photod --config; argument: one more, or NULL. */
void rig_start(struct rig *r, const char *argument);
/* Waits until photod is gone; its wait status. */
int rig_wait(struct rig *r);
/* Sends SIGTERM, waits; its wait status. */
int rig_stop(struct rig *r);

/* The next line that holds text, within ten seconds or the test fails.  Borrowed until the next call. */
const char *rig_expect(struct rig *r, const char *text);
/* Reads until one line is there for each text, in any order; fails like rig_expect(). */
void rig_expect_all(struct rig *r, const char *const *texts, unsigned count);
/* Reads what comes within ms; whether a line held text. */
bool rig_sees(struct rig *r, const char *text, int ms);
/* Reads until everyone who held the pipe is gone. */
void rig_drain(struct rig *r);
/* Whether a line so far held text. */
bool rig_saw(const struct rig *r, const char *text);
/* The number in brackets at the end of a child's line. */
pid_t rig_pid(const char *line);

#endif
