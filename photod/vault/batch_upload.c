#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/auth.h"
#include "photod/vault/batch.h"
#include "photod/vault/batch_upload.h"
#include "photod/vault/staging.h"

#define DAY_MS INT64_C(86400000)

/* From then on the night may throw it away. */
static int64_t until_ms(const struct shape_batch_record *r)
{
    return (int64_t)r->created_ms + BATCH_OPEN_DAYS * DAY_MS;
}

/* The record as the job has it, if it still is as it was read. */
static enum err put_record(struct vault *v, struct batch_job *c, const struct record *read)
{
    TRY(record_expect(c->job.batch, KIND_BATCH, c->id, read));
    return batch_put(v, c->job.batch, c->id, &c->record);
}

/* ---- What may be asked of a batch that waits for its upload ---- */

static struct shape_batch_name name_of(const char *key, const char *source, const char *district,
                                       const char *batch)
{
    struct shape_batch_name n = {.key = ""};

    (void)snprintf(n.key, sizeof n.key, "%s", key);
    (void)snprintf(n.source, sizeof n.source, "%s", source);
    (void)snprintf(n.district, sizeof n.district, "%s", district);
    (void)snprintf(n.batch, sizeof n.batch, "%s", batch);
    return n;
}

/* False: the answer was sent. */
static bool is_waiting(struct vault *v, const struct batch_asked *a)
{
    const struct shape_batch_record *r = &a->record;

    if (r->uploaded)
        batch_refuse_state(v, a, " and has its upload");
    else if (r->state != BATCH_STAGING || clock_wall_ms() >= until_ms(r))
        refuse_known(v, a->to, &a->actor, PROBLEM_UPLOAD_EXPIRED, NULL, NULL);
    else
        return true;
    return false;
}

/* The same. */
static bool find_waiting(struct vault *v, struct batch_asked *a, const struct shape_batch_name *name)
{
    return !batch_find(v, a, name) && is_waiting(v, a);
}

/* ---- Questions that wait for the committing thread ---- */

#define WAITS_MAX 64

typedef void upload_answer(struct vault *v, struct peer *p, struct message *m);

struct upload_wait {
    struct upload_wait *next;
    struct asker to;
    upload_answer *again;
    struct message question;
};

/* Whether it does, or was refused because too many do. */
static bool must_wait(struct vault *v, const struct batch_asked *a, const struct message *m,
                      upload_answer *again)
{
    const struct upload *other = upload_into(v, a->id);
    struct upload_wait **end = &v->upload_waits, *w;
    unsigned count = 0;

    if (!other || !other->writing)
        return false;
    for (; *end; end = &(*end)->next)
        count++;
    w = count < WAITS_MAX ? calloc(1, sizeof *w) : NULL;
    if (w)
        *w = (struct upload_wait){.to = a->to, .again = again, .question = *m};
    else
        answer_refused(v, a->to, PROBLEM_UPLOAD_LOCKED, NULL, 0);
    *end = w;
    return true;
}

void batch_upload_settled(struct vault *v)
{
    struct upload_wait *w = v->upload_waits, *next;

    v->upload_waits = NULL;
    for (; w; w = next) {
        struct peer *p = peer_find(v, w->to);

        next = w->next;
        if (p)
            w->again(v, p, &w->question); /* which may wait again */
        explicit_bzero(w, sizeof *w);
        free(w);
    }
}

/* ---- Where it stands ---- */

/* How much is durable. */
static enum err stands_at(struct vault *v, const struct batch_asked *a, uint64_t *offset)
{
    const struct upload *u = upload_into(v, a->id);
    CLEANUP(dek) struct dek *d = NULL;

    if (u) {
        *offset = u->offset;
        return OK;
    }
    TRY(dek_load(v, a->id, BATCH_CHUNKS, &d));
    *offset = spool_measure(v, a->id, d, a->record.bytes);
    return OK;
}

/* Whoever was at it before is ended. */
static enum err open_at(struct vault *v, const struct peer *p, const struct batch_asked *a, uint64_t offset,
                        uint64_t length, struct upload **u)
{
    struct upload_plan plan = {.spool_id = a->id, .offset = offset, .length = length};
    struct upload *other = upload_into(v, a->id);
    struct dek *d = NULL;

    if (other)
        upload_end(v, other);
    TRY(dek_load(v, a->id, BATCH_CHUNKS, &d));
    return upload_open(v, p, &a->actor, &plan, d, u);
}

static void refuse_machine(struct vault *v, struct asker to, enum err e)
{
    log_error("an upload could not be opened: %s", err_name(e));
    answer_refused(v, to, problem_of(e), NULL, 0);
}

/* ---- Begin ---- */

static enum err empty_spool(struct job *j)
{
    struct batch_job *c = (struct batch_job *)j;

    return spool_restart(c->vault, c->id);
}

static void created_done(struct vault *v, struct job *j)
{
    struct batch_job *c = (struct batch_job *)j;
    struct upload *u = c->upload;

    u->writing = false;
    if (job_result(j) || u->ended) {
        upload_end(v, u);
        batch_job_done(v, j);
    } else {
        upload_ready(v, c->to, u, (uint64_t)until_ms(&c->record));
        job_clear(j);
        free(c);
    }
    batch_upload_settled(v);
}

static enum err create(struct vault *v, const struct batch_asked *a, struct batch_job *c, struct upload *u)
{
    c->upload = u;
    c->record.bytes = u->length;
    c->job.work = empty_spool;
    c->job.done = created_done;
    TRY(put_record(v, c, &a->read));
    return committer_submit(v->committer, &c->job);
}

void answer_upload_create(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_upload_create *ask = &m->is.upload_create;
    const struct shape_batch_name name = name_of(ask->key, ask->source, ask->district, ask->batch);
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    enum problem problem = PROBLEM_NONE;
    struct batch_job *c;
    struct upload *u;
    enum err e;

    if (!find_waiting(v, &a, &name))
        return;
    if (!ask->length)
        problem = PROBLEM_UPLOAD_INCOMPLETE;
    else if (ask->length > v->config.upload_max_mib << 20)
        problem = PROBLEM_BODY_TOO_LARGE;
    else if (!spool_has_room(v))
        problem = PROBLEM_STORAGE_FULL;
    if (problem) {
        refuse_known(v, a.to, &a.actor, problem, NULL, NULL);
        return;
    }
    if (must_wait(v, &a, m, answer_upload_create))
        return;
    e = open_at(v, p, &a, 0, ask->length, &u);
    if (e) {
        refuse_machine(v, a.to, e);
        return;
    }
    c = batch_job_of(v, &a);
    e = c ? create(v, &a, c, u) : ERR_NOMEM;
    u->writing = !e;
    if (e) {
        upload_end(v, u);
        batch_job_give_up(v, c, a.to, e);
    }
}

/* ---- Go on ---- */

static enum problem judge_resume(struct vault *v, const struct shape_batch_record *r,
                                 const struct shape_upload_resume *ask)
{
    if (!r->bytes)
        return PROBLEM_UPLOAD_UNKNOWN;
    if (ask->offset > r->bytes || ask->bytes > r->bytes - ask->offset)
        return PROBLEM_BODY_TOO_LARGE;
    return spool_has_room(v) ? PROBLEM_NONE : PROBLEM_STORAGE_FULL;
}

static void refuse_offset(struct vault *v, const struct batch_asked *a, uint64_t offset)
{
    char text[80];

    (void)snprintf(text, sizeof text, "it stands at %llu", (unsigned long long)offset);
    answer_refused(v, a->to, PROBLEM_UPLOAD_OFFSET, text, 0);
}

void answer_upload_resume(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_upload_resume *ask = &m->is.upload_resume;
    const struct shape_batch_name name = name_of(ask->key, ask->source, ask->district, ask->batch);
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    struct upload *u;
    enum problem problem;
    uint64_t offset;
    enum err e;

    if (!find_waiting(v, &a, &name))
        return;
    problem = judge_resume(v, &a.record, ask);
    if (problem) {
        refuse_known(v, a.to, &a.actor, problem, NULL, NULL);
        return;
    }
    if (must_wait(v, &a, m, answer_upload_resume))
        return;
    e = stands_at(v, &a, &offset);
    if (!e && offset != ask->offset) {
        refuse_offset(v, &a, offset);
        return;
    }
    if (!e)
        e = open_at(v, p, &a, offset, a.record.bytes, &u);
    if (e)
        refuse_machine(v, a.to, e);
    else
        upload_ready(v, a.to, u, (uint64_t)until_ms(&a.record));
}

/* ---- Look ---- */

void answer_upload_get(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    struct shape_upload_state s;
    enum err e = OK;

    if (batch_find(v, &a, &m->is.batch_name))
        return;
    s = (struct shape_upload_state){
        .offset = a.record.bytes, .length = a.record.bytes, .until_ms = (uint64_t)until_ms(&a.record)};
    if (!a.record.uploaded && !is_waiting(v, &a))
        return;
    if (!s.length) {
        refuse_known(v, a.to, &a.actor, PROBLEM_UPLOAD_UNKNOWN, NULL, NULL);
        return;
    }
    if (!a.record.uploaded && must_wait(v, &a, m, answer_upload_get))
        return;
    if (!a.record.uploaded)
        e = stands_at(v, &a, &s.offset);
    if (e)
        refuse_machine(v, a.to, e);
    else
        answer(v, a.to, MSG_UPLOAD_IS, &s, NULL, 0);
}

/* ---- Whole ---- */

/* If it could not be committed, its last byte is sent again: spool_measure(). */
static void uploaded_done(struct vault *v, struct job *j)
{
    struct batch_job *c = (struct batch_job *)j;

    upload_forget(v, c->upload);
    if (!job_result(j)) {
        v->batches_waiting = true;
        staging_wake(v);
    }
    batch_job_done(v, j);
    batch_upload_settled(v);
}

static enum err uploaded(struct vault *v, struct batch_job *c, struct upload *u)
{
    CLEANUP(record) struct record read = RECORD_NONE;

    memcpy(c->id, u->spool_id, sizeof c->id);
    c->upload = u;
    TRY(batch_load(v, c->id, &c->record, &read));
    c->record.uploaded = 1;
    TRY(put_record(v, c, &read));
    TRY(batch_job_leaf(v, c, "batch-upload"));
    c->job.done = uploaded_done;
    return committer_submit(v->committer, &c->job);
}

void batch_uploaded(struct vault *v, struct asker to, struct upload *u)
{
    struct batch_job *c = batch_job_new(v, to, &u->actor);
    enum err e = c ? uploaded(v, c, u) : ERR_NOMEM;

    u->writing = !e; /* nobody may take it over now */
    if (e) {
        upload_end(v, u);
        batch_job_give_up(v, c, to, e);
    }
}
