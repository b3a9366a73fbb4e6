#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/clockwatch.h"

#define DAY_MS       86400000
#define HEARTBEAT_MS (DAY_MS / 2) /* so that a day's gap is never the heartbeat's own */

static void clock_id(unsigned char id[static SID_BYTES], const struct vault *v)
{
    keys_index(id, v->keys, INDEX_META, "clock", 5);
}

enum err clock_put(struct vault *v, struct store_batch *b)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct shape_clock_record r = {.seen_ms = (uint64_t)clock_wall_ms(),
                                   .purged_day = (uint64_t)v->purged_day};
    unsigned char id[SID_BYTES];
    struct pack p;

    TRY(buf_new(&plain, 64));
    p = PACK(plain);
    pack_clock_record(&p, &r);
    TRY(pack_end(&p));
    clock_id(id, v);
    return record_put(v, b, KIND_META, SEAL_META, id, NULL, plain);
}

static void suspect(struct vault *v, const char *why)
{
    struct leaf l;

    v->clock_suspect = true;
    log_error("the clock is %s: nothing is erased by date until `photoctl clock accept`", why);
    leaf_begin(&l, "clock-suspect");
    leaf_alone(v, &l);
}

enum err clock_open(struct vault *v)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_clock_record r;
    unsigned char id[SID_BYTES];
    struct take t;

    clock_id(id, v);
    TRY(record_get(v, KIND_META, SEAL_META, id, NULL, &read));
    if (!record_is_there(&read)) /* the first start */
        return OK;
    t = record_take(&read);
    take_clock_record(&t, &r);
    TRY(take_end(&t));
    v->purged_day = (int64_t)r.purged_day;
    v->clock_seen_ms = (int64_t)r.seen_ms;
    return OK;
}

/* ---- Heartbeat ---- */

static void heartbeat_done(struct vault *v, struct job *j)
{
    enum err e = job_result(j);

    (void)v;
    if (e)
        log_error("the heartbeat could not be committed: %s", err_name(e));
    job_clear(j);
    free(j);
}

static enum err beat(struct vault *v, struct job *j)
{
    struct leaf l;

    leaf_begin(&l, "heartbeat");
    TRY(store_batch_new(&j->batch));
    TRY(leaf_add(&l, v, j->batch, NULL));
    TRY(clock_put(v, j->batch));
    j->lane = LANE_BULK;
    j->done = heartbeat_done;
    return committer_submit(v->committer, j);
}

static void heartbeat(struct vault *v)
{
    struct job *j = calloc(1, sizeof *j);
    enum err e = j ? beat(v, j) : ERR_NOMEM;

    if (!e)
        return;
    log_error("the heartbeat could not be committed: %s", err_name(e));
    if (j)
        job_clear(j);
    free(j);
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* A suspect clock sets no new mark: the gap stays visible to the next start. */
void clock_tick(struct vault *v, int64_t wall_ms, int64_t steady_ms)
{
    int64_t offset = wall_ms - steady_ms;

    if (!v->clock_offset_ms) { /* the first tick */
        v->clock_offset_ms = offset;
        if (v->clock_seen_ms && distance(wall_ms, v->clock_seen_ms) > DAY_MS)
            suspect(v, "more than a day off the last heartbeat");
    }
    if (!v->clock_suspect && distance(offset, v->clock_offset_ms) > DAY_MS)
        suspect(v, "set more than a day off while photod ran");
    if (!v->clock_suspect) {
        v->clock_offset_ms = offset;
        if (steady_ms >= v->heartbeat_ms) {
            v->heartbeat_ms = steady_ms + HEARTBEAT_MS;
            heartbeat(v);
        }
    }
}

/* ---- The administrator's word ---- */

struct accept_job {
    struct job job;
    struct asker to;
};

static void accepted(struct vault *v, struct job *j)
{
    struct shape_done done = {.leaf = j->outcome.first_leaf};
    enum err e = job_result(j);

    if (!e) {
        v->clock_suspect = false;
        v->clock_offset_ms = clock_wall_ms() - clock_steady_ms();
        answer(v, ((struct accept_job *)j)->to, MSG_DONE, &done, NULL, 0);
    } else {
        answer_refused(v, ((struct accept_job *)j)->to, problem_of(e), NULL, 0);
    }
    job_clear(j);
    free(j);
}

static enum err accept_clock(struct vault *v, struct accept_job *a)
{
    struct leaf l;

    leaf_begin(&l, "clock-accepted");
    TRY(store_batch_new(&a->job.batch));
    TRY(leaf_add(&l, v, a->job.batch, NULL));
    TRY(clock_put(v, a->job.batch));
    a->job.lane = LANE_BULK;
    a->job.done = accepted;
    return committer_submit(v->committer, &a->job);
}

void answer_clock_accept(struct vault *v, struct peer *p, struct message *m)
{
    struct accept_job *a = calloc(1, sizeof *a);
    struct asker to = asker_of(p, m);
    enum err e = ERR_NOMEM;

    if (a) {
        a->to = to;
        e = accept_clock(v, a);
    }
    if (!e)
        return;
    answer_refused(v, to, problem_of(e), NULL, 0);
    if (a)
        job_clear(&a->job);
    free(a);
}
