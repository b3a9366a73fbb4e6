#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/ctl/commands.h"

int main(int argc, char **argv)
{
    enum ctl_exit code;

    log_init("photoctl");
    code = commands_run(argc, argv);
    if (fflush(stdout) && !code)
        code = say_fail(CTL_FAILED, "standard output: %s", strerror(errno));
    return (int)code;
}
