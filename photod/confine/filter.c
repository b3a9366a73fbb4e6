/*
 * The order of rows does not matter to libseccomp; two rows for one call and
 * profile must not overlap.  Calls of another architecture, x32 included, die.
 */
#include "photod/confine/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "photod/base/log.h"
#include "photod/confine/report.h"

#define WEB      (1U << CONFINE_WEB)
#define VAULT    (1U << CONFINE_VAULT)
#define INTAKE   (1U << CONFINE_INTAKE)
#define PARENT   (1U << CONFINE_PARENT)
#define UNSEAL   (1U << CONFINE_UNSEAL)
#define CHILDREN (WEB | VAULT | INTAKE)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define NAMESPACES                                                                                           \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |            \
     CLONE_NEWNET)

/* Stands for the process's id, which no table can know. */
#define OWN_PID    UINT64_MAX

#define CONDITIONS 2

struct row {
    int call;
    unsigned profiles;
    uint32_t action;
    unsigned count;
    struct scmp_arg_cmp conditions[CONDITIONS];
};

/* What the kernel takes as int it reads from half the register. */
#define IS(n, v)                                                                                             \
    {                                                                                                        \
        n, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(v)                                                     \
    }
#define IS_NULL(n)                                                                                           \
    {                                                                                                        \
        n, SCMP_CMP_EQ, 0, 0                                                                                 \
    }
#define IS_OWN_PID(n)                                                                                        \
    {                                                                                                        \
        n, SCMP_CMP_EQ, OWN_PID, 0                                                                           \
    }
#define IS_NOT_OWN_PID(n)                                                                                    \
    {                                                                                                        \
        n, SCMP_CMP_NE, OWN_PID, 0                                                                           \
    }
#define MASKED(n, mask, v)                                                                                   \
    {                                                                                                        \
        n, SCMP_CMP_MASKED_EQ, (uint32_t)(mask), (uint32_t)(v)                                               \
    }
#define CLEAR(n, bits)              MASKED(n, bits, 0)
#define SET(n, bits)                MASKED(n, bits, bits)

#define COUNT(...)                  (sizeof((const struct scmp_arg_cmp[]){__VA_ARGS__}) / sizeof(struct scmp_arg_cmp))

#define ROW(call, profiles, action) {SCMP_SYS(call), profiles, action, 0, {{0}}},
#define ROW_IF(call, profiles, action, ...)                                                                  \
    {SCMP_SYS(call), profiles, action, COUNT(__VA_ARGS__), {__VA_ARGS__}},

#define ALLOW(call, profiles)                 ROW(call, profiles, SCMP_ACT_ALLOW)
#define ALLOW_IF(call, profiles, ...)         ROW_IF(call, profiles, SCMP_ACT_ALLOW, __VA_ARGS__)
#define REFUSE(call, profiles, error)         ROW(call, profiles, SCMP_ACT_ERRNO(error))
#define REFUSE_IF(call, profiles, error, ...) ROW_IF(call, profiles, SCMP_ACT_ERRNO(error), __VA_ARGS__)
#define KILL(call, profiles)                  ROW(call, profiles, SCMP_ACT_KILL_PROCESS)
#define KILL_IF(call, profiles, ...)          ROW_IF(call, profiles, SCMP_ACT_KILL_PROCESS, __VA_ARGS__)

static const struct row rows[] = {
#include "photod/confine/calls.def"
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static enum confine_profile loaded;

static uint64_t datum(uint64_t value)
{
    return value == OWN_PID ? (uint64_t)getpid() : value;
}

static bool holds(const struct scmp_arg_cmp *c, const uint64_t args[6])
{
    uint64_t value = args[c->arg];

    if (c->op == SCMP_CMP_MASKED_EQ)
        return (value & c->datum_a) == c->datum_b;
    return (value == datum(c->datum_a)) == (c->op == SCMP_CMP_EQ);
}

int filter_refusal(int call, const uint64_t args[6])
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *r = &rows[i];
        bool applies = r->call == call && r->profiles & 1U << loaded;

        for (unsigned n = 0; applies && n < r->count; n++)
            applies = holds(&r->conditions[n], args);
        if (applies)
            return r->action == SCMP_ACT_KILL_PROCESS ? 0 : (int)(r->action & UINT16_MAX);
    }
    return EPERM;
}

/*
 * In a reporting build a refusal is a trap, and report.c gives the answer;
 * but for clone3, which glibc calls with all signals blocked, and a trap that
 * is blocked is death.
 */
static uint32_t action_of(uint32_t action)
{
#ifdef PHOTOD_CONFINE_DEBUG
    if (action != SCMP_ACT_ALLOW && action != SCMP_ACT_ERRNO(ENOSYS))
        return SCMP_ACT_TRAP;
#endif
    return action;
}

static int add(scmp_filter_ctx filter, const struct row *r, uint32_t fallback)
{
    struct scmp_arg_cmp conditions[CONDITIONS];
    uint32_t action = action_of(r->action);

    if (action == fallback) /* libseccomp refuses what goes without saying */
        return 0;
    memcpy(conditions, r->conditions, sizeof conditions);
    for (unsigned i = 0; i < r->count; i++)
        conditions[i].datum_a = datum(conditions[i].datum_a);
    return seccomp_rule_add_array(filter, action, r->call, r->count, conditions);
}

static int fill(scmp_filter_ctx filter, enum confine_profile profile, uint32_t fallback)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < ROW_COUNT; i++)
        if (rows[i].profiles & 1U << profile)
            rc = add(filter, &rows[i], fallback);
    return rc;
}

static int settle(scmp_filter_ctx filter)
{
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    if (!rc)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!rc) /* a tree instead of a hundred comparisons in a row */
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return rc;
}

enum err filter_load(enum confine_profile profile)
{
    bool is_open = profile == CONFINE_PARENT || profile == CONFINE_UNSEAL;
    uint32_t fallback = is_open ? SCMP_ACT_ALLOW : action_of(SCMP_ACT_ERRNO(EPERM));
    scmp_filter_ctx filter = seccomp_init(fallback);
    int rc;

    if (!filter) {
        log_error("no memory for a system call filter");
        return ERR_IO;
    }
    loaded = profile;
    TRY(report_install());
    rc = settle(filter);
    if (!rc)
        rc = fill(filter, profile, fallback);
    if (!rc)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc) {
        log_error("the system call filter cannot be loaded: %s", strerror(-rc));
        return ERR_IO;
    }
    return OK;
}
