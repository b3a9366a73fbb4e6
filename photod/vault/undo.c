#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/erasure.h"
#include "photod/vault/members.h"
#include "photod/vault/review.h"
#include "photod/vault/spool.h"
#include "photod/vault/student.h"
#include "photod/vault/undo.h"
#include "photod/vault/upload.h"

#define DAY_MS          ((uint64_t)86400000)
#define CHILDREN_A_STEP 32 /* erased in one transaction */

/* ---- Commit and undo ---- */

/* What is not judged yet, or waits for a decision, is dead with its key. */
static enum err drop_upload(struct batch_job *c)
{
    if (c->record.state != BATCH_STAGING && !c->record.review)
        return OK;
    c->record.review = 0;
    return dek_erase(c->job.batch, c->id, BATCH_CHUNKS, ERASED_BATCH);
}

/* *newer: children whose newer photos forbid it; then nothing was submitted. */
static enum err change(struct vault *v, struct batch_job *c, const struct record *read, enum batch_state into,
                       uint32_t *newer)
{
    uint64_t now_ms = (uint64_t)clock_wall_ms();
    struct standing s;

    TRY(members_weigh(&s, v, c->id, &c->record, c->job.batch));
    *newer = into == BATCH_UNDONE ? s.newer : 0;
    if (*newer)
        return OK;
    if (into == BATCH_UNDONE)
        c->record.undone_ms = now_ms;
    else /* after those it replaces, whatever the clock says */
        c->record.committed_ms = now_ms > s.latest_ms ? now_ms : s.latest_ms + 1;
    c->record.photos = s.photos;
    c->record.earlier = into == BATCH_UNDONE && c->record.state != BATCH_COMMITTED ? 0 : s.earlier;
    TRY(drop_upload(c));
    c->record.state = (unsigned char)into;
    TRY(review_end(c->job.batch, c->id, &c->record)); /* nothing waits for a decision any more */
    TRY(record_expect(c->job.batch, KIND_BATCH, c->id, read));
    TRY(batch_put(v, c->job.batch, c->id, &c->record));
    TRY(batch_job_leaf(v, c, into == BATCH_COMMITTED ? "batch-commit" : "batch-undo"));
    return committer_submit(v->committer, &c->job);
}

static void commit_done(struct vault *v, struct job *j)
{
    if (!job_result(j))
        review_ended(v, ((struct batch_job *)j)->id);
    batch_job_done(v, j);
}

static void undo_done(struct vault *v, struct job *j)
{
    commit_done(v, j);
    v->undos_waiting = true;
    undo_wake(v);
}

static void refuse_newer(struct vault *v, struct batch_job *c, uint32_t newer)
{
    char text[200];

    (void)snprintf(text, sizeof text,
                   "%" PRIu32 " of its children have photos of a batch committed later: undo that one first",
                   newer);
    refuse_known(v, c->to, &c->actor, PROBLEM_UNDO_NEWER, text, NULL);
    job_clear(&c->job);
    free(c);
}

static void begin(struct vault *v, const struct batch_asked *a, enum batch_state into)
{
    struct batch_job *c = batch_job_of(v, a);
    enum err e = ERR_NOMEM;
    uint32_t newer = 0;

    if (c) {
        c->job.done = into == BATCH_UNDONE ? undo_done : commit_done;
        e = change(v, c, &a->read, into, &newer);
    }
    if (e)
        batch_job_give_up(v, c, a->to, e);
    else if (newer)
        refuse_newer(v, c, newer);
}

static void answer_again(struct vault *v, const struct batch_asked *a)
{
    struct shape_batch_state s;

    batch_fill_state(&s, a->id, &a->record, a->record.files, 0);
    answer(v, a->to, MSG_BATCH_STATE, &s, NULL, 0);
}

static const char *refusal_of_commit(const struct shape_batch_record *r)
{
    if (r->state == BATCH_CHECKED)
        return ": send it again without dry_run";
    return r->fault[0] ? " and its upload is of no use" : "";
}

void answer_batch_commit(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    const struct shape_batch_record *r = &a.record;

    if (batch_find(v, &a, &m->is.batch_name))
        return;
    if (r->state == BATCH_COMMITTED)
        answer_again(v, &a);
    else if (r->state != BATCH_STAGED || r->fault[0])
        batch_refuse_state(v, &a, refusal_of_commit(r));
    else
        begin(v, &a, BATCH_COMMITTED);
}

/* What is committed stays so for these reasons; "": it may be undone, unless newer photos stand on it. */
static const char *too_late(const struct shape_batch_record *r)
{
    if (r->settled)
        return "a later batch replaced photos of it, and what these had replaced is erased";
    if ((uint64_t)clock_wall_ms() >= r->committed_ms + UNDO_DAYS * DAY_MS)
        return "it was committed 30 days ago or earlier";
    return "";
}

void answer_batch_undo(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    const struct shape_batch_record *r = &a.record;

    if (batch_find(v, &a, &m->is.batch_name))
        return;
    if (r->state == BATCH_UNDONE)
        answer_again(v, &a);
    else if (r->state == BATCH_STAGING && (r->uploaded || upload_into(v, a.id)))
        batch_refuse_state(v, &a, r->uploaded ? ": wait for its report" : ", an upload is under way");
    else if (r->state == BATCH_CHECKED)
        batch_refuse_state(v, &a, " and has stored nothing");
    else if (r->state == BATCH_COMMITTED && too_late(r)[0])
        refuse_known(v, a.to, &a.actor, PROBLEM_UNDO_ENDED, too_late(r), NULL);
    else
        begin(v, &a, BATCH_UNDONE);
}

/* ---- Erasing what an undone batch brought ---- */

/*
 * Its life: one step after the other, each the erasing of some children's
 * photos in one transaction; after the last, `erased` in the batch's record,
 * then the next batch.
 */
struct erase_job {
    struct job job;
    unsigned char id[SUBJECT_BYTES];
    uint32_t step, photos; /* of this step; of those before */
    unsigned tries;
};

struct undone {
    struct vault *vault;
    bool found;
    unsigned char id[SUBJECT_BYTES];
};

static enum err undone_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    struct undone *u = context;
    struct shape_batch_record r;

    if (key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    if (u->found || batch_open(u->vault, key, value, value_len, &r) || r.state != BATCH_UNDONE || r.erased)
        return OK;
    u->found = true;
    memcpy(u->id, key, SUBJECT_BYTES);
    return OK;
}

static const char *undone_reason(void *context, const struct shape_generation_record *g)
{
    return memcmp(g->batch, context, SUBJECT_BYTES) == 0 ? "undone" : NULL;
}

static enum err erase_member(struct vault *v, struct erase_job *j, const struct member *m)
{
    CLEANUP(student) struct student s = {.answer_count = 0};
    unsigned char key[MEMBER_KEY_BYTES];
    uint32_t gone = 0;
    enum err e = student_load_photos(&s, v, m->sid);

    key_of_member(key, j->id, m->sid);
    TRY(store_batch_delete(j->job.batch, KIND_MEMBER, key, sizeof key));
    if (e == ERR_CORRUPT) { /* the list is lost, the photo must go all the same */
        struct shape_generation_record g = {.generation = m->generation};

        log_error("undo: the list of a child's photos does not open; see photoctl fsck");
        memcpy(g.batch, j->id, sizeof g.batch);
        return photo_erase(v, j->job.batch, m->sid, &g, "undone");
    }
    TRY(e);
    TRY(record_expect(j->job.batch, KIND_GENERATION, m->sid, &s.generations));
    return student_erase_photos(&s, v, j->job.batch, undone_reason, j->id, &gone);
}

static enum err mark_erased(struct vault *v, struct erase_job *j)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_batch_record r;

    TRY(batch_load(v, j->id, &r, &read));
    r.erased = 1;
    TRY(record_expect(j->job.batch, KIND_BATCH, j->id, &read));
    return batch_put(v, j->job.batch, j->id, &r);
}

static void erase_done(struct vault *v, struct job *job);

static enum err erase_step(struct vault *v, struct erase_job *j)
{
    CLEANUP(members) struct members m = {.count = 0};

    job_clear(&j->job);
    j->job = (struct job){.lane = LANE_BULK, .done = erase_done};
    TRY(store_batch_new(&j->job.batch));
    TRY(members_list(&m, v, j->id, CHILDREN_A_STEP));
    for (size_t i = 0; i < m.count; i++)
        TRY(erase_member(v, j, &m.list[i]));
    j->step = (uint32_t)m.count;
    if (!j->step)
        TRY(mark_erased(v, j));
    return committer_submit(v->committer, &j->job);
}

/* What could not be erased now is taken up again by the next undo_wake(). */
static void erase_end(struct vault *v, struct erase_job *j, enum err e)
{
    if (e)
        log_error("an undone batch could not be erased: %s; it is tried again", err_name(e));
    else
        log_info("an undone batch is erased: %" PRIu32 " photos", j->photos);
    job_clear(&j->job);
    free(j);
    v->undoing = false;
}

static void erase_done(struct vault *v, struct job *job)
{
    struct erase_job *j = (struct erase_job *)job;
    bool beaten = job->outcome.result == STORE_CONFLICT && ++j->tries < VAULT_TRIES;
    enum err e = job_result(job);

    if (!e) {
        j->tries = 0;
        j->photos += j->step;
        if (!j->step) { /* an upload that was never whole, and the roster that came with it */
            spool_remove(v, j->id);
            batch_roster_remove(v, j->id);
        }
        erasures_finish(v);
    }
    if ((!e && j->step) || beaten) {
        e = erase_step(v, j);
        if (!e)
            return;
    }
    erase_end(v, j, e);
    if (!e)
        undo_wake(v); /* there may be another */
}

void undo_wake(struct vault *v)
{
    struct undone u = {.vault = v};
    struct erase_job *j;
    enum err e;

    if (v->undoing || v->purging || !v->undos_waiting || v->stopping)
        return;
    e = store_walk(v->store, KIND_BATCH, "", 0, undone_visit, &u);
    v->undos_waiting = e || u.found;
    if (e || !u.found)
        return;
    j = calloc(1, sizeof *j);
    if (!j)
        return;
    v->undoing = true;
    memcpy(j->id, u.id, sizeof j->id);
    e = erase_step(v, j);
    if (e)
        erase_end(v, j, e);
}
