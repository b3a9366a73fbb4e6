#include "photod/parent/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "photod/base/log.h"
#include "photod/confine/confine.h"

#define EXIT_NOT_STARTED 127
#define OUT_OF_THE_WAY   64 /* of the numbers that the descriptors get */
#define VARIABLES_MAX    16

/* Nothing of the parent's environment but, in a sanitized build, its options. */
static char **environment(char *extra)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8";
    static char *list[VARIABLES_MAX + 1] = {path, lang};
    unsigned count = 2;

    for (char *word = extra ? strtok(extra, " \t") : NULL; word && count < VARIABLES_MAX;
         word = strtok(NULL, " \t"))
        list[count++] = word;
#ifdef PHOTOD_SANITIZED
    static const char *const kept[] = {"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="};

    for (unsigned k = 0; k < sizeof kept / sizeof kept[0]; k++)
        for (char **e = environ; *e; e++)
            if (count < VARIABLES_MAX && strncmp(*e, kept[k], strlen(kept[k])) == 0)
                list[count++] = *e;
#endif
    list[count] = NULL;
    return list;
}

/* The user changes before PDEATHSIG is set: the kernel forgets it with the credentials. */
static enum err settle(const char *user, pid_t parent)
{
    sigset_t none;

    if (user)
        TRY(confine_user(user));
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
        return ERR_IO;
    (void)sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) ? ERR_IO : OK;
}

/* First all out of the way, so that none is overwritten before it is placed. */
static bool place(const int *fds, unsigned count)
{
    int moved[SPAWN_FDS];

    for (unsigned i = 0; i < count; i++) {
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
        if (moved[i] < 0)
            return false;
    }
    for (unsigned i = 0; i < count; i++)
        if (dup2(moved[i], (int)i) < 0)
            return false;
    return !close_range(count, ~0U, CLOSE_RANGE_CLOEXEC);
}

static _Noreturn void become(const struct spawn *s, pid_t parent)
{
    enum err e = settle(s->user, parent);

    if (e)
        log_error("starting %s: %s", s->arguments[0], err_name(e));
    else if (!place(s->fds, s->fd_count) || fexecve(s->program, s->arguments, environment(s->extra)))
        log_errno("starting %s", s->arguments[0]);
    _exit(EXIT_NOT_STARTED);
}

enum err spawn(pid_t *pid, const struct spawn *s)
{
    pid_t parent = getpid(), child = fork();

    if (child < 0) {
        log_errno("fork");
        return ERR_IO;
    }
    if (child == 0)
        become(s, parent);
    *pid = child;
    return OK;
}
