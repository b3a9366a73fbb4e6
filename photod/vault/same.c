#include <sodium.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/erasure.h"
#include "photod/vault/same.h"
#include "photod/vault/student.h"

#define PAIRS_A_STEP  (1u << 18) /* a few milliseconds */
#define PHOTOS_A_STEP 32

struct same {
    struct job job;
    struct look {
        uint32_t entry;
        uint32_t root; /* of its cluster: an index below its own, or its own */
        uint32_t size; /* of the cluster; at the root */
    } * looks;
    uint32_t count;
    uint32_t at;   /* the next to be compared with all before it; then, the next to be judged */
    bool compared; /* all pairs */
    uint32_t step[PHOTOS_A_STEP], steps;
    struct verdict decided[PHOTOS_A_STEP];
    unsigned tries;
};

static void same_free(struct same *c)
{
    job_clear(&c->job);
    free(c->looks);
    free(c);
}

/* ---- Clusters ---- */

static bool has_digest(const struct verdict *x)
{
    return !sodium_is_zero(x->digest, sizeof x->digest);
}

/* Whether there is a picture of this child to compare: stored, there already, or found out before a crash. */
static bool takes_part(const struct verdict *x)
{
    switch ((int)x->outcome) {
    case OUTCOME_STORED:
    case OUTCOME_WOULD_BE_STORED:
    case OUTCOME_SAME_PICTURE:
    case OUTCOME_PLACEHOLDER:
        return x->looked;
    case OUTCOME_ALREADY_STORED:
        return has_digest(x);
    default:
        return false;
    }
}

static bool is_same(const struct verdict *x, const struct verdict *y)
{
    if (has_digest(x) && memcmp(x->digest, y->digest, sizeof x->digest) == 0)
        return true;
    return x->looked && y->looked && same_picture(x->phash, y->phash);
}

static uint32_t root_of(struct same *c, uint32_t i)
{
    while (c->looks[i].root != i) {
        c->looks[i].root = c->looks[c->looks[i].root].root;
        i = c->looks[i].root;
    }
    return i;
}

static void join(struct same *c, uint32_t i, uint32_t k)
{
    uint32_t a = root_of(c, i), b = root_of(c, k), low = a < b ? a : b, high = a < b ? b : a;

    if (a == b)
        return;
    c->looks[high].root = low;
    c->looks[low].size += c->looks[high].size;
}

static void compare_some(struct staging *s, struct same *c)
{
    for (uint32_t pairs = 0; c->at < c->count && pairs < PAIRS_A_STEP; c->at++) {
        const struct verdict *x = &s->entries[c->looks[c->at].entry].verdict;

        for (uint32_t k = 0; k < c->at; k++, pairs++)
            if (is_same(x, &s->entries[c->looks[k].entry].verdict))
                join(c, c->at, k);
    }
    if (c->at == c->count) {
        c->compared = true;
        c->at = 0;
    }
}

/* ---- What they lead to ---- */

static const char *of_batch(void *context, const struct shape_generation_record *g)
{
    return memcmp(g->batch, context, SUBJECT_BYTES) == 0 ? "same-picture" : NULL;
}

static enum err unstore(struct vault *v, struct staging *s, struct same *c, const struct verdict *x)
{
    CLEANUP(student) struct student child = {.answer_count = 0};
    unsigned char sid[SID_BYTES];
    uint32_t gone;

    keys_sid(sid, v->keys, x->state_id);
    TRY(student_load_photos(&child, v, sid));
    TRY(record_expect(c->job.batch, KIND_GENERATION, sid, &child.generations));
    return student_erase_photos(&child, v, c->job.batch, of_batch, s->id, &gone);
}

/* The other file of a pair. */
static const struct verdict *other_of(struct staging *s, struct same *c, uint32_t i)
{
    for (uint32_t k = 0; k < c->count; k++)
        if (k != i && root_of(c, k) == root_of(c, i))
            return &s->entries[c->looks[k].entry].verdict;
    return NULL;
}

static void judge(struct staging *s, struct same *c, uint32_t i, struct verdict *x)
{
    uint32_t size = c->looks[root_of(c, i)].size;
    const struct verdict *other = size == 2 ? other_of(s, c, i) : NULL;

    x->outcome = size == 2 ? OUTCOME_SAME_PICTURE : OUTCOME_PLACEHOLDER;
    if (other)
        verdict_note(x, "The other file is %.120s.", other->file);
    else
        verdict_note(x, "%u files show this picture.", size);
}

static bool is_due(const struct staging *s, struct same *c, uint32_t i)
{
    enum outcome o = s->entries[c->looks[i].entry].verdict.outcome;

    return c->looks[root_of(c, i)].size > 1 && (o == OUTCOME_STORED || o == OUTCOME_WOULD_BE_STORED);
}

static enum err judge_some(struct vault *v, struct staging *s, struct same *c)
{
    TRY(store_batch_new(&c->job.batch));
    for (uint32_t i = c->at; i < c->count && c->steps < PHOTOS_A_STEP; i++) {
        struct verdict *x = &c->decided[c->steps];

        if (!is_due(s, c, i))
            continue;
        *x = s->entries[c->looks[i].entry].verdict;
        if (x->outcome == OUTCOME_STORED)
            TRY(unstore(v, s, c, x));
        judge(s, c, i, x);
        TRY(rows_put(c->job.batch, s->id, s->row_dek, x, 1));
        c->step[c->steps++] = i;
    }
    return OK;
}

/* ---- The steps ---- */

static void step_done(struct vault *v, struct job *job);

/* A step that only compares is a job without a batch: it lets the doors have their turn. */
static enum err step(struct vault *v, struct staging *s, struct same *c)
{
    job_clear(&c->job);
    c->job = (struct job){.lane = LANE_BULK, .done = step_done};
    c->steps = 0;
    if (!c->compared) {
        compare_some(s, c);
    } else {
        TRY(judge_some(v, s, c));
        if (!c->steps)
            return ERR_NOTFOUND;
    }
    return committer_submit(v->committer, &c->job);
}

/* e ERR_NOTFOUND: nothing is left to do. */
static void go_on(struct vault *v, struct staging *s, struct same *c, enum err e)
{
    if (!e)
        e = step(v, s, c);
    if (!e)
        return;
    s->comparing = false;
    same_free(c);
    if (e == ERR_NOTFOUND) {
        s->compared = true;
        staging_pump(v);
        return;
    }
    log_error("the pictures of a batch could not be compared: %s", err_name(e));
    s->broken = true;
}

static void step_done(struct vault *v, struct job *job)
{
    struct same *c = (struct same *)job;
    struct staging *s = v->staging;
    enum err e = job_result(job);

    if (job->outcome.result == STORE_CONFLICT && ++c->tries < VAULT_TRIES) {
        go_on(v, s, c, OK);
        return;
    }
    for (uint32_t n = 0; !e && n < c->steps; n++) {
        struct verdict *x = &s->entries[c->looks[c->step[n]].entry].verdict;

        s->stored -= x->outcome == OUTCOME_STORED;
        *x = c->decided[n];
        c->at = c->step[n] + 1;
        c->tries = 0;
    }
    if (!e && c->steps)
        erasures_finish(v);
    go_on(v, s, c, e);
}

void same_begin(struct vault *v, struct staging *s)
{
    struct same *c;

    if (s->comparing)
        return;
    c = calloc(1, sizeof *c);
    if (c)
        c->looks = calloc(s->count ? s->count : 1, sizeof *c->looks);
    if (!c || !c->looks) {
        free(c);
        s->broken = true;
        return;
    }
    for (uint32_t i = 0; i < s->count; i++)
        if (takes_part(&s->entries[i].verdict)) {
            c->looks[c->count] = (struct look){.entry = i, .root = c->count, .size = 1};
            c->count++;
        }
    s->comparing = true;
    go_on(v, s, c, OK);
}
