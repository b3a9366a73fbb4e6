#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "lawapi/case.h"
#include "lawapi/expiry.h"
#include "lawapi/names.h"
#include "lawapi/rendition.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/auth.h"
#include "photod/vault/lookup.h"
#include "photod/vault/student.h"
#include "photod/wire/bulk.h"

#define COMMIT_DEADLINE_MS 1000

struct lookup {
    struct job job; /* first: a job of this kind is a lookup */
    struct lookup *next;
    struct asker to; /* peer 0: already refused by the deadline */
    int64_t asked_ms;
    unsigned tries;

    struct shape_lookup ask;
    struct actor actor;
    struct law_case law_case;
    enum rendition rendition;
    unsigned char case_id[SID_BYTES];

    /* The decision. */
    struct leaf leaf;
    unsigned char salt[32];
    struct date today; /* on which it was decided */
    int photo_fd;      /* -1: none */
    enum none_reason reason;
    struct shape_released released;
};

static void lookup_free(struct vault *v, struct lookup *l)
{
    for (struct lookup **at = &v->lookups; *at; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            break;
        }
    job_clear(&l->job);
    if (l->photo_fd >= 0)
        (void)close(l->photo_fd);
    explicit_bzero(l, sizeof *l);
    free(l);
}

/* ---- Is the question one that the law allows? ---- */

static enum problem judge_case(struct lookup *l, int64_t now_ms)
{
    const struct shape_lookup *a = &l->ask;

    if (!a->oca[0] && !a->reported_at[0] && !a->basis[0])
        return PROBLEM_CASE_REQUIRED;
    if (!is_oca(a->oca) || text_copy(l->law_case.oca, sizeof l->law_case.oca, a->oca))
        return a->oca[0] ? PROBLEM_CASE_OCA_MALFORMED : PROBLEM_CASE_REQUIRED;
    if (case_parse_time(&l->law_case.reported_ms, a->reported_at, now_ms))
        return a->reported_at[0] ? PROBLEM_CASE_TIME_MALFORMED : PROBLEM_CASE_REQUIRED;
    if (!case_basis_is_known(a->basis))
        return a->basis[0] ? PROBLEM_CASE_BASIS_UNKNOWN : PROBLEM_CASE_REQUIRED;
    if (!is_operator(a->operator))
        return PROBLEM_OPERATOR_REQUIRED;
    if (!is_state_id(a->state_id))
        return PROBLEM_CHILD_REQUIRED;
    l->rendition = a->rendition[0] ? rendition_from_name(a->rendition) : RENDITION_STANDARD;
    return l->rendition < RENDITION_COUNT ? PROBLEM_NONE : PROBLEM_RENDITION_UNKNOWN;
}

static enum err make_detail(const struct lookup *l, struct buf **out)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct shape_release_detail d = {.ori = ""};
    struct pack p;

    TRY(buf_new(&b, 4096));
    p = PACK(b);
    memcpy(d.ori, l->actor.ori, sizeof d.ori);
    memcpy(d.oca, l->ask.oca, sizeof d.oca);
    memcpy(d.reported_at, l->ask.reported_at, sizeof d.reported_at);
    memcpy(d.basis, l->ask.basis, sizeof d.basis);
    memcpy(d.operator, l->ask.operator, sizeof d.operator);
    memcpy(d.state_id, l->ask.state_id, sizeof d.state_id);
    memcpy(d.source, l->ask.source, sizeof d.source);
    memcpy(d.idempotency_key, l->ask.idempotency_key, sizeof d.idempotency_key);
    pack_release_detail(&p, &d);
    TRY(pack_end(&p));
    *out = TAKE(b);
    return OK;
}

/* ---- The decision ---- */

/* Opens the picture into a sealed memfd that waits for the commit; its SHA-256 goes, salted, into the leaf.
 */
static enum err open_photo(struct vault *v, struct lookup *l, const struct student *s, uint64_t generation,
                           unsigned char digest[static 32])
{
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(buf) struct buf *sealed = NULL;
    CLEANUP(buf) struct buf *plain = NULL;
    unsigned char key[RENDITION_KEY_BYTES];
    struct binding b = binding_of(SEAL_RENDITION, s->sid, generation);

    b.rendition = (unsigned char)l->rendition;
    key_of_rendition(key, s->sid, generation, l->rendition);
    TRY(buf_new(&sealed, STORE_VALUE_MAX));
    TRY(buf_new(&plain, STORE_VALUE_MAX));
    TRY(store_get(v->store, KIND_RENDITION, key, sizeof key, sealed));
    TRY(dek_load(v, s->sid, generation, &d));
    TRY(envelope_open(plain, d, &b, buf_bytes(sealed), buf_len(sealed)));
    if (buf_len(plain) <= 32)
        return ERR_CORRUPT;
    memcpy(digest, buf_bytes(plain), 32); /* the picture's SHA-256 is kept before it, under the same tag */
    return bulk_new(&l->photo_fd, buf_bytes(plain) + 32, buf_len(plain) - 32);
}

static void commit_to_photo(struct lookup *l, const unsigned char digest[static 32])
{
    unsigned char commitment[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state h;

    randombytes_buf(l->salt, sizeof l->salt);
    (void)crypto_hash_sha256_init(&h);
    (void)crypto_hash_sha256_update(&h, l->salt, sizeof l->salt);
    (void)crypto_hash_sha256_update(&h, digest, 32);
    (void)crypto_hash_sha256_final(&h, commitment);
    leaf_hex(&l->leaf, "photo", commitment, sizeof commitment);
}

static enum err fill_released(struct lookup *l, const struct student *s,
                              const struct shape_generation_record *g, struct date today)
{
    CLEANUP(heap) struct shape_student_record *r = calloc(1, sizeof *r);
    struct shape_released *out = &l->released;

    if (!r)
        return ERR_NOMEM;
    TRY(student_details(s, r));
    memcpy(out->last, r->last, sizeof out->last);
    memcpy(out->first, r->first, sizeof out->first);
    memcpy(out->middle, r->middle, sizeof out->middle);
    out->born = r->born;
    memcpy(out->district, r->district, sizeof out->district);
    memcpy(out->school, r->school, sizeof out->school);
    memcpy(out->grade, r->grade, sizeof out->grade);
    out->taken_on = g->taken_on;
    out->age_days = photo_age_days(g->taken_on, today);
    (void)snprintf(out->rendition, sizeof out->rendition, "%s", rendition_shape(l->rendition)->name);
    explicit_bzero(r, sizeof *r);
    return OK;
}

/* Finds the photo, or the reason why there is none; writes the leaf and what the decision rests on. */
static enum err decide_photo(struct vault *v, struct lookup *l, struct store_batch *b)
{
    CLEANUP(student) struct student s = {.answer_count = 0};
    struct shape_generation_record g = {.generation = 0};
    struct date today = l->today = law_today(clock_wall_ms());
    enum consent_state state;
    unsigned char digest[32];
    bool expired = false;
    enum err e = ERR_NOTFOUND;

    TRY(student_load(&s, v, l->ask.state_id));
    TRY(student_expect(&s, b));
    state = student_consent(&s, v, today);
    if (state == CONSENT_STATE_IN)
        e = student_current(&s, v, today, b, &g, &expired);
    if (e && e != ERR_NOTFOUND)
        return e;
    leaf_begin(&l->leaf, e ? "none" : "release");
    leaf_actor(&l->leaf, v, &l->actor);
    leaf_commit(&l->leaf, v, "case", l->case_id, sizeof l->case_id);
    leaf_commit(&l->leaf, v, "child", s.sid, sizeof s.sid);
    if (e) {
        l->reason = student_reason(&s, state, expired);
        leaf_text(&l->leaf, "reason", none_code(l->reason));
        return OK;
    }
    leaf_number(&l->leaf, "generation", g.generation);
    leaf_text(&l->leaf, "rendition", rendition_shape(l->rendition)->name);
    TRY(open_photo(v, l, &s, g.generation, digest));
    commit_to_photo(l, digest);
    return fill_released(l, &s, &g, today);
}

/* (ORI, OCA) is the case: the first lookup opens it, later ones join. */
static enum err join_case(struct vault *v, struct lookup *l, struct store_batch *b)
{
    CLEANUP(record) struct record old = RECORD_NONE;
    CLEANUP(buf) struct buf *plain = NULL;
    struct shape_case_record c = {.opened_ms = (uint64_t)clock_wall_ms()};
    struct take t;
    struct pack p;

    TRY(record_get(v, KIND_CASE, SEAL_CASE, l->case_id, NULL, &old));
    if (record_is_there(&old)) {
        t = record_take(&old);
        take_case_record(&t, &c);
        TRY(take_end(&t));
    }
    memcpy(c.ori, l->actor.ori, sizeof c.ori);
    memcpy(c.oca, l->law_case.oca, sizeof c.oca);
    if (record_is_there(&old) && c.reported_ms <= (uint64_t)l->law_case.reported_ms)
        return OK; /* so that lookups of one case do not get into each other's way */
    c.reported_ms = (uint64_t)l->law_case.reported_ms; /* the earliest report starts the two hours */
    TRY(buf_new(&plain, 4096));
    p = PACK(plain);
    pack_case_record(&p, &c);
    TRY(pack_end(&p));
    TRY(record_expect(b, KIND_CASE, l->case_id, &old));
    return record_put(v, b, KIND_CASE, SEAL_CASE, l->case_id, NULL, plain);
}

static void lookup_done(struct vault *v, struct job *j);

/* To an officer a full disk is no different from a dead one. */
static enum problem problem_of_law(enum err e)
{
    return e == ERR_FULL ? PROBLEM_UNAVAILABLE : problem_of(e);
}

static enum err decide(struct vault *v, struct lookup *l)
{
    CLEANUP(buf) struct buf *detail = NULL;

    job_clear(&l->job);
    if (l->photo_fd >= 0)
        (void)close(l->photo_fd);
    l->photo_fd = -1;
    TRY(store_batch_new(&l->job.batch));
    TRY(decide_photo(v, l, l->job.batch));
    TRY(join_case(v, l, l->job.batch));
    TRY(make_detail(l, &detail));
    TRY(leaf_add(&l->leaf, v, l->job.batch, detail));
    l->job.lane = LANE_LAW;
    l->job.done = lookup_done;
    l->job.wants_proof = l->photo_fd >= 0;
    return committer_submit(v->committer, &l->job);
}

/* ---- The answer ---- */

static enum err answer_released(struct vault *v, struct lookup *l)
{
    if (!l->job.proof || !l->job.checkpoint)
        return ERR_IO;
    l->released.leaf = l->job.outcome.first_leaf;
    l->released.due_ms = (uint64_t)case_due_ms(l->law_case.reported_ms);
    TRY(receipt_build(l->released.receipt, sizeof l->released.receipt, l->leaf.text, l->salt,
                      l->released.leaf, l->job.proof, l->job.checkpoint));
    answer(v, l->to, MSG_RELEASED, &l->released, &l->photo_fd, 1);
    return OK;
}

/* Conflicts, and a midnight that came between decision and commit: the photo may have ended with the day. */
static bool is_stale(const struct lookup *l, enum err e)
{
    if (e)
        return l->job.outcome.result == STORE_CONFLICT && !l->job.work_err;
    return l->photo_fd >= 0 && date_compare(l->today, law_today(clock_wall_ms())) != 0;
}

static void answer_none(struct vault *v, struct lookup *l)
{
    struct shape_none none = {.leaf = l->job.outcome.first_leaf,
                              .reason = (unsigned char)l->reason,
                              .due_ms = (uint64_t)case_due_ms(l->law_case.reported_ms)};

    answer(v, l->to, MSG_NONE, &none, NULL, 0);
}

static void lookup_done(struct vault *v, struct job *j)
{
    struct lookup *l = (struct lookup *)j;
    enum err e = job_result(j);

    if (l->to.peer && is_stale(l, e) && ++l->tries < VAULT_TRIES) {
        e = decide(v, l);
        if (!e)
            return;
    } else if (!e && l->photo_fd >= 0) {
        e = answer_released(v, l);
    } else if (!e) {
        answer_none(v, l);
    }
    if (e)
        answer_refused(v, l->to, problem_of_law(e), NULL, 0);
    lookup_free(v, l);
}

void answer_lookup(struct vault *v, struct peer *p, struct message *m)
{
    struct lookup *l = calloc(1, sizeof *l);
    struct asker to = asker_of(p, m);
    enum problem problem;
    enum err e;

    if (!l) {
        answer_refused(v, to, PROBLEM_BUSY, NULL, 0);
        return;
    }
    l->photo_fd = -1;
    l->to = to;
    l->ask = m->is.lookup;
    l->asked_ms = clock_steady_ms();
    l->next = v->lookups;
    v->lookups = l;
    e = auth_certificate(v, to, l->ask.fingerprint, l->ask.source, &l->actor);
    if (e) {
        lookup_free(v, l);
        return;
    }
    problem = judge_case(l, clock_wall_ms());
    if (problem) {
        CLEANUP(buf) struct buf *detail = NULL;

        e = make_detail(l, &detail);
        refuse_known(v, to, &l->actor, problem, NULL, e ? NULL : detail);
        lookup_free(v, l);
        return;
    }
    memcpy(l->law_case.ori, l->actor.ori, sizeof l->law_case.ori);
    {
        char both[ORI_TEXT + OCA_TEXT];

        (void)snprintf(both, sizeof both, "%s/%s", l->law_case.ori, l->law_case.oca);
        keys_index(l->case_id, v->keys, INDEX_CASE, both, strlen(both));
    }
    e = decide(v, l);
    if (e) {
        log_error("a lookup could not be decided: %s", err_name(e));
        answer_refused(v, to, problem_of_law(e), NULL, 0);
        lookup_free(v, l);
    }
}

void lookups_tick(struct vault *v, int64_t steady_ms)
{
    for (struct lookup *l = v->lookups; l; l = l->next) {
        if (!l->to.peer || steady_ms - l->asked_ms < COMMIT_DEADLINE_MS)
            continue;
        if (!v->unhealthy)
            log_error("the audit log does not commit within a second: lookups are refused, no photo leaves");
        v->unhealthy = true;
        if (l->photo_fd >= 0)
            (void)close(l->photo_fd);
        l->photo_fd = -1;
        answer_refused(v, l->to, PROBLEM_UNAVAILABLE, NULL, 0);
        l->to.peer = 0;
    }
}
