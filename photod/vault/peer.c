#include <stdio.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/roster.h"
#include "photod/vault/staging.h"
#include "photod/vault/upload.h"
#include "photod/vault/vault.h"

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
    if (p->channel.peer == PROCESS_OFFICE)
        uploads_peer_gone(v, p);
    if (p->channel.peer == PROCESS_INTAKE) {
        staging_worker_gone(v, p);
        rosters_worker_gone(v, p);
    }
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

void peer_send(struct vault *v, struct peer *p, enum msg type, uint32_t request, const void *shape,
               const int *fds, unsigned fd_count)
{
    enum err e = channel_send(&p->channel, type, request, shape, fds, fd_count, false);

    if (e) {
        log_warning("%s %u: cannot send %s: %s", process_name(p->channel.peer), p->index, message_name(type),
                    err_name(e));
        peer_drop(v, p);
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
