/* The recipe, the same for every process; what differs stands in the tables. */
#include "photod/confine/confine.h"

#include <dirent.h>
#include <stddef.h>
#include <sys/prctl.h>
#include "photod/base/log.h"
#include "photod/confine/capabilities.h"
#include "photod/confine/filter.h"
#include "photod/confine/landlock.h"
#include "photod/confine/limits.h"

/* Unknown counts as alone: without /proc nobody can tell. */
static bool is_alone(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;

    if (!tasks)
        return true;
    for (const struct dirent *d; (d = readdir(tasks));)
        count += d->d_name[0] != '.';
    (void)closedir(tasks);
    return count <= 1;
}

static enum err no_new_privileges(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        log_errno("PR_SET_NO_NEW_PRIVS");
        return ERR_IO;
    }
    return OK;
}

/* No core file, no ptrace, no /proc/PID/mem for others of the same user. */
static enum err hide_memory(void)
{
#ifndef PHOTOD_SANITIZED /* the leak check at exit is a ptrace of oneself */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
        log_errno("PR_SET_DUMPABLE");
        return ERR_IO;
    }
#endif
    return OK;
}

enum err confine(struct confined *out, enum confine_profile profile, const int *writable_dirs,
                 unsigned dir_count)
{
    struct confined got = {0};

    if ((profile == CONFINE_WEB || profile == CONFINE_VAULT) && !is_alone()) {
        log_error("a thread was started before the process was confined");
        return ERR_IO;
    }
    TRY(limits_set(profile));
    TRY(no_new_privileges());
    if (profile != CONFINE_PARENT) /* who changes users for its children, and opens their files */
        TRY(capabilities_drop());
    /* Where a token's library has its files, devices and servers, nobody but its user can say. */
    if (profile != CONFINE_PARENT && profile != CONFINE_UNSEAL)
        TRY(landlock_close(&got.landlock_abi, writable_dirs, dir_count));
    TRY(hide_memory());
    TRY(filter_load(profile));
    got.seccomp = true;
    *out = got;
    return OK;
}
