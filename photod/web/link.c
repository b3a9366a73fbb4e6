/*
 * The channel to the vault, in photod-web.
 *
 * Locks: `state` guards everything but the use of the descriptor; `wire`
 * keeps that open while somebody sends on it (readers) and is held alone to
 * replace it.  `state` may be held when `wire` is taken, never the reverse.
 *
 *   link     entered when                 questions
 *   none     at the start, or it broke    wait up to 2 s
 *   up       the reader took a new one    are sent
 *   stopped  link_close()                 fail
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include "lawapi/problem.h"
#include "photod/base/log.h"
#include "photod/web/link.h"
#include "photod/wire/channel.h"

#define LINK_MS 2000
#define SEND_S  10

static struct {
    pthread_mutex_t state;
    pthread_cond_t changed;
    pthread_rwlock_t wire;
    pthread_t reader;
    enum process self;
    struct channel channel;
    int fresh; /* a link the parent brought and the reader has not taken yet */
    uint64_t number;
    bool up, stopped;
    uint32_t last_request;
    struct link_call *calls;
} to = {.state = PTHREAD_MUTEX_INITIALIZER,
        .wire = PTHREAD_RWLOCK_INITIALIZER,
        .channel = {.fd = -1},
        .fresh = -1};

/* Which answers a question has, beside REFUSED. */
static const struct dialogue {
    enum msg question, answers[3];
} dialogues[] = {
    {MSG_LOOKUP, {MSG_RELEASED, MSG_NONE}},
    {MSG_HEALTH, {MSG_HEALTHY}},
    {MSG_ROSTER_OPEN, {MSG_UPLOAD_READY}},
    {MSG_UPLOAD_CREATE, {MSG_UPLOAD_READY}},
    {MSG_UPLOAD_RESUME, {MSG_UPLOAD_READY}},
    {MSG_UPLOAD_GET, {MSG_UPLOAD_IS}},
    {MSG_UPLOAD_CHUNK, {MSG_UPLOAD_KEPT, MSG_BATCH_STATE, MSG_ROSTER_REPORT}},
    {MSG_BATCH_CREATE, {MSG_BATCH_STATE}},
    {MSG_BATCH_GET, {MSG_BATCH_REPORT}},
    {MSG_BATCH_LIST, {MSG_BATCHES}},
    {MSG_REVIEW_GET, {MSG_REVIEW_IS}},
    {MSG_REVIEW_DECIDE, {MSG_BATCH_STATE}},
    {MSG_BATCH_COMMIT, {MSG_BATCH_STATE}},
    {MSG_BATCH_UNDO, {MSG_BATCH_STATE}},
    {MSG_WITHDRAW, {MSG_WITHDRAWN}},
};

static bool is_answer(enum msg question, const struct message *m)
{
    if (m->type == MSG_REFUSED)
        return problem_text((enum problem)m->is.refused.problem) != NULL;
    for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++)
        for (size_t n = 0; dialogues[i].question == question && n < 3; n++)
            if (dialogues[i].answers[n] && m->type == dialogues[i].answers[n])
                return true;
    return false;
}

static void move_message(struct message *target, struct message *from)
{
    *target = *from;
    for (unsigned i = 0; i < MESSAGE_FDS; i++)
        from->fds[i] = -1;
    message_clear(from);
}

static struct timespec from_now(int64_t ms)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static void init_cond(pthread_cond_t *c)
{
    pthread_condattr_t a;

    (void)pthread_condattr_init(&a);
    (void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &a);
    (void)pthread_condattr_destroy(&a);
}

static enum err transmit(enum msg type, uint32_t request, const void *shape, int fd, uint64_t link)
{
    enum err e = ERR_CLOSED;

    pthread_rwlock_rdlock(&to.wire);
    if (to.channel.fd >= 0 && (link == LINK_ANY || link == to.number))
        e = channel_send(&to.channel, type, request, shape, &fd, fd >= 0, true);
    pthread_rwlock_unlock(&to.wire);
    return e;
}

static struct link_call *unlist(uint32_t request)
{
    for (struct link_call **at = &to.calls; *at; at = &(*at)->next) {
        struct link_call *found = *at;

        if (found->request == request) {
            *at = found->next;
            return found;
        }
    }
    return NULL;
}

static void finish(struct link_call *call, enum err e)
{
    call->done = true;
    call->err = e;
    (void)pthread_cond_signal(&call->ready);
}

/* Nobody waits any more: an upload that was opened too late is given back. */
static void give_back(const struct message *m)
{
    struct shape_upload_name name = {.upload = m->is.upload_state.upload};

    if (m->type == MSG_UPLOAD_READY)
        (void)transmit(MSG_UPLOAD_LEAVE, 0, &name, -1, to.number);
}

static enum err deliver(struct message *m)
{
    struct link_call *call;
    enum err e = OK;

    pthread_mutex_lock(&to.state);
    call = unlist(m->request);
    if (call && is_answer(call->question, m)) {
        move_message(&call->answer, m);
        finish(call, OK);
    } else if (call) {
        log_error("the vault answered %s with %s: link dropped", message_name(call->question),
                  message_name(m->type));
        finish(call, ERR_CLOSED);
        e = ERR_MALFORMED;
    }
    pthread_mutex_unlock(&to.state);
    if (!call)
        give_back(m);
    return e;
}

static void read_answers(void)
{
    struct message m = MESSAGE_NONE;
    enum err e;

    do {
        e = channel_recv(&to.channel, &m, true);
        if (e == ERR_MALFORMED)
            log_error("the vault sent what is no message: link dropped");
        if (!e)
            e = deliver(&m);
    } while (!e);
    message_clear(&m);
}

/* Waits for the parent's next link.  False: stopped. */
static bool adopt(void)
{
    bool stopped;

    pthread_mutex_lock(&to.state);
    while (to.fresh < 0 && !to.stopped)
        pthread_cond_wait(&to.changed, &to.state);
    stopped = to.stopped;
    if (!stopped) {
        pthread_rwlock_wrlock(&to.wire); /* at once: there is no link to send on */
        to.channel = (struct channel){TAKE_FD(to.fresh), to.self, PROCESS_VAULT, STATE_SERVE};
        to.number++;
        pthread_rwlock_unlock(&to.wire);
        to.up = true;
        pthread_cond_broadcast(&to.changed);
    }
    pthread_mutex_unlock(&to.state);
    return !stopped;
}

static void lose(void)
{
    pthread_mutex_lock(&to.state);
    to.up = false;
    while (to.calls) {
        struct link_call *call = to.calls;

        to.calls = call->next;
        finish(call, ERR_CLOSED);
    }
    pthread_mutex_unlock(&to.state);
    (void)shutdown(to.channel.fd, SHUT_RDWR); /* wakes who is sending */
    pthread_rwlock_wrlock(&to.wire);
    channel_close(&to.channel);
    pthread_rwlock_unlock(&to.wire);
}

static void *reader_main(void *unused)
{
    while (adopt()) {
        read_answers();
        lose();
    }
    return unused;
}

/* Ends the link in use, if any; `state` is held. */
static void hang_up(void)
{
    if (to.up)
        (void)shutdown(to.channel.fd, SHUT_RDWR);
    to.up = false;
}

/* Enters the call.  False: no such link. */
static bool enlist(struct link_call *call, enum msg question, uint64_t link)
{
    struct timespec until = from_now(LINK_MS);
    bool open;

    *call = (struct link_call){.question = question, .answer = MESSAGE_NONE};
    pthread_mutex_lock(&to.state);
    while (!to.up && !to.stopped && link == LINK_ANY)
        if (pthread_cond_timedwait(&to.changed, &to.state, &until) == ETIMEDOUT)
            break;
    open = to.up && (link == LINK_ANY || link == to.number);
    if (open) {
        init_cond(&call->ready);
        call->link = to.number;
        call->request = ++to.last_request;
        if (call->request == 0) /* of what has no answer */
            call->request = ++to.last_request;
        call->next = to.calls;
        to.calls = call;
    }
    pthread_mutex_unlock(&to.state);
    return open;
}

enum err link_open(enum process self)
{
    to.self = self;
    init_cond(&to.changed);
    if (pthread_create(&to.reader, NULL, reader_main, NULL)) {
        log_error("cannot start the reader of the vault's answers");
        return ERR_NOMEM;
    }
    return OK;
}

void link_take(int fd)
{
    struct timeval patience = {.tv_sec = SEND_S};

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    pthread_mutex_lock(&to.state);
    hang_up();
    fd_cleanup(&to.fresh);
    to.fresh = fd;
    pthread_cond_broadcast(&to.changed);
    pthread_mutex_unlock(&to.state);
}

void link_close(void)
{
    pthread_mutex_lock(&to.state);
    to.stopped = true;
    hang_up();
    pthread_cond_broadcast(&to.changed);
    pthread_mutex_unlock(&to.state);
    (void)pthread_join(to.reader, NULL);
    fd_cleanup(&to.fresh);
    to.fresh = -1;
}

void link_distrust(uint64_t link, const char *why)
{
    pthread_mutex_lock(&to.state);
    if (to.up && link == to.number) {
        log_error("the vault sent %s: link dropped", why);
        hang_up();
    }
    pthread_mutex_unlock(&to.state);
}

enum err link_ask(struct link_call *call, enum msg question, const void *shape, int fd, uint64_t link)
{
    struct message none = MESSAGE_NONE;
    enum err e;

    if (!enlist(call, question, link))
        return ERR_CLOSED;
    e = transmit(question, call->request, shape, fd, call->link);
    if (!e)
        return OK;
    pthread_mutex_lock(&to.state);
    (void)unlist(call->request);
    finish(call, e);
    pthread_mutex_unlock(&to.state);
    return link_await(call, 0, &none);
}

enum err link_await(struct link_call *call, int64_t timeout_ms, struct message *answer)
{
    struct timespec until = from_now(timeout_ms);
    enum err e;

    pthread_mutex_lock(&to.state);
    while (!call->done)
        if (pthread_cond_timedwait(&call->ready, &to.state, &until) == ETIMEDOUT)
            break;
    if (!call->done) {
        (void)unlist(call->request);
        call->err = ERR_BUSY;
        log_error("the vault did not answer %s in time", message_name(call->question));
    }
    e = call->err;
    pthread_mutex_unlock(&to.state);
    (void)pthread_cond_destroy(&call->ready);
    if (!e)
        move_message(answer, &call->answer);
    message_clear(&call->answer);
    return e;
}

enum err link_tell(enum msg type, const void *shape, uint64_t link)
{
    return transmit(type, 0, shape, -1, link);
}
