/*
 * What a process may use up.  Not here: RLIMIT_NPROC, because it counts all
 * processes of a user, with confinement = same-user those of a whole desktop
 * (fork is death by seccomp anyway, and the unit's TasksMax bounds threads);
 * RLIMIT_CPU, because intake's clock is per picture and its own.
 */
#include "photod/confine/limits.h"

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include "photod/base/log.h"

#define MIB ((rlim_t)1 << 20)

enum direction {
    AT_MOST,  /* lowers soft and hard, never raises */
    AT_LEAST, /* raises, as far as the process may */
};

static const struct limit {
    enum confine_profile profile;
    enum direction direction;
    __rlimit_resource_t resource;
    rlim_t value;
} limits[] = {
    {CONFINE_PARENT, AT_MOST, RLIMIT_CORE, 0},
    /*
     * Inherited by the vault, which has no right left to raise it when it is
     * about to lock its keys.
     */
    {CONFINE_PARENT, AT_LEAST, RLIMIT_MEMLOCK, 64 * MIB},

    {CONFINE_VAULT, AT_MOST, RLIMIT_CORE, 0},
    {CONFINE_VAULT, AT_LEAST, RLIMIT_MEMLOCK, 64 * MIB},
    {CONFINE_VAULT, AT_MOST, RLIMIT_NOFILE, 8192},

    /*
     * Web and intake can open no file, but they make memfds, whose size
     * RLIMIT_FSIZE does bound (measured: ftruncate() sends SIGXFSZ), and they
     * write to an inherited standard error: where that is a file larger than
     * this, their lines are lost.
     */
    {CONFINE_WEB, AT_MOST, RLIMIT_CORE, 0},
    {CONFINE_WEB, AT_MOST, RLIMIT_FSIZE, 64 * MIB},
    {CONFINE_WEB, AT_MOST, RLIMIT_NOFILE, 32768},

    {CONFINE_INTAKE, AT_MOST, RLIMIT_CORE, 0},
    {CONFINE_INTAKE, AT_MOST, RLIMIT_FSIZE, 64 * MIB},
    {CONFINE_INTAKE, AT_MOST, RLIMIT_NOFILE, 256},
    {CONFINE_UNSEAL, AT_MOST, RLIMIT_CORE, 0},
    {CONFINE_UNSEAL, AT_LEAST, RLIMIT_MEMLOCK, 64 * MIB},
#ifndef PHOTOD_SANITIZED /* whose shadow memory is terabytes of addresses */
    /*
     * What a worker may take for itself.  Measured: 38 MiB after the warm-up;
     * the heaviest pictures that the probe lets through: tests/bench/normalise.sh.
     */
    {CONFINE_INTAKE, AT_MOST, RLIMIT_DATA, 256 * MIB},
    /*
     * Addresses, not memory.  Measured: 370 MiB after the warm-up, 520 MiB
     * after a thousand pictures (arenas and stacks of three threads), 650 MiB
     * for a 64-megapixel progressive one.
     */
    {CONFINE_INTAKE, AT_MOST, RLIMIT_AS, 2048 * MIB},
#endif
};

static rlim_t least(rlim_t a, rlim_t b)
{
    return a < b ? a : b;
}

static rlim_t most(rlim_t a, rlim_t b)
{
    return a > b ? a : b;
}

static enum err set(const struct limit *l)
{
    struct rlimit now, want;

    if (getrlimit(l->resource, &now)) {
        log_errno("getrlimit %d", (int)l->resource);
        return ERR_IO;
    }
    if (l->direction == AT_LEAST) {
        want = (struct rlimit){most(now.rlim_cur, l->value), most(now.rlim_max, l->value)};
        if (!setrlimit(l->resource, &want))
            return OK;
        want = (struct rlimit){least(want.rlim_cur, now.rlim_max), now.rlim_max};
    } else {
        want = (struct rlimit){least(now.rlim_cur, l->value), least(now.rlim_max, l->value)};
    }
    if (setrlimit(l->resource, &want)) {
        log_errno("setrlimit %d", (int)l->resource);
        return ERR_IO;
    }
    return OK;
}

enum err limits_set(enum confine_profile profile)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].profile == profile)
            TRY(set(&limits[i]));
    /* Past RLIMIT_FSIZE: EFBIG, which the caller handles, rather than death. */
    if (profile != CONFINE_PARENT)
        (void)signal(SIGXFSZ, SIG_IGN);
    return OK;
}
