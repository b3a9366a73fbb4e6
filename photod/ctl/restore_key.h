#ifndef PHOTOD_CTL_RESTORE_KEY_H
#define PHOTOD_CTL_RESTORE_KEY_H

#include "photod/ctl/options.h"

/*
 * The root key of a restore: from its file, as a photod.conf keeps it by
 * whatever seal method, or from recovery shares alone.  photoctl looks at none
 * of it: it hands descriptors to photod-vault, which opens, and between that
 * and who makes the key again stands memory that is locked (root_key.h).
 */
struct restore_key {
    const char *file, *passphrase, *config;
    struct option_list shares; /* files; `-`: standard input, where a terminal is asked */
    int fds[2];                /* root key file or memory; the file whose first line is its passphrase */
    unsigned fd_count;
};

#define RESTORE_KEY_OPTIONS(k)                                                                               \
    OPTION_TEXT("root-key", "FILE", (k).file, "The root key file that opens the state."),                    \
        OPTION_TEXT("seal-passphrase", "FILE", (k).passphrase,                                               \
                    "When a passphrase seals it: the file whose first line is the passphrase."),             \
        OPTION_TEXT("config", "FILE", (k).config,                                                            \
                    "The root key as this photod.conf keeps it, by its seal method; a token is asked."),     \
        OPTION_LIST("share", "FILE", (k).shares,                                                             \
                    "Instead of a root key: a file with one recovery share, or with several; three are "     \
                    "needed.  `-`: standard input, where a terminal asks for them line by line.")

/* Whether the options say one way and no other. */
MUST_CHECK enum ctl_exit restore_key_check(const struct restore_key *k);
/* Opens it; asks for shares. */
MUST_CHECK enum ctl_exit restore_key_open(struct restore_key *k);
void restore_key_close(struct restore_key *k);

#endif
