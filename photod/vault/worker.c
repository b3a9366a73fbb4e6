#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/worker.h"

/* A worker ends itself after 5 s a picture and 60 s a roster; this is for one that cannot. */
#define HANG_MS 90000

struct peer *worker_idle(struct vault *v)
{
    for (struct peer *p = v->peers; p; p = p->next)
        if (p->channel.peer == PROCESS_INTAKE && p->channel.state == STATE_IDLE && !p->dropped)
            return p;
    return NULL;
}

bool worker_ask(struct vault *v, struct peer *p, enum channel_state state, enum msg type, const void *shape,
                const int *fds, unsigned fd_count)
{
    p->channel.state = state;
    p->busy_since_ms = clock_steady_ms();
    peer_send(v, p, type, 0, shape, fds, fd_count);
    return !p->dropped;
}

void worker_answered(struct peer *p, enum channel_state state)
{
    p->busy_since_ms = 0;
    p->channel.state = state;
}

/* A worker in somebody else's hands must not pass off as good what nobody judged. */
enum outcome worker_fault(const char *code, enum outcome otherwise)
{
    enum outcome o = outcome_from_code(code);

    bool is_ours = o == OUTCOME_STORED || o == OUTCOME_ACCEPTED || o == OUTCOME_NEEDS_REVIEW ||
                   o == OUTCOME_REVIEW_DECIDED;

    return o >= OUTCOME_COUNT || is_ours ? otherwise : o;
}

void workers_tick(struct vault *v, int64_t steady_ms)
{
    for (struct peer *p = v->peers; p; p = p->next) {
        if (p->channel.peer != PROCESS_INTAKE || p->dropped || !p->busy_since_ms ||
            steady_ms - p->busy_since_ms < HANG_MS)
            continue;
        log_warning("intake worker %u hangs and is replaced", p->index);
        peer_cut(v, p);
    }
}
