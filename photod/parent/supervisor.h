#ifndef PHOTOD_PARENT_SUPERVISOR_H
#define PHOTOD_PARENT_SUPERVISOR_H

#include "photod/confine/confine.h"
#include "photod/parent/children.h"

/* What start.c, stop.c, deaths.c and the loop in supervise.c share; nobody else's. */

#define VAULT_ROW      0
#define FIXED_CHILDREN 3 /* vault, law, office; then the intake workers */
#define MAX_CHILDREN   (FIXED_CHILDREN + 64)

struct supervisor {
    struct holdings *held;
    struct confined confined;
    struct child children[MAX_CHILDREN];
    unsigned count;
    int signal_fd;
    pid_t unseal_pid;                           /* photod-unseal (unseal.c); 0: none runs */
    bool announced;                             /* all were SERVING once */
    bool stopping;                              /* then start.c is asked no more */
    unsigned stage;                             /* of stopping (stop.c) */
    int exit_status;                            /* once stopped */
    int64_t since_ms;                           /* wall clock */
    int64_t tls_due_ms;                         /* this and below: steady */
    int64_t watchdog_due_ms, watchdog_every_ms; /* 0: nobody watches */
    int64_t stage_until_ms;                     /* 0: its patience is over */
};

static inline struct child *vault_of(struct supervisor *s)
{
    return &s->children[VAULT_ROW];
}

#endif
