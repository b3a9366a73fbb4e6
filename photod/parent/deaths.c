/*
 *   death                                       what follows
 *   intake leaves with 0                        started again at once, no word
 *   intake by SIGALRM, or asked for by RECYCLE  started again at once
 *   vault                                       started again after its back-off; intake workers are
 *                                               replaced (their jobs died with it); webs get a new link
 *   any, with 2 to 9 and never READY before     fatal: it cannot work with what it was given
 *   any other                                   started again after its back-off
 */
#include "photod/parent/deaths.h"

#include <signal.h>
#include <sys/wait.h>
#include "photod/base/log.h"
#include "photod/parent/notify.h"
#include "photod/parent/stop.h"
#include "photod/parent/unseal.h"

#define EXIT_FATAL_MIN 2
#define EXIT_FATAL_MAX 9

static bool is_fatal(const struct child *c, int wait_status)
{
    return c->phase == CHILD_STARTING && !c->ever_ready && WIFEXITED(wait_status) &&
           WEXITSTATUS(wait_status) >= EXIT_FATAL_MIN && WEXITSTATUS(wait_status) <= EXIT_FATAL_MAX;
}

/* A worker that did its share of jobs, or whose file ran out of its time. */
static bool is_worn_out(const struct child *c, int wait_status)
{
    return c->process == PROCESS_INTAKE && c->phase == CHILD_SERVING &&
           ((WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) ||
            (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGALRM));
}

/* An end that was ordered or is in the course of things needs no line. */
static bool is_quiet(bool ordered, bool worn, int wait_status)
{
    if (wait_status == 0)
        return ordered || worn;
    return ordered && WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
}

static void replace_workers(struct supervisor *s)
{
    for (unsigned i = FIXED_CHILDREN; i < s->count; i++)
        child_kill(&s->children[i]);
    if (s->announced)
        notify_status("the vault is being restarted");
}

static void bury(struct supervisor *s, struct child *c, int wait_status)
{
    bool ordered = c->phase == CHILD_LEAVING, worn = is_worn_out(c, wait_status);
    bool fatal = !s->stopping && is_fatal(c, wait_status);
    char name[CHILD_NAME], end[CHILD_END];

    child_name(name, c);
    child_end(end, wait_status);
    child_buried(c, ordered || worn);
    if (fatal)
        log_error("stopping: %s cannot start and %s; its own line says why", name, end);
    else if (!is_quiet(ordered, worn, wait_status))
        log_error("%s %s%s", name, end, s->stopping ? "" : ": starting it again");
    if (fatal)
        stop_begin(s, WEXITSTATUS(wait_status));
    else if (c->process == PROCESS_VAULT && !s->stopping)
        replace_workers(s);
}

void deaths_reap(struct supervisor *s)
{
    int wait_status;
    pid_t pid;

    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (unseal_is_buried(s, pid, wait_status))
            continue;
        for (unsigned i = 0; i < s->count; i++)
            if (s->children[i].pid == pid)
                bury(s, &s->children[i], wait_status);
    }
}

void deaths_overdue(struct supervisor *s, int64_t now_ms)
{
    char name[CHILD_NAME];

    for (unsigned i = 0; i < s->count; i++) {
        struct child *c = &s->children[i];

        if (!child_is_living(c) || !c->due_ms || now_ms < c->due_ms)
            continue;
        child_name(name, c);
        log_error("%s %s: killed", name,
                  c->control.fd < 0 ? "closed its channel and goes on" : "does not get ready");
        (void)kill(c->pid, SIGKILL); /* and counts as a failure */
        c->due_ms = 0;
    }
}
