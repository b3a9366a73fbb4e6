#ifndef PHOTOD_CTL_COMMANDS_H
#define PHOTOD_CTL_COMMANDS_H

#include <stddef.h>
#include "photod/ctl/say.h"

/* Every command of photoctl (commands.def).  argv[0] is the command's last word. */
#define COMMAND(words, function, help) enum ctl_exit function(int argc, char **argv);
#include "photod/ctl/commands.def"
#undef COMMAND

struct command {
    const char *words; /* one or two */
    enum ctl_exit (*run)(int argc, char **argv);
    const char *help;
};

extern const struct command commands[];
extern const size_t command_count;

/* Finds and runs the command that argv[1] (and argv[2]) name. */
enum ctl_exit commands_run(int argc, char **argv);

#endif
