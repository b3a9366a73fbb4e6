#include <stdio.h>
#include <string.h>
#include "photod/ctl/commands.h"

const struct command commands[] = {
#define COMMAND(words, function, help) {words, function, help},
#include "photod/ctl/commands.def"
#undef COMMAND
};
const size_t command_count = sizeof commands / sizeof commands[0];

static enum ctl_exit print_help(void)
{
    (void)printf(
        "Usage: photoctl COMMAND [options]\n\n"
        "The operator's and client's tool of photod, the photo repository of MCA 20-7-1317.\n\nCommands:\n");
    for (size_t i = 0; i < command_count; i++)
        (void)printf("  %-18s%s\n", commands[i].words, commands[i].help);
    (void)printf("\n`photoctl COMMAND --help` lists a command's options.\n\n"
                 "Exit status: 0 done, 1 refused or failed, 2 wrong command line, 3 photod cannot be\n"
                 "reached, 4 a log or receipt does not verify.\n");
    return CTL_OK;
}

/* How many words of argv, from argv[1], are the command's; 0: another one. */
static int matches(const struct command *c, int argc, char **argv)
{
    size_t first = strcspn(c->words, " ");

    if (argc < 2 || strlen(argv[1]) != first || memcmp(argv[1], c->words, first) != 0)
        return 0;
    if (!c->words[first])
        return 1;
    return argc > 2 && strcmp(argv[2], c->words + first + 1) == 0 ? 2 : 0;
}

enum ctl_exit commands_run(int argc, char **argv)
{
    if (argc < 2)
        return say_fail(CTL_USAGE, "no command; `photoctl --help` lists them");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return print_help();
    for (size_t i = 0; i < command_count; i++) {
        int words = matches(&commands[i], argc, argv);

        if (words)
            return commands[i].run(argc - words, argv + words);
    }
    return say_fail(CTL_USAGE, "unknown command `%.40s%s%.40s`; `photoctl --help` lists them", argv[1],
                    argc > 2 && argv[2][0] != '-' ? " " : "", argc > 2 && argv[2][0] != '-' ? argv[2] : "");
}
