#ifndef PHOTOD_CTL_LOCAL_H
#define PHOTOD_CTL_LOCAL_H

#include "photod/ctl/options.h"
#include "photod/wire/channel.h"

/*
 * One question to the vault over photod's local socket, and its answer.  The
 * vault knows us by the socket's peer credential.
 */

/* The two options by which every local command finds the socket. */
struct local_where {
    const char *socket, *config;
};

#define LOCAL_OPTIONS(where)                                                                                 \
    OPTION_TEXT("socket", "PATH", (where).socket, "photod's local socket."),                                 \
        OPTION_TEXT("config", "FILE", (where).config,                                                        \
                    "Read where the socket is from this photod.conf.  Default, when --socket is not given: " \
                    "/etc/photod/photod.conf.")

/* The line of a command that takes no other options. */
struct local_line {
    const char *command, *about; /* for --help */
    bool has_json;               /* it takes --json, too */
    struct local_where where;
    bool json;
};
/* As options_read(). */
MUST_CHECK bool local_read(enum ctl_exit *code, struct local_line *l, int argc, char **argv);

/*
 * Asks and waits at most 60 seconds.  Anything but an answer of the type
 * wanted was said; a refusal with photod's reason.
 */
MUST_CHECK enum ctl_exit local_ask(struct message *answer, const struct local_where *where, enum msg question,
                                   const void *shape, enum msg wanted);

/* A question that takes longer, or has a descriptor beside it. */
struct local_question {
    enum msg type, wanted;
    const void *shape;
    const int *fd;   /* NULL: none; stays the caller's */
    unsigned wait_s; /* for the answer */
};

/* As local_ask().  *sent: whether the question may have reached photod, for who must clean up after it; or
 * NULL. */
MUST_CHECK enum ctl_exit local_ask_long(struct message *answer, const struct local_where *where,
                                        const struct local_question *q, bool *sent);

#endif
