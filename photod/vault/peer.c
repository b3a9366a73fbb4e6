#include <fcntl.h>
#include <stdio.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/roster.h"
#include "photod/vault/staging.h"
#include "photod/vault/upload.h"
#include "photod/vault/vault.h"

#define OUTBOX_MAX 512 /* answers: as many as the doors hold connections, and more */

struct outgoing {
    struct outgoing *next;
    struct buf *message;
    int fds[MESSAGE_FDS];
    unsigned fd_count;
};

static void outgoing_free(struct outgoing *o)
{
    for (unsigned i = 0; i < o->fd_count; i++)
        if (o->fds[i] >= 0)
            (void)close(o->fds[i]);
    buf_free(o->message);
    free(o);
}

static void outbox_shift(struct peer *p)
{
    struct outgoing *o = p->outbox;

    p->outbox = o->next;
    if (!p->outbox)
        p->outbox_end = &p->outbox;
    p->outbox_length--;
    outgoing_free(o);
}

enum err peer_add(struct vault *v, int fd, enum process process, uint32_t index)
{
    struct peer *p = calloc(1, sizeof *p), **end = &v->peers;

    if (!p) {
        (void)close(fd);
        return ERR_NOMEM;
    }
    p->channel = (struct channel){
        .fd = fd,
        .self = PROCESS_VAULT,
        .peer = process,
        .state = process == PROCESS_INTAKE ? STATE_IDLE : STATE_SERVE,
    };
    p->outbox_end = &p->outbox;
    p->id = ++v->next_peer_id;
    p->index = index;
    while (*end)
        end = &(*end)->next;
    *end = p;
    return OK;
}

void peer_drop(struct vault *v, struct peer *p)
{
    if (p->dropped)
        return;
    p->dropped = true;
    channel_close(&p->channel);
    while (p->outbox)
        outbox_shift(p);
    if (p->channel.peer == PROCESS_OFFICE)
        uploads_peer_gone(v, p);
    if (p->channel.peer == PROCESS_INTAKE) {
        staging_worker_gone(v, p);
        rosters_worker_gone(v, p);
    }
}

void peer_cut(struct vault *v, struct peer *p)
{
    struct shape_recycle r = {.process = (uint32_t)p->channel.peer, .index = p->index};

    if (p->dropped)
        return;
    if (p->channel.peer != PROCESS_CTL && channel_send(&v->parent, MSG_RECYCLE, 0, &r, NULL, 0, false))
        log_warning("the parent does not take orders");
    peer_drop(v, p);
}

void peer_distrust(struct vault *v, struct peer *p, const char *what)
{
    struct leaf l;

    log_warning("%s %u sent %s and is cut off", process_name(p->channel.peer), p->index, what);
    leaf_begin(&l, "peer-dropped");
    leaf_text(&l, "process", process_name(p->channel.peer));
    leaf_alone(v, &l);
    peer_cut(v, p);
}

void peers_sweep(struct vault *v)
{
    for (struct peer **at = &v->peers; *at;) {
        struct peer *p = *at;

        if (p->dropped) {
            *at = p->next;
            free(p);
        } else {
            at = &p->next;
        }
    }
}

struct asker asker_of(const struct peer *p, const struct message *m)
{
    return (struct asker){p->id, m->request};
}

struct peer *peer_find(struct vault *v, struct asker to)
{
    for (struct peer *p = v->peers; p; p = p->next)
        if (p->id == to.peer && !p->dropped)
            return p;
    return NULL;
}

static enum err outbox_push(struct peer *p, struct buf *message, const int *fds, unsigned fd_count)
{
    struct outgoing *o = p->outbox_length < OUTBOX_MAX ? calloc(1, sizeof *o) : NULL;

    if (!o) {
        buf_free(message);
        return ERR_LIMIT;
    }
    o->message = message;
    for (; o->fd_count < fd_count; o->fd_count++) {
        o->fds[o->fd_count] = fcntl(fds[o->fd_count], F_DUPFD_CLOEXEC, 0);
        if (o->fds[o->fd_count] < 0) {
            outgoing_free(o);
            return ERR_LIMIT;
        }
    }
    *p->outbox_end = o;
    p->outbox_end = &o->next;
    p->outbox_length++;
    return OK;
}

static enum err send_or_keep(struct peer *p, enum msg type, uint32_t request, const void *shape,
                             const int *fds, unsigned fd_count)
{
    static const struct shape_empty nothing;
    CLEANUP(buf) struct buf *message = NULL;
    enum err e = ERR_BUSY;

    TRY(buf_new(&message, MESSAGE_MAX));
    TRY(message_encode(message, type, request, shape ? shape : &nothing));
    if (!p->outbox)
        e = channel_send_bytes(&p->channel, message, fds, fd_count, false);
    return e == ERR_BUSY ? outbox_push(p, TAKE(message), fds, fd_count) : e;
}

static void cut_unsendable(struct vault *v, struct peer *p, enum err e)
{
    if (e != ERR_CLOSED)
        log_warning("%s %u does not read its answers (%s) and is cut off", process_name(p->channel.peer),
                    p->index, err_name(e));
    if (e == ERR_CLOSED)
        peer_drop(v, p);
    else
        peer_cut(v, p);
}

void peer_send(struct vault *v, struct peer *p, enum msg type, uint32_t request, const void *shape,
               const int *fds, unsigned fd_count)
{
    enum err e = send_or_keep(p, type, request, shape, fds, fd_count);

    if (e)
        cut_unsendable(v, p, e);
}

void peer_flush(struct vault *v, struct peer *p)
{
    while (p->outbox) {
        enum err e =
            channel_send_bytes(&p->channel, p->outbox->message, p->outbox->fds, p->outbox->fd_count, false);

        if (e == ERR_BUSY)
            return;
        if (e) {
            cut_unsendable(v, p, e);
            return;
        }
        outbox_shift(p);
    }
}

void answer(struct vault *v, struct asker to, enum msg type, const void *shape, const int *fds,
            unsigned fd_count)
{
    struct peer *p = peer_find(v, to);

    if (p)
        peer_send(v, p, type, to.request, shape, fds, fd_count);
}

void answer_refused(struct vault *v, struct asker to, enum problem problem, const char *detail, uint64_t leaf)
{
    struct shape_refused refused = {.problem = (uint32_t)problem, .leaf = leaf};

    (void)snprintf(refused.detail, sizeof refused.detail, "%s", detail ? detail : "");
    if (problem == PROBLEM_BUSY || problem == PROBLEM_UNAVAILABLE)
        refused.retry_after_s = 5;
    answer(v, to, MSG_REFUSED, &refused, NULL, 0);
}

enum problem problem_of(enum err e)
{
    switch (e) {
    case ERR_FULL:
        return PROBLEM_STORAGE_FULL;
    case ERR_BUSY:
    case ERR_LIMIT:
    case ERR_NOMEM:
        return PROBLEM_BUSY;
    case OK:
    case ERR_IO:
    case ERR_NOTFOUND:
    case ERR_EXISTS:
    case ERR_DENIED:
    case ERR_MALFORMED:
    case ERR_CORRUPT:
    case ERR_CLOSED:
        break;
    }
    return PROBLEM_UNAVAILABLE;
}
