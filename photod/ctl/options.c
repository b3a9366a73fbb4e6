#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "photod/ctl/options.h"

#define HELP_COLUMN 6
#define WIDTH       80
#define FIRST_VALUE 1000 /* getopt_long answers row + FIRST_VALUE */
#define HELP_VALUE  999

void options_wrap(const char *text, int indent)
{
    int column = 0;

    while (*text) {
        int len = (int)strcspn(text, " \n");

        if (column && column + 1 + len > WIDTH) {
            (void)putchar('\n');
            column = 0;
        }
        if (len)
            column += column ? printf(" %.*s", len, text) : printf("%*s%.*s", indent, "", len, text);
        text += len;
        if (*text == '\n') {
            (void)putchar('\n');
            column = 0;
        }
        if (*text)
            text++;
    }
    (void)putchar('\n');
}

static void print_row(const struct option_row *r)
{
    (void)printf("  --%s%s%s%s\n", r->name, r->argument ? " " : "", r->argument ? r->argument : "",
                 r->required ? "   (required)"
                 : r->list   ? "   (may be repeated)"
                             : "");
    options_wrap(r->help, HELP_COLUMN);
}

static void print_help(const struct usage *u)
{
    (void)printf("Usage: photoctl %s%s%s%s\n\n", u->command, *u->operands ? " " : "", u->operands,
                 u->row_count ? " [options]" : "");
    options_wrap(u->about, 0);
    (void)printf("\nOptions:\n");
    for (size_t i = 0; i < u->row_count; i++)
        print_row(&u->rows[i]);
    (void)printf("  --help\n");
    options_wrap("Print this.", HELP_COLUMN);
}

static bool wrong(enum ctl_exit *code)
{
    *code = CTL_USAGE;
    return false;
}

/* Without what follows an equals sign: it may be a secret typed in the wrong place. */
static bool say_unknown(enum ctl_exit *code, const struct usage *u, const char *word, bool lacks_value)
{
    int shown = word ? (int)strcspn(word, "=") : 0;

    say_error("%s: %s `%.*s`; `photoctl %s --help` lists the options", u->command,
              lacks_value ? "a value must follow" : "unknown option", shown, word ? word : "", u->command);
    return wrong(code);
}

static bool store(enum ctl_exit *code, const struct usage *u, const struct option_row *r, bool seen)
{
    if (r->list) {
        if (r->list->count == OPTION_LIST_MAX) {
            say_error("%s: --%s is given more than %d times", u->command, r->name, OPTION_LIST_MAX);
            return wrong(code);
        }
        r->list->values[r->list->count++] = optarg;
        return true;
    }
    if (seen) {
        say_error("%s: --%s is given twice", u->command, r->name);
        return wrong(code);
    }
    if (r->flag)
        *r->flag = true;
    else
        *r->text = optarg;
    return true;
}

static bool take_operands(enum ctl_exit *code, const struct usage *u, int argc, char **argv)
{
    int given = argc - optind;

    if (given > u->value_count) {
        say_error("%s: unexpected argument; `photoctl %s --help` says what it takes", u->command, u->command);
        return wrong(code);
    }
    if (given < u->value_count) {
        say_error("%s: expected %s; `photoctl %s --help` says more", u->command, u->operands, u->command);
        return wrong(code);
    }
    for (int i = 0; i < given; i++)
        u->values[i] = argv[optind + i];
    return true;
}

bool options_read(enum ctl_exit *code, const struct usage *u, int argc, char **argv)
{
    struct option longs[OPTION_ROWS_MAX + 2] = {{0}};
    bool seen[OPTION_ROWS_MAX] = {false};
    int got;

    for (size_t i = 0; i < u->row_count; i++)
        longs[i] = (struct option){u->rows[i].name, u->rows[i].argument ? required_argument : no_argument,
                                   NULL, FIRST_VALUE + (int)i};
    longs[u->row_count] = (struct option){"help", no_argument, NULL, HELP_VALUE};
    opterr = 0;
    optind = 0; /* GNU: start over, so that tests may read several lines */
    while ((got = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (got == HELP_VALUE) {
            print_help(u);
            *code = CTL_OK;
            return false;
        }
        if (got < FIRST_VALUE)
            return say_unknown(code, u, argv[optind - 1], got == ':');
        if (!store(code, u, &u->rows[got - FIRST_VALUE], seen[got - FIRST_VALUE]))
            return false;
        seen[got - FIRST_VALUE] = true;
    }
    for (size_t i = 0; i < u->row_count; i++)
        if (u->rows[i].required && !seen[i]) {
            say_error("%s: --%s %s is missing", u->command, u->rows[i].name, u->rows[i].argument);
            return wrong(code);
        }
    return take_operands(code, u, argc, argv);
}
