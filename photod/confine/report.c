#include "photod/confine/report.h"

#ifndef PHOTOD_CONFINE_DEBUG

enum err report_install(void)
{
    return OK;
}

#else

#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include "photod/confine/filter.h"

#define NAMES 512

/* Resolved before the filter is there: the library allocates, and a handler must not. */
static const char *names[NAMES];

#if defined(__x86_64__)
static void registers(const ucontext_t *u, uint64_t args[6])
{
    static const int from[6] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};

    for (unsigned i = 0; i < 6; i++)
        args[i] = (uint64_t)u->uc_mcontext.gregs[from[i]];
}

static void set_result(ucontext_t *u, long result)
{
    u->uc_mcontext.gregs[REG_RAX] = result;
}
#elif defined(__aarch64__)
static void registers(const ucontext_t *u, uint64_t args[6])
{
    for (unsigned i = 0; i < 6; i++)
        args[i] = u->uc_mcontext.regs[i];
}

static void set_result(ucontext_t *u, long result)
{
    u->uc_mcontext.regs[0] = (uint64_t)result;
}
#else
#error "which registers hold a system call's arguments and result?"
#endif

static void on_sigsys(int number, siginfo_t *info, void *context)
{
    int call = info->si_syscall;
    const char *name = call >= 0 && call < NAMES && names[call] ? names[call] : "?";
    uint64_t args[6];
    char line[256];
    int refusal, len;

    registers(context, args);
    refusal = filter_refusal(call, args);
    len = snprintf(line, sizeof line, "confine: %s (%d) args %#llx %#llx %#llx %#llx: %s\n", name, call,
                   (unsigned long long)args[0], (unsigned long long)args[1], (unsigned long long)args[2],
                   (unsigned long long)args[3], refusal ? strerrorname_np(refusal) : "killed");
    if (len > 0)
        (void)!write(STDERR_FILENO, line, (size_t)len);
    if (refusal) {
        set_result(context, -refusal);
        return;
    }
    (void)signal(number, SIG_DFL);
    (void)raise(number); /* blocked until the handler returns, then fatal */
}

enum err report_install(void)
{
    const struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

    for (int call = 0; call < NAMES; call++)
        names[call] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
    return sigaction(SIGSYS, &action, NULL) ? ERR_IO : OK;
}

#endif
