#include <stdio.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "lawapi/names.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/auth.h"
#include "photod/vault/erasure.h"
#include "photod/vault/student.h"
#include "photod/vault/withdraw.h"

struct date copies_end_on(struct date erased_on)
{
    return date_from_days(date_to_days(erased_on) + COPIES_LIVE_DAYS);
}

struct withdraw_job {
    struct job job;
    struct asker to;
    struct actor actor;
    struct shape_withdraw ask;
    struct date today;
    uint32_t photos;
    unsigned tries;
};

static void withdraw_free(struct withdraw_job *w)
{
    job_clear(&w->job);
    explicit_bzero(w, sizeof *w);
    free(w);
}

static uint32_t count_photos(const struct student *s)
{
    struct take t = record_take(&s->generations);
    struct shape_generation_record g;
    uint32_t n = 0;

    for (; take_more(&t); n++)
        take_generation_record(&t, &g);
    return n;
}

/* What stands behind the leaf: who said it, and why. */
static enum err make_detail(const struct withdraw_job *w, struct buf **out)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct shape_withdraw_detail d = {.reason = ""};
    struct pack p;

    TRY(buf_new(&b, 4096));
    memcpy(d.district, w->actor.district, sizeof d.district);
    memcpy(d.label, w->actor.label, sizeof d.label);
    memcpy(d.source, w->ask.source, sizeof d.source);
    memcpy(d.reason, w->ask.reason, sizeof d.reason);
    p = PACK(b);
    pack_withdraw_detail(&p, &d);
    TRY(pack_end(&p));
    *out = TAKE(b);
    return OK;
}

static void withdraw_done(struct vault *v, struct job *j);

/* OUT joins the history, so that the child stays out; everything else goes. */
static enum err decide(struct vault *v, struct withdraw_job *w)
{
    CLEANUP(student) struct student s = {.answer_count = 0};
    CLEANUP(buf) struct buf *detail = NULL;
    struct consent_entry out = {.answer = CONSENT_OUT, .on = w->today, .filed = w->today};
    struct leaf l;

    job_clear(&w->job);
    TRY(student_load(&s, v, w->ask.state_id));
    if (!student_is_of(&s, w->actor.district))
        return ERR_NOTFOUND;
    w->photos = count_photos(&s);
    memcpy(out.district, w->actor.district, sizeof out.district);
    TRY(store_batch_new(&w->job.batch));
    TRY(student_expect(&s, w->job.batch));
    leaf_begin(&l, "withdrawal");
    leaf_actor(&l, v, &w->actor);
    leaf_commit(&l, v, "child", s.sid, sizeof s.sid);
    TRY(make_detail(w, &detail));
    TRY(leaf_add(&l, v, w->job.batch, detail));
    TRY(student_add_answer(&s, v, w->job.batch, &out));
    TRY(student_erase(&s, v, w->job.batch, "withdrawn"));
    w->job.lane = LANE_LAW; /* unservable within a minute, whatever is being uploaded */
    w->job.done = withdraw_done;
    return committer_submit(v->committer, &w->job);
}

static void refuse(struct vault *v, struct withdraw_job *w, enum err e)
{
    if (e == ERR_NOTFOUND) {
        refuse_known(v, w->to, &w->actor, PROBLEM_CHILD_UNKNOWN, NULL, NULL);
    } else {
        log_error("a withdrawal could not be done: %s", err_name(e));
        answer_refused(v, w->to, problem_of(e), NULL, 0);
    }
    withdraw_free(w);
}

static void withdraw_done(struct vault *v, struct job *j)
{
    struct withdraw_job *w = (struct withdraw_job *)j;
    struct shape_withdrawn answered = {
        .leaf = j->outcome.first_leaf, .photos = w->photos, .copies_end_on = copies_end_on(w->today)};
    enum err e = job_result(j);

    if (j->outcome.result == STORE_CONFLICT && ++w->tries < VAULT_TRIES) {
        e = decide(v, w);
        if (!e)
            return;
    }
    if (e) {
        refuse(v, w, e);
        return;
    }
    answer(v, w->to, MSG_WITHDRAWN, &answered, NULL, 0);
    withdraw_free(w);
    erasures_finish(v);
}

void answer_withdraw(struct vault *v, struct peer *p, struct message *m)
{
    struct withdraw_job *w = calloc(1, sizeof *w);
    struct asker to = asker_of(p, m);
    enum err e;

    if (!w) {
        answer_refused(v, to, PROBLEM_BUSY, NULL, 0);
        return;
    }
    w->to = to;
    w->ask = m->is.withdraw;
    w->today = law_today(clock_wall_ms());
    if (auth_key(v, to, w->ask.key, w->ask.district, w->ask.source, &w->actor)) {
        withdraw_free(w);
        return;
    }
    if (!is_state_id(w->ask.state_id) || !w->ask.reason[0]) {
        refuse_known(v, to, &w->actor, PROBLEM_BAD_PARAMETER, "send state_id (nine digits) and reason", NULL);
        withdraw_free(w);
        return;
    }
    e = decide(v, w);
    if (e)
        refuse(v, w, e);
}

/* ---- What is left of one child ---- */

static enum err count_visit(void *context, const unsigned char *key, size_t key_len,
                            const unsigned char *value, size_t value_len)
{
    (void)key, (void)key_len, (void)value, (void)value_len;
    ++*(uint32_t *)context;
    return OK;
}

static enum err read_erased(struct vault *v, const unsigned char *sid, struct date *on)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_erasure_record r;
    unsigned char id[SID_BYTES];
    struct take t;

    keys_index(id, v->keys, INDEX_ERASED, sid, SID_BYTES);
    TRY(record_get(v, KIND_META, SEAL_META, id, NULL, &read));
    if (!record_is_there(&read))
        return OK;
    t = record_take(&read);
    take_erasure_record(&t, &r);
    TRY(take_end(&t));
    *on = law_today((int64_t)r.at_ms);
    return OK;
}

static enum err look(struct vault *v, const char *state_id, struct shape_erasure_state *out)
{
    CLEANUP(student) struct student s = {.answer_count = 0};
    uint32_t open = 0;

    TRY(student_load(&s, v, state_id));
    out->answers = (uint32_t)s.answer_count;
    out->record = record_is_there(&s.details);
    out->photos = count_photos(&s);
    TRY(store_walk(v->store, KIND_KEY, s.sid, sizeof s.sid, count_visit, &out->deks));
    TRY(store_walk(v->store, KIND_ERASURE, s.sid, sizeof s.sid, count_visit, &open));
    out->open = open != 0;
    TRY(read_erased(v, s.sid, &out->erased_on));
    if (date_is_set(out->erased_on))
        out->copies_end_on = copies_end_on(out->erased_on);
    return OK;
}

void answer_erasure(struct vault *v, struct peer *p, struct message *m)
{
    struct shape_erasure_state s = {.answers = 0};
    enum err e = is_state_id(m->is.erasure.state_id) ? look(v, m->is.erasure.state_id, &s) : ERR_MALFORMED;

    if (e == ERR_MALFORMED)
        answer_refused(v, asker_of(p, m), PROBLEM_BAD_PARAMETER, "a State ID is nine digits", 0);
    else if (e)
        answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
    else
        answer(v, asker_of(p, m), MSG_ERASURE_IS, &s, NULL, 0);
}
