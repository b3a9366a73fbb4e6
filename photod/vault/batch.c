#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/auth.h"
#include "photod/vault/batch.h"
#include "photod/vault/spool.h"
#include "photod/vault/staging.h"
#include "photod/wire/bulk.h"

enum err batch_load(struct vault *v, const unsigned char id[static SUBJECT_BYTES],
                    struct shape_batch_record *out, struct record *read)
{
    struct take t;

    TRY(record_get(v, KIND_BATCH, SEAL_BATCH, id, NULL, read));
    if (!record_is_there(read))
        return ERR_NOTFOUND;
    t = record_take(read);
    take_batch_record(&t, out);
    return take_end(&t) ? ERR_CORRUPT : OK;
}

enum err batch_open(struct vault *v, const unsigned char id[static SUBJECT_BYTES], const void *sealed,
                    size_t len, struct shape_batch_record *out)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct binding b = binding_of(SEAL_BATCH, id, 0);
    struct take t;

    TRY(buf_new(&plain, 4096));
    TRY(envelope_open(plain, keys_record_key(v->keys), &b, sealed, len));
    t = TAKE_BYTES(buf_bytes(plain), buf_len(plain));
    take_batch_record(&t, out);
    return take_end(&t) ? ERR_CORRUPT : OK;
}

enum err batch_put(struct vault *v, struct store_batch *b, const unsigned char id[static SUBJECT_BYTES],
                   const struct shape_batch_record *r)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct pack p;

    TRY(buf_new(&plain, 4096));
    p = PACK(plain);
    pack_batch_record(&p, r);
    TRY(pack_end(&p));
    return record_put(v, b, KIND_BATCH, SEAL_BATCH, id, NULL, plain);
}

/* ---- One change of a batch: decided, committed, answered ---- */

void batch_fill_state(struct shape_batch_state *s, const unsigned char *id,
                      const struct shape_batch_record *r, uint32_t judged, uint64_t leaf)
{
    *s = (struct shape_batch_state){
        .state = r->state,
        .taken_on = r->taken_on,
        .created_ms = r->created_ms,
        .files = r->files,
        .judged = judged,
        .stored = r->stored,
        .review = r->review,
        .photos = r->photos,
        .earlier = r->earlier,
        .leaf = leaf,
    };
    hex_encode(s->batch, id, SUBJECT_BYTES);
    (void)snprintf(s->fault, sizeof s->fault, "%s", r->fault);
    (void)snprintf(s->format, sizeof s->format, "%s", r->format);
}

void batch_job_done(struct vault *v, struct job *j)
{
    struct batch_job *c = (struct batch_job *)j;
    enum err e = job_result(j);

    if (!e) {
        struct shape_batch_state s;

        batch_fill_state(&s, c->id, &c->record, c->record.state == BATCH_STAGING ? 0 : c->record.files,
                         j->outcome.first_leaf);
        answer(v, c->to, MSG_BATCH_STATE, &s, NULL, 0);
    } else if (j->outcome.result == STORE_CONFLICT) {
        answer_refused(v, c->to, PROBLEM_BATCH_STATE, "the batch changed meanwhile; look at it again", 0);
    } else {
        answer_refused(v, c->to, problem_of(e), NULL, 0);
    }
    job_clear(j);
    free(c);
}

enum err batch_job_leaf(struct vault *v, struct batch_job *c, const char *type)
{
    struct leaf l;

    leaf_begin(&l, type);
    leaf_actor(&l, v, &c->actor);
    leaf_hex(&l, "batch", c->id, sizeof c->id);
    if (c->record.files) {
        leaf_number(&l, "files", c->record.files);
        leaf_number(&l, "stored", c->record.stored);
    }
    return leaf_add(&l, v, c->job.batch, NULL);
}

struct batch_job *batch_job_new(struct vault *v, struct asker to, const struct actor *a)
{
    struct batch_job *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->to = to;
    c->actor = *a;
    c->vault = v;
    c->job.lane = LANE_BULK;
    c->job.done = batch_job_done;
    if (store_batch_new(&c->job.batch)) {
        free(c);
        return NULL;
    }
    return c;
}

struct batch_job *batch_job_of(struct vault *v, const struct batch_asked *a)
{
    struct batch_job *c = batch_job_new(v, a->to, &a->actor);

    if (!c)
        return NULL;
    memcpy(c->id, a->id, sizeof c->id);
    c->record = a->record;
    return c;
}

void batch_job_give_up(struct vault *v, struct batch_job *c, struct asker to, enum err e)
{
    log_error("a batch could not be changed: %s", err_name(e));
    answer_refused(v, to, problem_of(e), NULL, 0);
    if (c)
        job_clear(&c->job);
    free(c);
}

/* ---- Create ---- */

/* Batches of the district that are neither committed nor thrown away. */
struct open_batches {
    struct vault *vault;
    const char *district;
    unsigned count;
};

static enum err open_visit(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    struct open_batches *o = context;
    struct shape_batch_record r;

    if (key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    if (!batch_open(o->vault, key, value, value_len, &r) && strcmp(r.district, o->district) == 0)
        o->count += r.state == BATCH_STAGING || r.state == BATCH_STAGED;
    return OK;
}

/* So that a script gone wild fills neither disk nor queue.  In doubt, which a disk can be in, it is one too
 * many. */
static bool has_too_many(struct vault *v, const char *district)
{
    struct open_batches o = {.vault = v, .district = district};

    return store_walk(v->store, KIND_BATCH, "", 0, open_visit, &o) || o.count >= BATCHES_OPEN_MAX;
}

static enum err create(struct vault *v, struct batch_job *c, struct date taken_on,
                       const struct shape_batch_create *ask)
{
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(dek) struct dek *row_dek = NULL;

    randombytes_buf(c->id, sizeof c->id);
    c->record = (struct shape_batch_record){
        .state = BATCH_STAGING,
        .taken_on = taken_on,
        .created_ms = (uint64_t)clock_wall_ms(),
    };
    memcpy(c->record.district, c->actor.district, sizeof c->record.district);
    c->record.dry_run = ask->dry_run != 0;
    memcpy(c->record.school, ask->school, sizeof c->record.school);
    TRY(dek_make(v, c->job.batch, c->id, BATCH_CHUNKS, &d));
    TRY(dek_make(v, c->job.batch, c->id, BATCH_ROWS, &row_dek));
    TRY(batch_put(v, c->job.batch, c->id, &c->record));
    TRY(batch_job_leaf(v, c, "batch-create"));
    return committer_submit(v->committer, &c->job);
}

static enum problem judge_taken_on(const char *text, struct date *out)
{
    struct date today = law_today(clock_wall_ms());

    if (date_parse(out, text) || date_compare(*out, today) > 0)
        return PROBLEM_TAKEN_ON_MALFORMED;
    return photo_is_servable(*out, today) ? PROBLEM_NONE : PROBLEM_TAKEN_ON_TOO_OLD;
}

void answer_batch_create(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_batch_create *ask = &m->is.batch_create;
    struct asker to = asker_of(p, m);
    enum problem problem;
    struct batch_job *c;
    struct date taken_on;
    struct actor a;
    enum err e;

    if (auth_key(v, to, ask->key, ask->district, ask->source, &a))
        return;
    problem = judge_taken_on(ask->taken_on, &taken_on);
    if (!problem && !spool_has_room(v))
        problem = PROBLEM_STORAGE_FULL;
    if (!problem && has_too_many(v, a.district))
        problem = PROBLEM_BATCHES_OPEN;
    if (problem) {
        refuse_known(v, to, &a, problem, NULL, NULL);
        return;
    }
    c = batch_job_new(v, to, &a);
    e = c ? create(v, c, taken_on, ask) : ERR_NOMEM;
    if (e)
        batch_job_give_up(v, c, to, e);
}

/* ---- By id ---- */

enum err batch_find(struct vault *v, struct batch_asked *a, const struct shape_batch_name *ask)
{
    enum err e = auth_key(v, a->to, ask->key, ask->district, ask->source, &a->actor);

    if (e)
        return e;
    e = hex_decode(a->id, SUBJECT_BYTES, ask->batch) ? ERR_NOTFOUND
                                                     : batch_load(v, a->id, &a->record, &a->read);
    if (!e && strcmp(a->record.district, a->actor.district) != 0)
        e = ERR_NOTFOUND;
    if (e == ERR_NOTFOUND)
        refuse_known(v, a->to, &a->actor, PROBLEM_BATCH_UNKNOWN, NULL, NULL);
    else if (e)
        answer_refused(v, a->to, problem_of(e), NULL, 0);
    return e;
}

static const char *const state_names[] = {"staging", "staged", "committed", "undone", "checked by a dry run"};

void batch_refuse_state(struct vault *v, const struct batch_asked *a, const char *more)
{
    unsigned state = a->record.state;
    char text[200];

    (void)snprintf(text, sizeof text, "the batch is %s%s",
                   state < BATCH_STATE_COUNT ? state_names[state] : "?", more);
    refuse_known(v, a->to, &a->actor, PROBLEM_BATCH_STATE, text, NULL);
}

void batch_answer_table(struct vault *v, struct asker to, enum msg type, const struct shape_batch_state *s,
                        const struct buf *table, enum err e)
{
    CLEANUP(fd) int fd = -1;

    if (!e)
        e = bulk_new(&fd, buf_bytes(table), buf_len(table));
    if (e) {
        log_error("a report could not be made: %s", err_name(e));
        answer_refused(v, to, problem_of(e), NULL, 0);
        return;
    }
    answer(v, to, type, s, &fd, 1);
}
