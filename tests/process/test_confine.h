#ifndef TESTS_PROCESS_TEST_CONFINE_H
#define TESTS_PROCESS_TEST_CONFINE_H

#include <check.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include "photod/confine/confine.h"

/*
 * Children that are confined, try one thing, and tell how it went.  What is
 * around them is made before, by the test, which is not confined.
 */
struct scene {
    int inside;  /* an open directory: the vault's state */
    int outside; /* another one, which it must not touch */
    char inside_path[PATH_MAX], outside_path[PATH_MAX];
    struct sockaddr_in address;     /* of listener */
    int listener, stranger;         /* TCP: one that listens, one not connected */
    int channel[2];                 /* AF_UNIX SOCK_SEQPACKET */
    int unix_listener, unix_client; /* a client waits to be accepted */
    pid_t victim;                   /* a process that sleeps */
};

void scene_set(struct scene *s);
void scene_clear(struct scene *s);

#define UNCONFINED (-1)
#define DIES       (-SIGSYS)

/* Returns 0 for success or an errno. */
typedef int act(struct scene *s);

/* In a child with that profile: 0, an errno, or minus the signal it died by. */
int outcome(struct scene *s, int profile, act *a);
/* In words, for a failure's message. */
const char *outcome_text(int outcome);

/* Runs all suites of one program. */
int run_suite(Suite *suite);

#ifdef PHOTOD_SANITIZED
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Says so instead of passing in silence. */
void skip(const char *what, const char *why);
int landlock_abi(void);

#endif
