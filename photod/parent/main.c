/* photod: opens what the processes need, starts them, keeps them running, stops them in order. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "photod/base/log.h"
#include "photod/confine/confine.h"
#include "photod/parent/holdings.h"
#include "photod/parent/supervise.h"
#include "photod/parent/users.h"

#define EXIT_USAGE 2 /* the command line or the configuration is wrong */

static const char usage[] =
    "Usage: photod --config FILE [--check]\n"
    "\n"
    "Runs photod in the foreground: both doors, the vault and its workers.\n"
    "\n"
    "  -c, --config FILE  the configuration (photod.conf(5))\n"
    "      --check        only says whether the configuration can be read\n"
    "      --version      prints the version\n"
    "      --help         prints this text\n"
    "\n"
    "SIGTERM stops in order; SIGHUP reads the TLS files and the CRL again.\n"
    "Exit status: 0 stopped as told, 1 could not start, 2 wrong usage or configuration,\n"
    "or that of the process that could not work with what it was given.\n";

struct options {
    const char *config;
    bool check;
    int exit_status; /* >= 0: leave with it at once */
};

static struct options parse_options(int argc, char **argv)
{
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"check", no_argument, NULL, 'k'},
                                          {"version", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options o = {.exit_status = -1};
    int c;

    while ((c = getopt_long(argc, argv, "c:", known, NULL)) != -1) {
        switch (c) {
        case 'c':
            o.config = optarg;
            break;
        case 'k':
            o.check = true;
            break;
        case 'v':
            (void)puts("photod " PHOTOD_VERSION);
            o.exit_status = EXIT_SUCCESS;
            return o;
        case 'h':
            (void)fputs(usage, stdout);
            o.exit_status = EXIT_SUCCESS;
            return o;
        default:
            o.exit_status = EXIT_USAGE;
            break;
        }
    }
    if (!o.config || optind < argc)
        o.exit_status = EXIT_USAGE;
    if (o.exit_status == EXIT_USAGE)
        (void)fputs("photod: expected --config FILE; --help says more\n", stderr);
    return o;
}

/* Started with a closed descriptor 0, 1 or 2, a key file could become one of them. */
static void fill_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

static int run(struct holdings *h)
{
    struct confined confined = {0};

    if (users_check(&h->config))
        return EXIT_USAGE;
    if (holdings_open(h))
        return EXIT_FAILURE;
    if (!users_differ(&h->config))
        log_warning("confinement = same-user: all processes run as one user, which is for a demo only");
    if (confine(&confined, CONFINE_PARENT, NULL, 0))
        return EXIT_FAILURE;
    return supervise(h, &confined);
}

int main(int argc, char **argv)
{
    struct options o = parse_options(argc, argv);
    struct holdings h = HOLDINGS_NONE;
    int status = EXIT_SUCCESS;

    fill_standard_fds();
    log_init("photod");
    if (o.exit_status >= 0)
        return o.exit_status;
    supervise_signals();
    if (holdings_read_config(&h, o.config))
        status = EXIT_USAGE;
    else if (o.check)
        (void)printf("%s: ok\n", o.config);
    else
        status = run(&h);
    holdings_close(&h);
    return status;
}
