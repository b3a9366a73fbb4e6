#include "photod/vault/opted_out.h"

#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/vault/commit.h"
#include "photod/vault/erasure.h"
#include "photod/vault/student.h"

#define CHILDREN_A_STEP 128 /* erased in one transaction */
#define STEP_TRIES      64  /* undo and purge may come between again and again, but end */

/* Its life: one step after the other, each the erasing of some children in one transaction. */
struct erasing {
    struct job job;
    unsigned char (*sids)[SID_BYTES];
    size_t count, at, next; /* a step erases [at, next) */
    unsigned tries;
    opted_out_done *done;
    void *context;
};

/* The family may have answered otherwise meanwhile, or somebody else erased the child. */
static enum err erase_child(struct vault *v, struct erasing *r, const unsigned char *sid)
{
    CLEANUP(student) struct student s = {.answer_count = 0};

    TRY(student_load_sid(&s, v, sid));
    if (student_consent(&s, v, law_today(clock_wall_ms())) != CONSENT_STATE_OUT ||
        !record_is_there(&s.details))
        return OK;
    TRY(student_expect(&s, r->job.batch));
    return student_erase(&s, v, r->job.batch, "opted-out");
}

static void step_done(struct vault *v, struct job *job);

static enum err step(struct vault *v, struct erasing *r)
{
    job_clear(&r->job);
    r->job = (struct job){.lane = LANE_BULK, .vital = true, .done = step_done};
    TRY(store_batch_new(&r->job.batch));
    for (r->next = r->at; r->next < r->count && r->next - r->at < CHILDREN_A_STEP; r->next++)
        TRY(erase_child(v, r, r->sids[r->next]));
    return committer_submit(v->committer, &r->job);
}

static void erasing_free(struct erasing *r)
{
    job_clear(&r->job);
    free(r->sids);
    free(r);
}

static void step_done(struct vault *v, struct job *job)
{
    struct erasing *r = (struct erasing *)job;
    bool beaten = job->outcome.result == STORE_CONFLICT && ++r->tries < STEP_TRIES;
    enum err e = beaten ? OK : job_result(job);

    if (!e && !beaten) {
        r->at = r->next;
        r->tries = 0;
        erasures_finish(v);
    }
    if (!e && r->at < r->count) {
        e = step(v, r);
        if (!e)
            return;
    }
    r->done(v, r->context, e);
    erasing_free(r);
}

enum err opted_out_erase(struct vault *v, unsigned char (*sids)[SID_BYTES], size_t count,
                         opted_out_done *done, void *context)
{
    struct erasing *r = calloc(1, sizeof *r);
    enum err e = ERR_NOMEM;

    if (!r) {
        free(sids);
        return e;
    }
    *r = (struct erasing){.sids = sids, .count = count, .done = done, .context = context};
    e = step(v, r);
    if (e)
        erasing_free(r);
    return e;
}
