#include <stdio.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
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
#include "photod/wire/bulk.h"

#define CHILDREN_A_STEP 256   /* looked at between two looks at the doors */
#define PURGE_TRIES     64    /* an undo under way may come between again and again, but ends */
#define FORECAST_MAX    16384 /* 24 months of more districts than Montana has */

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

/* ---- Listing ---- */

struct sid_list {
    unsigned char (*sids)[SID_BYTES];
    size_t count, max;
};

static enum err sid_visit(void *context, const unsigned char *sid, size_t sid_len, const unsigned char *value,
                          size_t value_len)
{
    struct sid_list *list = context;

    (void)value, (void)value_len;
    if (sid_len != SID_BYTES)
        return ERR_CORRUPT;
    if (list->count < list->max)
        memcpy(list->sids[list->count++], sid, SID_BYTES);
    return OK;
}

static int by_sid(const void *a, const void *b)
{
    return memcmp(a, b, SID_BYTES);
}

/* Everybody with a record or a photo.  The caller frees *out. */
static enum err list_sids(struct vault *v, unsigned char (**out)[SID_BYTES], size_t *count)
{
    CLEANUP(heap) void *memory = NULL;
    struct sid_list list = {.count = 0};
    uint64_t students, photos;
    size_t unique = 0;

    TRY(store_count(v->store, KIND_STUDENT, &students));
    TRY(store_count(v->store, KIND_GENERATION, &photos));
    list.max = (size_t)(students + photos);
    memory = calloc(list.max + 1, SID_BYTES);
    if (!memory)
        return ERR_NOMEM;
    list.sids = memory;
    TRY(store_walk(v->store, KIND_STUDENT, "", 0, sid_visit, &list));
    TRY(store_walk(v->store, KIND_GENERATION, "", 0, sid_visit, &list));
    qsort(list.sids, list.count, SID_BYTES, by_sid);
    for (size_t i = 0; i < list.count; i++)
        if (!unique || memcmp(list.sids[unique - 1], list.sids[i], SID_BYTES) != 0)
            memmove(list.sids[unique++], list.sids[i], SID_BYTES);
    *count = unique;
    *out = TAKE(memory);
    return OK;
}

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

static enum err purge_child(struct vault *v, struct purge_job *j, const unsigned char *sid)
{
    CLEANUP(student) struct student s = {.answer_count = 0};
    enum err e;

    e = student_load_sid(&s, v, sid);
    if (e == ERR_CORRUPT) { /* the others must go all the same */
        log_error("purge: a child's records do not open and were passed over; see photoctl fsck");
        return OK;
    }
    TRY(e);
    if (student_consent(&s, v, j->today) != CONSENT_STATE_IN) {
        TRY(student_expect(&s, j->job.batch));
        j->step.lapsed++;
        return student_erase(&s, v, j->job.batch, "consent-lapsed");
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
    j->job = (struct job){.lane = LANE_BULK, .done = purge_done};
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
    e = list_sids(v, &j->sids, &j->count);
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

/* ---- Forecast ---- */

struct forecast {
    struct vault *vault;
    struct shape_forecast_row rows[FORECAST_MAX];
    size_t count;
};

static struct shape_forecast_row *row_of(struct forecast *f, const char *district, const char *month)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->rows[i].district, district) == 0 && strcmp(f->rows[i].month, month) == 0)
            return &f->rows[i];
    if (f->count == FORECAST_MAX)
        return NULL;
    memcpy(f->rows[f->count].district, district, 5);
    memcpy(f->rows[f->count].month, month, 8);
    return &f->rows[f->count++];
}

static enum err forecast_one(struct forecast *f, const unsigned char *sid, struct date today)
{
    CLEANUP(heap) struct shape_student_record *details = calloc(1, sizeof *details);
    CLEANUP(student) struct student s = {.answer_count = 0};
    struct shape_generation_record g;
    struct shape_forecast_row *row;
    char end[DATE_TEXT], month[8];
    bool expired;

    if (!details)
        return ERR_NOMEM;
    TRY(student_load_sid(&s, f->vault, sid));
    if (student_current(&s, f->vault, today, NULL, &g, &expired) || student_details(&s, details))
        return OK;
    date_format(end, photo_ends_on(g.taken_on));
    (void)snprintf(month, sizeof month, "%.7s", end);
    row = row_of(f, details->district, month);
    if (row)
        row->photos++;
    return row ? OK : ERR_LIMIT;
}

static enum err forecast(struct vault *v, struct buf *table)
{
    CLEANUP(heap) struct forecast *f = calloc(1, sizeof *f);
    CLEANUP(heap) void *memory = NULL;
    unsigned char(*sids)[SID_BYTES];
    struct date today = law_today(clock_wall_ms());
    struct pack p = PACK(table);
    size_t count;

    if (!f)
        return ERR_NOMEM;
    f->vault = v;
    TRY(list_sids(v, &sids, &count));
    memory = sids;
    for (size_t i = 0; i < count; i++)
        TRY(forecast_one(f, sids[i], today));
    for (size_t i = 0; i < f->count; i++)
        pack_forecast_row(&p, &f->rows[i]);
    return pack_end(&p);
}

void answer_forecast(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(buf) struct buf *table = NULL;
    CLEANUP(fd) int fd = -1;
    enum err e = buf_new(&table, 1u << 20);

    if (!e)
        e = forecast(v, table);
    if (!e)
        e = bulk_new(&fd, buf_bytes(table), buf_len(table));
    if (e)
        answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
    else
        answer(v, asker_of(p, m), MSG_FORECAST_IS, NULL, &fd, 1);
}
