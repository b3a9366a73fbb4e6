/*
 * The loop of photod, in one thread: signals, the children's channels and
 * deadlines.  Nothing in it waits but poll().
 */
#include "photod/parent/supervise.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include "photod/base/cleanup.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/parent/deaths.h"
#include "photod/parent/furnish.h"
#include "photod/parent/notify.h"
#include "photod/parent/start.h"
#include "photod/parent/stop.h"
#include "photod/parent/supervisor.h"

#define TLS_EVERY_MS    15000
#define CLOSED_GRACE_MS 5000 /* from closing its channel to being gone */

static void hear_recycle(struct supervisor *s, const struct shape_recycle *r)
{
    for (unsigned i = VAULT_ROW + 1; i < s->count; i++) {
        struct child *c = &s->children[i];

        if (c->process != (enum process)r->process || c->index != r->index || !child_is_living(c))
            continue;
        log_warning("%s %u hangs or is cut off, says the vault: replaced", process_name(c->process),
                    r->index);
        child_kill(c);
    }
}

/* Mostly the first sign of a death; but who stays without a channel cannot be stopped in order. */
static void hear_end(struct child *c)
{
    channel_close(&c->control);
    if (child_is_living(c))
        c->due_ms = clock_steady_ms() + CLOSED_GRACE_MS;
}

/* Our own code at the far end: what does not fit is a bug there, and ends that process. */
static void hear_nonsense(struct child *c, enum err e)
{
    char name[CHILD_NAME];

    child_name(name, c);
    log_error("%s speaks out of turn (%s): killed", name, err_name(e));
    (void)kill(c->pid, SIGKILL);
    channel_close(&c->control);
}

/* One message at a time: a child that never ends talking must not keep the parent from its deadlines. */
static void hear(struct supervisor *s, struct child *c)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    enum err e = channel_recv(&c->control, &m, false);

    if (!e && m.type == MSG_READY && c->phase == CHILD_STARTING)
        start_done(s, c, &m.is.ready);
    else if (!e && m.type == MSG_RECYCLE)
        hear_recycle(s, &m.is.recycle);
    else if (e == ERR_CLOSED)
        hear_end(c);
    else if (e != ERR_BUSY && c->phase != CHILD_LEAVING)
        hear_nonsense(c, e ? e : ERR_DENIED);
}

static bool is_web(const struct child *c)
{
    return c->process == PROCESS_LAW || c->process == PROCESS_OFFICE;
}

static void renew_tls(struct supervisor *s)
{
    if (tls_read(&s->held->tls, &s->held->config)) {
        log_error("the doors keep the certificates they have");
        return;
    }
    log_info("TLS files read again");
    for (unsigned i = 0; i < s->count; i++)
        if (is_web(&s->children[i]))
            furnish_tls(&s->children[i], &s->held->tls);
}

static void watch_tls(struct supervisor *s, int64_t now)
{
    if (now < s->tls_due_ms)
        return;
    s->tls_due_ms = now + TLS_EVERY_MS;
    if (tls_changed(&s->held->tls, &s->held->config))
        renew_tls(s);
}

static void signals(struct supervisor *s)
{
    struct signalfd_siginfo got;

    while (read(s->signal_fd, &got, sizeof got) == sizeof got) {
        if (got.ssi_signo == SIGHUP && !s->stopping)
            renew_tls(s);
        else if (got.ssi_signo == SIGTERM || got.ssi_signo == SIGINT)
            stop_begin(s, EXIT_SUCCESS);
    }
    deaths_reap(s); /* one SIGCHLD may stand for several deaths */
}

static void do_what_is_due(struct supervisor *s, int64_t now)
{
    if (s->watchdog_every_ms && now >= s->watchdog_due_ms) {
        notify_watchdog();
        s->watchdog_due_ms = now + s->watchdog_every_ms;
    }
    if (s->stopping) {
        stop_advance(s, now);
        return;
    }
    deaths_overdue(s, now);
    start_due(s, now);
    watch_tls(s, now);
}

static void sooner(int64_t *wake_ms, int64_t at_ms)
{
    if (at_ms && at_ms < *wake_ms)
        *wake_ms = at_ms;
}

static int poll_ms(struct supervisor *s, int64_t now)
{
    int64_t wake_ms = now + TLS_EVERY_MS;

    sooner(&wake_ms, s->watchdog_due_ms);
    if (s->stopping) {
        sooner(&wake_ms, s->stage_until_ms);
    } else {
        sooner(&wake_ms, s->tls_due_ms);
        for (unsigned i = 0; i < s->count; i++)
            sooner(&wake_ms, s->children[i].phase == CHILD_DOWN ? start_next_ms(s, &s->children[i])
                                                                : s->children[i].due_ms);
    }
    return wake_ms > now ? (int)(wake_ms - now) : 0;
}

static void wait_and_hear(struct supervisor *s)
{
    struct pollfd fds[MAX_CHILDREN + 1];

    for (unsigned i = 0; i < s->count; i++)
        fds[i] = (struct pollfd){.fd = s->children[i].control.fd, .events = POLLIN};
    fds[s->count] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
    if (poll(fds, s->count + 1, poll_ms(s, clock_steady_ms())) <= 0)
        return;
    for (unsigned i = 0; i < s->count; i++)
        if (fds[i].revents)
            hear(s, &s->children[i]);
    if (fds[s->count].revents)
        signals(s);
}

static sigset_t waited_for(void)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    sigset_t set;

    (void)sigemptyset(&set);
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaddset(&set, numbers[i]);
    return set;
}

void supervise_signals(void)
{
    const sigset_t set = waited_for();

    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a log line nobody reads must end nothing, here or in a child */
}

static void init(struct supervisor *s, struct holdings *h, const struct confined *confined)
{
    static const enum process fixed[FIXED_CHILDREN] = {PROCESS_VAULT, PROCESS_LAW, PROCESS_OFFICE};
    int64_t now = clock_steady_ms();

    *s = (struct supervisor){.held = h,
                             .confined = *confined,
                             .count = FIXED_CHILDREN + (unsigned)h->config.intake_workers,
                             .since_ms = clock_wall_ms(),
                             .tls_due_ms = now + TLS_EVERY_MS,
                             .watchdog_every_ms = notify_watchdog_ms()};
    if (s->watchdog_every_ms)
        s->watchdog_due_ms = now;
    for (unsigned i = 0; i < s->count; i++)
        s->children[i] = (struct child){.process = i < FIXED_CHILDREN ? fixed[i] : PROCESS_INTAKE,
                                        .index = i < FIXED_CHILDREN ? 0 : i - FIXED_CHILDREN,
                                        .control = CHANNEL_CLOSED};
}

int supervise(struct holdings *h, const struct confined *confined)
{
    const sigset_t set = waited_for();
    struct supervisor s;

    init(&s, h, confined);
    s.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s.signal_fd < 0) {
        log_errno("signalfd");
        return EXIT_FAILURE;
    }
    for (;;) {
        do_what_is_due(&s, clock_steady_ms());
        if (stop_is_done(&s))
            break;
        wait_and_hear(&s);
    }
    (void)close(s.signal_fd);
    return s.exit_status;
}
