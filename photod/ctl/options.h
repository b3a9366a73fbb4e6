#ifndef PHOTOD_CTL_OPTIONS_H
#define PHOTOD_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include "photod/ctl/say.h"

/*
 * The command line of one command, as a table: getopt_long reads it and
 * --help prints it, so that no option can lack its help.
 */
#define OPTION_LIST_MAX 32

struct option_list {
    const char *values[OPTION_LIST_MAX];
    unsigned count;
};

struct option_row {
    const char *name;     /* without the dashes */
    const char *argument; /* how --help calls the value; NULL: a flag */
    const char *help;
    bool required;
    const char **text; /* exactly one of these three receives it; borrowed from argv */
    bool *flag;
    struct option_list *list;
};

#define OPTION_TEXT(name, argument, variable, help)                                                          \
    {                                                                                                        \
        name, argument, help, false, &(variable), NULL, NULL                                                 \
    }
#define OPTION_NEED(name, argument, variable, help)                                                          \
    {                                                                                                        \
        name, argument, help, true, &(variable), NULL, NULL                                                  \
    }
#define OPTION_FLAG(name, variable, help)                                                                    \
    {                                                                                                        \
        name, NULL, help, false, NULL, &(variable), NULL                                                     \
    }
#define OPTION_LIST(name, argument, variable, help)                                                          \
    {                                                                                                        \
        name, argument, help, false, NULL, NULL, &(variable)                                                 \
    }

#define OPTION_ROWS_MAX 30

struct usage {
    const char *command;  /* "audit verify" */
    const char *operands; /* "DIR", or "" */
    const char *about;    /* paragraphs for --help */
    const struct option_row *rows;
    size_t row_count;
    const char **values; /* receives the operands, all of which are required */
    int value_count;
};

/*
 * Reads argv (argv[0] is skipped).  False: the command has nothing left to
 * do but to return *code, because help was printed or the line is wrong,
 * which was said.
 */
MUST_CHECK bool options_read(enum ctl_exit *code, const struct usage *u, int argc, char **argv);

/* Prints text as lines of at most 80 columns, each indented. */
void options_wrap(const char *text, int indent);

#endif
