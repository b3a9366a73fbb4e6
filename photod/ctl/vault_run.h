#ifndef PHOTOD_CTL_VAULT_RUN_H
#define PHOTOD_CTL_VAULT_RUN_H

#include "photod/base/buf.h"
#include "photod/ctl/say.h"

/*
 * Runs photod-vault, or photod-unseal, once and waits: photoctl has no hand
 * in keys.  It is looked for beside photoctl, then in PHOTOD_LIBEXEC.  When
 * it exits with an error, which it has said, that is CTL_FAILED, and
 * CTL_USAGE for its exit code 2.
 */
#define RUN_FDS 8

struct run {
    const char *program;
    const char *const *args; /* what follows its name, ended by NULL */
    const int *fds;          /* what it gets as 3, 4, ...; at most RUN_FDS */
    unsigned fd_count;
    int in;              /* its standard input; -1: photoctl's */
    int out;             /* its standard output; -1: photoctl's, or output */
    struct buf **output; /* receives what it prints; NULL: it prints for itself */
    /*
     * Writes its standard input, which is then a pipe; with output.  It may
     * end before it has read all: that write fails, and what it said counts.
     */
    enum ctl_exit (*feed)(void *context, int fd);
    void *feed_context;
};

MUST_CHECK enum ctl_exit run_program(const struct run *r);
/* photod-vault, reading photoctl's standard input. */
MUST_CHECK enum ctl_exit vault_run(struct buf **output, const char *const *args);

#endif
