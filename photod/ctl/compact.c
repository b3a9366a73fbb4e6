/* `photoctl compact`: photod-vault does it, once. */
#include "photod/ctl/commands.h"
#include "photod/ctl/options.h"
#include "photod/ctl/vault_run.h"

static const char about[] =
    "Rewrites the store without the pages that hold what was replaced or deleted, and says how large it was "
    "and "
    "is. photod must be stopped, and the volume must have as much room again as the store takes. Whatever "
    "happens meanwhile, nothing is lost. Once a year is enough.";

enum ctl_exit command_compact(int argc, char **argv)
{
    const char *config = NULL;
    const struct option_row rows[] = {
        OPTION_NEED("config", "FILE", config, "photod.conf."),
    };
    const struct usage u = {"compact", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    const char *args[] = {"--compact", "--config", NULL, NULL};
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    args[2] = config;
    return vault_run(NULL, args);
}
