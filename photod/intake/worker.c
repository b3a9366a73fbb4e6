#include "photod/intake/worker.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include "photod/base/config.h"
#include "photod/base/log.h"
#include "photod/intake/jobs.h"
#include "photod/wire/bulk.h"
#include "ingest/roster.h"

#define CONTROL_FD 3
#define CONFIG_MAX (1u << 20)

/* A job begins in its state, answers, and leaves the channel IDLE. */
static const struct job {
    enum msg question;
    enum channel_state state;
    enum err (*run)(struct worker *w, struct message *question);
} jobs[] = {
    {MSG_ZIP_OPEN, STATE_ZIP, zip_job},
    {MSG_IMAGE, STATE_IMAGE, image_job},
    {MSG_ROSTER_PARSE, STATE_ROSTER, roster_job},
};

static enum err adopt_config(struct worker *w, const struct message *m)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk text = {0};
    struct roster_columns columns;
    struct config_fault fault;
    struct config c;

    TRY(bulk_map(&text, m->fds[0], CONFIG_MAX));
    TRY(config_parse(&c, &fault, (const char *)text.bytes, text.len));
    if (roster_columns_parse(&columns, c.roster_columns)) { /* once here, not with the first roster */
        log_error("roster_columns: stateid, last, first, born or optin is missing, or a name is there twice");
        return ERR_DENIED;
    }
    w->jobs_left = c.intake_jobs;
    return OK;
}

static enum err adopt_link(struct worker *w, struct message *m)
{
    if (m->is.link.process != PROCESS_VAULT || w->vault.fd >= 0)
        return ERR_MALFORMED;
    w->vault = (struct channel){message_take_fd(m, 0), PROCESS_INTAKE, PROCESS_VAULT, STATE_IDLE};
    return OK;
}

static enum err adopt_one(struct worker *w, struct message *m)
{
    switch ((unsigned)m->type) { /* what else may come, the channel has refused */
    case MSG_CONFIG:
        return adopt_config(w, m);
    case MSG_LINK:
        return adopt_link(w, m);
    case MSG_STOP:
        return ERR_CLOSED;
    default:
        return ERR_MALFORMED;
    }
}

enum err worker_adopt(struct worker *w)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    *w = (struct worker){.parent = {CONTROL_FD, PROCESS_INTAKE, PROCESS_PARENT, STATE_START},
                         .vault = CHANNEL_CLOSED};
    for (;;) {
        TRY(channel_recv(&w->parent, &m, true));
        if (m.type == MSG_GO)
            break;
        TRY(adopt_one(w, &m));
    }
    w->parent.state = STATE_SERVE;
    return w->vault.fd >= 0 && w->jobs_left ? OK : ERR_MALFORMED;
}

/* The parent has one thing left to say: STOP; closing its channel says the same. */
static enum err hear_parent(struct worker *w)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    enum err e = channel_recv(&w->parent, &m, false);

    if (e == ERR_BUSY)
        return OK;
    return e || m.type == MSG_STOP ? ERR_CLOSED : ERR_MALFORMED;
}

enum err worker_receive(struct worker *w, struct message *out)
{
    struct pollfd fds[2] = {{.fd = w->parent.fd, .events = POLLIN}, {.fd = w->vault.fd, .events = POLLIN}};
    enum err e;

    do {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents)
            TRY(hear_parent(w));
        e = fds[1].revents ? channel_recv(&w->vault, out, false) : ERR_BUSY;
        if (e != ERR_BUSY)
            return e;
    } while (true);
}

enum err worker_answer(struct worker *w, enum msg type, uint32_t request, const void *shape, const int *fds,
                       unsigned fd_count)
{
    return channel_send(&w->vault, type, request, shape, fds, fd_count, true);
}

static enum err do_job(struct worker *w, struct message *question)
{
    for (unsigned i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        if (jobs[i].question == question->type) {
            w->vault.state = jobs[i].state;
            TRY(jobs[i].run(w, question));
            message_clear(question); /* its descriptors may be 20 MB of memory */
            w->vault.state = STATE_IDLE;
            if (w->jobs_left)
                w->jobs_left--;
            return OK;
        }
    return ERR_MALFORMED;
}

/*
 * Leaves without losing a job that is on its way: from the shutdown on the
 * vault's send fails and it asks another worker; what it had sent before is
 * still done here.
 */
static enum err finish(struct worker *w)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    enum err e;

    (void)shutdown(w->vault.fd, SHUT_RD);
    while (!(e = channel_recv(&w->vault, &m, false)))
        TRY(do_job(w, &m));
    return e == ERR_BUSY ? ERR_CLOSED : e;
}

enum err worker_serve(struct worker *w, const struct shape_ready *ready)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    enum err e = channel_send(&w->parent, MSG_READY, 0, ready, NULL, 0, true);

    while (!e && w->jobs_left) {
        e = worker_receive(w, &m);
        if (!e)
            e = do_job(w, &m);
    }
    if (!e)
        e = finish(w);
    return e == ERR_CLOSED ? OK : e;
}
