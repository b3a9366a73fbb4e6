#include <stdio.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/children.h"
#include "photod/vault/clockwatch.h"
#include "photod/vault/erasure.h"
#include "photod/vault/night.h"
#include "photod/vault/purge.h"
#include "photod/vault/replaced.h"
#include "photod/vault/report.h"
#include "photod/vault/rotate.h"
#include "photod/vault/student.h"
#include "photod/vault/undo.h"
#include "photod/vault/withdraw.h"

#define CHILDREN_A_STEP 256 /* looked at between two looks at the doors */
#define PURGE_TRIES     64  /* an undo under way may come between again and again, but ends */

/*
 * A purge's life: look at the batches (night.h); list the children of whom
 * anything is kept; look at some of them at a time, erasing what is due in
 * one transaction; after the last, the certificate.
 */
struct purge_job {
    struct job job;
    struct asker to; /* peer 0: nobody waits */
    struct date today;
    struct night night;
    unsigned char (*sids)[SID_BYTES]; /* sorted, each once */
    size_t count, at, next;           /* a step looks at [at, next) */
    struct counts {
        uint32_t expired, lapsed, replaced;
    } all, step;
    unsigned faults;
};

/* The day of the last purge begun since the start: one that stopped is not begun again at every tick. */
static int64_t tried_day;

/* ---- Erasing ---- */

struct due {
    struct purge_job *job;
    struct replaced replaced;
};

static const char *why(void *context, const struct shape_generation_record *g)
{
    struct due *d = context;
    const char *reason = replaced_reason(&d->replaced, g->generation);

    if (!photo_is_servable(g->taken_on, d->job->today)) {
        d->job->step.expired++;
        return "two-years-old";
    }
    d->job->step.replaced += reason != NULL;
    return reason;
}

static enum err purge_photos(struct vault *v, struct purge_job *j, const struct student *s)
{
    struct due d = {.job = j};
    uint32_t gone = 0;
    enum err e = replaced_find(&d.replaced, s, v, j->job.batch);

    if (!e)
        e = student_erase_photos(s, v, j->job.batch, why, &d, &gone);
    replaced_cleanup(&d.replaced);
    return e || !gone ? e : student_expect(s, j->job.batch);
}

/* What goes with the rest of a child whose opt-in lapsed: it is two years old all the same. */
static enum err count_expired(struct purge_job *j, const struct student *s)
{
    struct take t = record_take(&s->generations);
    struct shape_generation_record g;

    while (take_more(&t)) {
        take_generation_record(&t, &g);
        j->step.expired += !t.err && !photo_is_servable(g.taken_on, j->today);
    }
    return take_end(&t);
}

static enum err purge_child(struct vault *v, struct purge_job *j, const unsigned char *sid)
{
    CLEANUP(student) struct student s = {.answer_count = 0};
    enum consent_state state;
    enum err e;

    e = student_load_sid(&s, v, sid);
    if (e == ERR_CORRUPT) { /* the others must go all the same */
        log_error("purge: a child's records do not open and were passed over; see photoctl fsck");
        return OK;
    }
    TRY(e);
    state = student_consent(&s, v, j->today);
    if (state != CONSENT_STATE_IN) {
        TRY(student_expect(&s, j->job.batch));
        TRY(count_expired(j, &s));
        j->step.lapsed++;
        return student_erase(&s, v, j->job.batch,
                             state == CONSENT_STATE_OUT ? "opted-out" : "consent-lapsed");
    }
    return purge_photos(v, j, &s);
}

static void purge_done(struct vault *v, struct job *job);

/* ---- The certificate ---- */

static void purge_free(struct vault *v, struct purge_job *j);

static void certified(struct vault *v, struct job *job)
{
    struct purge_job *j = (struct purge_job *)job;
    struct shape_purged p = {.leaf = job->outcome.first_leaf,
                             .expired = j->all.expired,
                             .lapsed = j->all.lapsed,
                             .replaced = j->all.replaced,
                             .discarded = j->night.discarded,
                             .copies_end_on = copies_end_on(j->today)};
    enum err e = job_result(job);

    if (e) { /* what is not certified is not done */
        log_error("the certificate of the purge could not be committed: %s", err_name(e));
        v->purged_day = 0;
        answer_refused(v, j->to, problem_of(e), NULL, 0);
    } else {
        log_info("purge: %u photos two years old, %u replaced or undone, %u children whose opt-in lapsed, %u "
                 "batches that nobody committed",
                 j->all.expired, j->all.replaced, j->all.lapsed, j->night.discarded);
        answer(v, j->to, MSG_PURGED, &p, NULL, 0);
    }
    purge_free(v, j);
    erasures_finish(v);
    rotation_begin(v);
}

static enum err certify(struct vault *v, struct purge_job *j)
{
    char date[DATE_TEXT];
    struct leaf l;

    date_format(date, copies_end_on(j->today));
    leaf_begin(&l, "purge");
    leaf_number(&l, "expired", j->all.expired);
    leaf_number(&l, "lapsed", j->all.lapsed);
    leaf_number(&l, "replaced", j->all.replaced);
    leaf_number(&l, "discarded", j->night.discarded);
    leaf_text(&l, "copies_end_on", date);
    TRY(leaf_add(&l, v, j->job.batch, NULL));
    v->purged_day = date_to_days(j->today); /* not before: a heartbeat would carry it past a crash */
    TRY(clock_put(v, j->job.batch));
    TRY(reports_forget(v, j->job.batch));
    j->job.done = certified;
    return committer_submit(v->committer, &j->job);
}

static enum err step_children(struct vault *v, struct purge_job *j)
{
    for (j->next = j->at; j->next < j->count && j->next - j->at < CHILDREN_A_STEP; j->next++)
        TRY(purge_child(v, j, j->sids[j->next]));
    if (!j->step.expired && !j->step.lapsed && !j->step.replaced)
        job_clear(&j->job);
    return OK;
}

/* A step that changes nothing is a job without a batch: it lets the doors have their turn. */
static enum err step(struct vault *v, struct purge_job *j)
{
    bool changed = true;

    job_clear(&j->job);
    j->job = (struct job){.lane = LANE_BULK, .vital = true, .done = purge_done};
    j->step = (struct counts){.expired = 0};
    TRY(store_batch_new(&j->job.batch));
    if (j->night.at < j->night.count) {
        TRY(night_step(&j->night, v, j->job.batch, &changed));
        if (!changed)
            job_clear(&j->job);
    } else if (j->at == j->count) {
        return certify(v, j);
    } else {
        TRY(step_children(v, j));
    }
    return committer_submit(v->committer, &j->job);
}

static void purge_free(struct vault *v, struct purge_job *j)
{
    job_clear(&j->job);
    night_clear(&j->night);
    free(j->sids);
    free(j);
    v->purging = false;
    v->undos_waiting = true; /* of batches just thrown away */
    undo_wake(v);
}

/* It is tried again at the next start or by hand; meanwhile nothing expired is served. */
static void give_up(struct vault *v, struct purge_job *j, enum err e)
{
    log_error("the purge stopped: %s; `photoctl purge` tries it again", err_name(e));
    answer_refused(v, j->to, problem_of(e), NULL, 0);
    purge_free(v, j);
}

static void stepped(struct purge_job *j)
{
    if (j->night.at < j->night.count) {
        night_stepped(&j->night);
        return;
    }
    j->all.expired += j->step.expired;
    j->all.lapsed += j->step.lapsed;
    j->all.replaced += j->step.replaced;
    j->at = j->next;
}

static void purge_done(struct vault *v, struct job *job)
{
    struct purge_job *j = (struct purge_job *)job;
    enum err e = job_result(job);

    if (e && job->outcome.result == STORE_CONFLICT && ++j->faults < PURGE_TRIES) {
        e = OK; /* a child or a batch changed meanwhile: the same step again */
    } else if (!e) {
        stepped(j);
        j->faults = 0;
    }
    if (!e)
        e = step(v, j);
    if (e)
        give_up(v, j, e);
}

static void start(struct vault *v, struct asker to)
{
    struct purge_job *j;
    enum err e;

    if (v->purging || v->clock_suspect) {
        answer_refused(v, to, PROBLEM_BUSY,
                       v->purging ? "a purge is under way" : "the clock is suspect: photoctl clock accept",
                       0);
        return;
    }
    j = calloc(1, sizeof *j);
    if (!j) {
        answer_refused(v, to, PROBLEM_BUSY, NULL, 0);
        return;
    }
    v->purging = true;
    j->to = to;
    j->today = law_today(clock_wall_ms());
    tried_day = date_to_days(j->today);
    e = children_list(v, &j->sids, &j->count);
    if (!e)
        e = night_list(&j->night, v);
    if (!e)
        e = step(v, j);
    if (e)
        give_up(v, j, e);
}

void purge_tick(struct vault *v, int64_t wall_ms)
{
    int64_t today = date_to_days(law_today(wall_ms));

    if (!v->purging && !v->clock_suspect && today != v->purged_day && today != tried_day)
        start(v, (struct asker){0, 0});
}

void answer_purge(struct vault *v, struct peer *p, struct message *m)
{
    start(v, asker_of(p, m));
}
