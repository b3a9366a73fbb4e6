#include "photod/parent/children.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/parent/spawn.h"
#include "photod/parent/users.h"

#define LIFE_RESETS_MS   60000
#define BACK_OFF_STEP_MS 100
#define BACK_OFF_MAX_MS  10000

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
    case PROGRAM_UNSEAL:
    case PROGRAM_COUNT:
        a->list[0] = vault;
        break;
    }
}

enum err child_spawn(struct child *c, const struct holdings *h)
{
    CLEANUP(fd) int ours = -1;
    CLEANUP(fd) int theirs = -1;
    struct arguments a;
    int pair[2];

    TRY(channel_pair(pair));
    ours = pair[0];
    theirs = pair[1];
    arguments_of(&a, c);
    TRY(spawn(&c->pid, &(struct spawn){.program = h->programs[program_of(c->process)],
                                       .arguments = a.list,
                                       .user = user_of(&h->config, c->process),
                                       .fds = {h->null, STDOUT_FILENO, STDERR_FILENO, theirs},
                                       .fd_count = 4}));
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
