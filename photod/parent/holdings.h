#ifndef PHOTOD_PARENT_HOLDINGS_H
#define PHOTOD_PARENT_HOLDINGS_H

#include "photod/base/config.h"
#include "photod/parent/files.h"

/*
 * All that the parent opens and hands round to its children, at start and
 * again whenever one is restarted.  Opened once, before the parent confines
 * itself; only the TLS files are read again, and what opens the vault is here
 * not at all (unseal.h).
 */
enum program { PROGRAM_VAULT, PROGRAM_WEB, PROGRAM_INTAKE, PROGRAM_UNSEAL, PROGRAM_COUNT };

struct holdings {
    struct config config;
    int config_text; /* sealed memfd */
    int state_dir;
    int admin, law, office; /* listening sockets */
    struct tls_files tls;
    int null;                    /* /dev/null, the children's standard input */
    int programs[PROGRAM_COUNT]; /* the executables */
};

#define HOLDINGS_NONE                                                                                        \
    ((struct holdings){.config_text = -1,                                                                    \
                       .state_dir = -1,                                                                      \
                       .admin = -1,                                                                          \
                       .law = -1,                                                                            \
                       .office = -1,                                                                         \
                       .tls = TLS_FILES_NONE,                                                                \
                       .null = -1,                                                                           \
                       .programs = {-1, -1, -1, -1}})

/* Reads the configuration and nothing else.  Logs `file:line: what`.  Expected: ERR_MALFORMED, ERR_IO. */
MUST_CHECK enum err holdings_read_config(struct holdings *h, const char *path);
/* Opens the rest.  Logs what is wrong, in one line. */
MUST_CHECK enum err holdings_open(struct holdings *h);
/* Also removes photoctl's socket from the file system. */
void holdings_close(struct holdings *h);

#endif
