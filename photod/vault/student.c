#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/student.h"

static enum err take_answers(struct student *s)
{
    struct take t = record_take(&s->consent);
    struct shape_consent_record r;

    while (take_more(&t)) {
        if (s->answer_count == CONSENT_MAX)
            return ERR_CORRUPT;
        take_consent_record(&t, &r);
        s->answers[s->answer_count++] =
            (struct consent_entry){.answer = (enum consent_answer)r.answer, .on = r.on, .filed = r.filed};
        memcpy(s->answers[s->answer_count - 1].district, r.district, sizeof r.district);
    }
    return take_end(&t) ? ERR_CORRUPT : OK;
}

enum err student_load(struct student *out, struct vault *v, const char *state_id)
{
    CLEANUP(dek) struct dek *d = NULL;
    enum err e;

    *out = (struct student){.answer_count = 0};
    keys_sid(out->sid, v->keys, state_id);
    TRY(record_get(v, KIND_CONSENT, SEAL_CONSENT, out->sid, NULL, &out->consent));
    TRY(take_answers(out));
    TRY(record_get(v, KIND_GENERATION, SEAL_GENERATION, out->sid, NULL, &out->generations));
    e = dek_load(v, out->sid, 0, &d);
    if (e == ERR_NOTFOUND)
        return OK;
    TRY(e);
    return record_get(v, KIND_STUDENT, SEAL_STUDENT, out->sid, d, &out->details);
}

void student_clear(struct student *s)
{
    record_clear(&s->consent);
    record_clear(&s->generations);
    record_clear(&s->details);
}

enum consent_state student_consent(const struct student *s, const struct vault *v, struct date today)
{
    return consent_state(s->answers, s->answer_count, v->policy, today);
}

enum err student_details(const struct student *s, struct shape_student_record *out)
{
    struct take t = record_take(&s->details);

    if (!record_is_there(&s->details))
        return ERR_NOTFOUND;
    take_student_record(&t, out);
    return take_end(&t) ? ERR_CORRUPT : OK;
}

static bool batch_is_committed(struct vault *v, const unsigned char *id, struct record *out)
{
    struct shape_batch_record r;
    struct take t;

    if (record_get(v, KIND_BATCH, SEAL_BATCH, id, NULL, out) || !record_is_there(out))
        return false;
    t = record_take(out);
    take_batch_record(&t, &r);
    return !take_end(&t) && r.state == BATCH_COMMITTED;
}

enum err student_current(const struct student *s, struct vault *v, struct date today,
                         struct shape_generation_record *out, struct record *batch, bool *expired)
{
    struct take t = record_take(&s->generations);
    struct shape_generation_record g, best = {.generation = 0};

    *expired = false;
    while (take_more(&t)) {
        CLEANUP(record) struct record r = RECORD_NONE;

        take_generation_record(&t, &g);
        if (date_compare(g.taken_on, best.taken_on) < 0 || !batch_is_committed(v, g.batch, &r))
            continue;
        if (!photo_is_servable(g.taken_on, today)) {
            *expired = true;
            continue;
        }
        best = g;
        record_clear(batch);
        *batch = r;
        r = RECORD_NONE;
    }
    if (t.err)
        return ERR_CORRUPT;
    if (!best.generation)
        return ERR_NOTFOUND;
    *out = best;
    return OK;
}

static bool ever_in(const struct student *s)
{
    for (size_t i = 0; i < s->answer_count; i++)
        if (s->answers[i].answer == CONSENT_IN)
            return true;
    return false;
}

enum none_reason student_reason(const struct student *s, enum consent_state state, bool expired)
{
    switch (state) {
    case CONSENT_STATE_NONE:
        return s->answer_count ? NONE_NOT_OPTED_IN : NONE_NOT_ON_ROSTER;
    case CONSENT_STATE_LAPSED:
        return NONE_CONSENT_LAPSED;
    case CONSENT_STATE_OUT:
        return ever_in(s) ? NONE_WITHDRAWN : NONE_NOT_OPTED_IN;
    case CONSENT_STATE_IN:
        break;
    }
    return expired ? NONE_EXPIRED : NONE_NO_PHOTO;
}

enum err student_expect(const struct student *s, struct store_batch *b)
{
    TRY(record_expect(b, KIND_CONSENT, s->sid, &s->consent));
    TRY(record_expect(b, KIND_GENERATION, s->sid, &s->generations));
    return record_expect(b, KIND_STUDENT, s->sid, &s->details);
}

/* ---- Erasing ---- */

static enum err delete_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    (void)value, (void)value_len;
    return store_batch_delete(context, KIND_KEY, key, key_len);
}

static enum err delete_generations(const struct student *s, struct store_batch *b)
{
    struct take t = record_take(&s->generations);
    unsigned char key[RENDITION_KEY_BYTES];
    struct shape_generation_record g;

    while (take_more(&t)) {
        take_generation_record(&t, &g);
        for (unsigned r = 0; r < 3; r++) {
            key_of_rendition(key, s->sid, g.generation, r);
            TRY(store_batch_delete(b, KIND_RENDITION, key, sizeof key));
        }
    }
    return take_end(&t) ? ERR_CORRUPT : OK;
}

enum err student_erase(const struct student *s, struct vault *v, struct store_batch *b, const char *reason)
{
    struct leaf l;

    leaf_begin(&l, "erase-intent");
    leaf_commit(&l, v, "child", s->sid, sizeof s->sid);
    leaf_text(&l, "reason", reason);
    TRY(leaf_add(&l, v, b, NULL));
    TRY(store_batch_put(b, KIND_ERASURE, s->sid, sizeof s->sid, "", 0));
    TRY(store_batch_delete(b, KIND_STUDENT, s->sid, sizeof s->sid));
    TRY(store_batch_delete(b, KIND_GENERATION, s->sid, sizeof s->sid));
    TRY(delete_generations(s, b));
    return store_walk(v->store, KIND_KEY, s->sid, sizeof s->sid, delete_visit, b);
}

#define ERASURES_AT_ONCE 512

struct open_erasures {
    unsigned char sids[ERASURES_AT_ONCE][SID_BYTES];
    size_t count;
};

static enum err collect_visit(void *context, const unsigned char *key, size_t key_len,
                              const unsigned char *value, size_t value_len)
{
    struct open_erasures *o = context;

    (void)value, (void)value_len;
    if (o->count < ERASURES_AT_ONCE && key_len == SID_BYTES)
        memcpy(o->sids[o->count++], key, SID_BYTES);
    return OK;
}

struct finish_job {
    struct job job;
    bool more;
};

static void finish_done(struct vault *v, struct job *j)
{
    bool more = ((struct finish_job *)j)->more;
    enum err e = job_result(j);

    job_clear(j);
    free(j);
    if (e)
        log_error("open erasures could not be finished: %s; they are tried again at the next start",
                  err_name(e));
    else if (more)
        erasures_finish(v);
}

static enum err finish_batch(struct vault *v, struct store_batch *b, const struct open_erasures *open)
{
    for (size_t i = 0; i < open->count; i++) {
        struct leaf l;

        leaf_begin(&l, "erase-done");
        leaf_commit(&l, v, "child", open->sids[i], SID_BYTES);
        TRY(leaf_add(&l, v, b, NULL));
        TRY(store_walk(v->store, KIND_KEY, open->sids[i], SID_BYTES, delete_visit, b));
        TRY(store_batch_delete(b, KIND_ERASURE, open->sids[i], SID_BYTES));
    }
    return OK;
}

void erasures_finish(struct vault *v)
{
    CLEANUP(heap) struct open_erasures *open = calloc(1, sizeof *open);
    struct finish_job *f = calloc(1, sizeof *f);
    enum err e = open && f ? OK : ERR_NOMEM;

    if (!e)
        e = store_walk(v->store, KIND_ERASURE, "", 0, collect_visit, open);
    if (!e && open->count) {
        f->job.lane = LANE_BULK;
        f->job.done = finish_done;
        f->more = open->count == ERASURES_AT_ONCE;
        e = store_batch_new(&f->job.batch);
        if (!e)
            e = finish_batch(v, f->job.batch, open);
        if (!e)
            e = committer_submit(v->committer, &f->job);
        if (!e)
            return;
        log_error("open erasures could not be finished: %s; they are tried again at the next start",
                  err_name(e));
    }
    if (f)
        job_clear(&f->job);
    free(f);
}
