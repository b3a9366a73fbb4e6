#include "photod/parent/children.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/confine/confine.h"
#include "photod/parent/users.h"

#define CONTROL_FD       3
#define LIFE_RESETS_MS   60000
#define BACK_OFF_STEP_MS 100
#define BACK_OFF_MAX_MS  10000
#define EXIT_NOT_STARTED 127

static enum program program_of(enum process p)
{
    switch (p) {
    case PROCESS_LAW:
    case PROCESS_OFFICE:
        return PROGRAM_WEB;
    case PROCESS_INTAKE:
        return PROGRAM_INTAKE;
    case PROCESS_VAULT:
    case PROCESS_PARENT:
    case PROCESS_CTL:
        break;
    }
    return PROGRAM_VAULT;
}

struct arguments {
    char index[12];
    char *list[3];
};

static void arguments_of(struct arguments *a, const struct child *c)
{
    static char vault[] = "photod-vault", web[] = "photod-web", intake[] = "photod-intake";
    static char law[] = "law", office[] = "office";

    memset(a, 0, sizeof *a);
    switch (program_of(c->process)) {
    case PROGRAM_WEB:
        a->list[0] = web;
        a->list[1] = c->process == PROCESS_LAW ? law : office;
        break;
    case PROGRAM_INTAKE:
        (void)snprintf(a->index, sizeof a->index, "%u", c->index);
        a->list[0] = intake;
        a->list[1] = a->index;
        break;
    case PROGRAM_VAULT:
    case PROGRAM_COUNT:
        a->list[0] = vault;
        break;
    }
}

/* Nothing of the parent's environment but, in a sanitized build, its options. */
static char **environment(void)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8";
    static char *list[8] = {path, lang};

#ifdef PHOTOD_SANITIZED
    static const char *const kept[] = {"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="};
    unsigned count = 2;

    for (unsigned k = 0; k < sizeof kept / sizeof kept[0]; k++)
        for (char **e = environ; *e; e++)
            if (count < 7 && strncmp(*e, kept[k], strlen(kept[k])) == 0)
                list[count++] = *e;
#endif
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

static _Noreturn void become(const struct child *c, const struct holdings *h, int control, pid_t parent)
{
    struct arguments a;
    enum err e = settle(user_of(&h->config, c->process), parent);

    arguments_of(&a, c);
    if (e)
        log_error("starting %s: %s", process_name(c->process), err_name(e));
    else if (dup2(h->null, STDIN_FILENO) < 0 ||
             (control == CONTROL_FD ? fcntl(control, F_SETFD, 0) : dup2(control, CONTROL_FD)) < 0 ||
             close_range(CONTROL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC))
        log_errno("starting %s", process_name(c->process));
    else if (fexecve(h->programs[program_of(c->process)], a.list, environment()))
        log_errno("starting %s", process_name(c->process));
    _exit(EXIT_NOT_STARTED);
}

enum err child_spawn(struct child *c, const struct holdings *h)
{
    CLEANUP(fd) int ours = -1;
    CLEANUP(fd) int theirs = -1;
    int fds[2];
    pid_t parent = getpid(), pid;

    TRY(channel_pair(fds));
    ours = fds[0];
    theirs = fds[1];
    pid = fork();
    if (pid < 0) {
        log_errno("fork");
        return ERR_IO;
    }
    if (pid == 0)
        become(c, h, theirs, parent);
    c->pid = pid;
    c->phase = CHILD_STARTING;
    c->born_ms = clock_steady_ms();
    c->due_ms = 0;
    c->control = (struct channel){TAKE_FD(ours), PROCESS_PARENT, c->process, STATE_SERVE};
    return OK;
}

void child_kill(struct child *c)
{
    if (c->phase == CHILD_DOWN)
        return;
    (void)kill(c->pid, SIGKILL);
    c->phase = CHILD_LEAVING;
    c->due_ms = 0;
}

/* 0, 0.1, 0.2, 0.4 ... 10 s */
static int64_t back_off_ms(unsigned failures)
{
    if (failures == 0)
        return 0;
    if (failures > 7)
        return BACK_OFF_MAX_MS;
    return BACK_OFF_STEP_MS << (failures - 1);
}

void child_buried(struct child *c, bool planned)
{
    int64_t now = clock_steady_ms();

    if (planned || now - c->born_ms >= LIFE_RESETS_MS)
        c->failures = 0;
    c->due_ms = now + (planned ? 0 : back_off_ms(c->failures++));
    channel_close(&c->control);
    c->phase = CHILD_DOWN;
    c->pid = 0;
    c->restarts++;
}

void child_name(char name[static CHILD_NAME], const struct child *c)
{
    if (c->process == PROCESS_INTAKE)
        (void)snprintf(name, CHILD_NAME, "%s %u", process_name(c->process), c->index);
    else
        (void)snprintf(name, CHILD_NAME, "%s", process_name(c->process));
}

void child_end(char text[static CHILD_END], int wait_status)
{
    const char *signal = WIFSIGNALED(wait_status) ? sigdescr_np(WTERMSIG(wait_status)) : NULL;

    if (WIFSIGNALED(wait_status))
        (void)snprintf(text, CHILD_END, "was ended by signal %d (%s)", WTERMSIG(wait_status),
                       signal ? signal : "unknown");
    else
        (void)snprintf(text, CHILD_END, "left with exit code %d", WEXITSTATUS(wait_status));
}
