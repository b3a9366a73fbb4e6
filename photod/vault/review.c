#include "photod/vault/review.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/erasure.h"
#include "photod/vault/photo.h"
#include "photod/vault/staging.h"
#include "photod/vault/summary.h"
#include "photod/wire/bulk.h"

#define TABLE_MAX     (64u << 20)
#define DECISIONS_MAX 60000
#define LIVE_MS       ((uint64_t)7 * 86400000)

static bool is_open(const struct shape_batch_record *r)
{
    return r->state == BATCH_STAGED && r->review && !r->report_gone &&
           r->created_ms + LIVE_MS > (uint64_t)clock_wall_ms();
}

/* ---- What is open ---- */

struct listing {
    const unsigned char *batch;
    const struct dek *row_dek;
    const struct crosswalk *roster;
    struct pack rows;
};

static void list_candidate(struct listing *l, const char *state_id)
{
    const struct crosswalk_child *child = crosswalk_child(l->roster, state_id);
    struct shape_review_candidate to = {.state_id = ""};

    if (!child)
        return;
    memcpy(to.state_id, child->state_id, sizeof to.state_id);
    (void)snprintf(to.last, sizeof to.last, "%s", child->last);
    (void)snprintf(to.first, sizeof to.first, "%s", child->first);
    (void)snprintf(to.grade, sizeof to.grade, "%s", child->grade);
    (void)snprintf(to.homeroom, sizeof to.homeroom, "%s", child->homeroom);
    (void)snprintf(to.school, sizeof to.school, "%s", child->school);
    pack_review_candidate(&l->rows, &to);
}

/* State IDs stand one blank apart. */
static unsigned split(char ids[CANDIDATES_MAX][STATE_ID_TEXT], const char *candidates)
{
    unsigned n = 0;

    for (; strlen(candidates) >= STATE_ID_TEXT - 1 && n < CANDIDATES_MAX; n++) {
        memcpy(ids[n], candidates, STATE_ID_TEXT - 1);
        ids[n][STATE_ID_TEXT - 1] = '\0';
        candidates += STATE_ID_TEXT - 1;
        candidates += *candidates == ' ';
    }
    return n;
}

static enum err list_visit(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    char ids[CANDIDATES_MAX][STATE_ID_TEXT];
    struct listing *l = context;
    struct shape_review_row to = {.line = 0};
    struct verdict row;
    unsigned count;

    if (key_len != ROW_KEY_BYTES)
        return ERR_CORRUPT;
    if (!row_is_file(row_of_key(key)))
        return OK;
    TRY(row_open(&row, l->row_dek, l->batch, row_of_key(key), value, value_len));
    if (row.outcome != OUTCOME_NEEDS_REVIEW)
        return OK;
    count = split(ids, row.candidates);
    for (unsigned i = 0; i < count; i++)
        if (crosswalk_child(l->roster, ids[i]))
            to.candidates++;
    to.line = row.row + 1;
    memcpy(to.file, row.file, sizeof to.file);
    memcpy(to.note, row.note, sizeof to.note);
    pack_review_row(&l->rows, &to);
    for (unsigned i = 0; i < count; i++)
        list_candidate(l, ids[i]);
    return pack_end(&l->rows);
}

static enum err load_roster(struct crosswalk **out, struct vault *v, const unsigned char *id, unsigned place)
{
    CLEANUP(dek) struct dek *d = NULL;

    TRY(dek_load(v, id, BATCH_CHUNKS, &d));
    return batch_roster_load(out, v, id, place, d);
}

static enum err list_open(struct vault *v, const unsigned char *id, unsigned place, struct buf *rows)
{
    CLEANUP(crosswalk) struct crosswalk *roster = NULL;
    CLEANUP(dek) struct dek *row_dek = NULL;
    struct listing l = {.batch = id, .rows = PACK(rows)};

    TRY(load_roster(&roster, v, id, place));
    TRY(dek_load(v, id, BATCH_ROWS, &row_dek));
    l.roster = roster;
    l.row_dek = row_dek;
    return store_walk(v->store, KIND_ROW, id, SUBJECT_BYTES, list_visit, &l);
}

void answer_review_get(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    CLEANUP(buf) struct buf *rows = NULL;
    struct shape_batch_state s;
    enum err e;

    if (batch_find(v, &a, &m->is.batch_name))
        return;
    e = buf_new(&rows, TABLE_MAX);
    if (!e && is_open(&a.record))
        e = list_open(v, a.id, a.record.roster, rows);
    batch_fill_state(&s, a.id, &a.record, a.record.files, 0);
    batch_answer_table(v, a.to, MSG_REVIEW_IS, &s, rows, e);
}

/* ---- Decisions ---- */

struct deciding {
    struct vault *vault;
    struct batch_job *job;
    struct crosswalk *roster;
    struct dek *row_dek;
    uint32_t decided, skipped;
    char wrong[160]; /* what is wrong with the decisions, for the clerk */
};

static void deciding_clear(struct deciding *d)
{
    crosswalk_free(d->roster);
    dek_free(d->row_dek);
}

static int by_line(const void *a, const void *b)
{
    const struct shape_review_decision *x = a, *y = b;

    return (x->line > y->line) - (x->line < y->line);
}

/* Expected: ERR_MALFORMED, web packed no such table. */
static enum err take_decisions(struct shape_review_decision **out, size_t *count, const struct bulk *table)
{
    CLEANUP(heap) struct shape_review_decision *all = NULL;
    struct take t = TAKE_BYTES(table->bytes, table->len);
    struct shape_review_decision one;
    size_t n = 0;

    for (n = 0; take_more(&t) && n <= DECISIONS_MAX; n++)
        take_review_decision(&t, &one);
    if (take_end(&t) || n > DECISIONS_MAX)
        return ERR_MALFORMED;
    all = calloc(n + 1, sizeof *all);
    if (!all)
        return ERR_NOMEM;
    t = TAKE_BYTES(table->bytes, table->len);
    for (size_t i = 0; i < n; i++)
        take_review_decision(&t, &all[i]);
    qsort(all, n, sizeof *all, by_line);
    *count = n;
    *out = TAKE(all);
    return take_end(&t);
}

/* The row as it stands.  Expected: ERR_NOTFOUND. */
static enum err read_row(struct verdict *out, const struct deciding *d, uint32_t line)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    unsigned char key[ROW_KEY_BYTES];

    if (!line)
        return ERR_NOTFOUND;
    key_of_row(key, d->job->id, line - 1);
    TRY(buf_new(&sealed, 2048));
    TRY(store_get(d->vault->store, KIND_ROW, key, sizeof key, sealed));
    return row_open(out, d->row_dek, d->job->id, line - 1, buf_bytes(sealed), buf_len(sealed));
}

/* Expected: ERR_DENIED, d->wrong says what is wrong with it. */
static enum err decide_one(struct deciding *d, const struct shape_review_decision *one)
{
    struct verdict row;
    enum err e = read_row(&row, d, one->line);

    if (e == ERR_NOTFOUND || (!e && row.outcome != OUTCOME_NEEDS_REVIEW)) {
        (void)snprintf(d->wrong, sizeof d->wrong, "line %" PRIu32 " does not wait for a decision", one->line);
        return ERR_DENIED;
    }
    TRY(e);
    if (!one->skip && !crosswalk_child(d->roster, one->state_id)) {
        (void)snprintf(d->wrong, sizeof d->wrong,
                       "line %" PRIu32 ": the roster of the batch lists no such State ID", one->line);
        return ERR_DENIED;
    }
    row.outcome = one->skip ? OUTCOME_REVIEW_SKIPPED : OUTCOME_REVIEW_DECIDED;
    if (!one->skip)
        memcpy(row.state_id, one->state_id, sizeof row.state_id);
    (void)snprintf(row.note, sizeof row.note, "%s", one->skip ? "" : "The child was named in the review.");
    row.candidates[0] = '\0';
    d->skipped += one->skip != 0;
    d->decided += one->skip == 0;
    return rows_put(d->job->job.batch, d->job->id, d->row_dek, &row, 1);
}

static enum err decide_all(struct deciding *d, const struct shape_review_decision *all, size_t count)
{
    if (!count) {
        (void)snprintf(d->wrong, sizeof d->wrong, "there is no decision in it");
        return ERR_DENIED;
    }
    for (size_t i = 0; i < count; i++) {
        if (i && all[i].line == all[i - 1].line) {
            (void)snprintf(d->wrong, sizeof d->wrong, "line %" PRIu32 " is decided twice", all[i].line);
            return ERR_DENIED;
        }
        TRY(decide_one(d, &all[i]));
    }
    return OK;
}

static void decided_done(struct vault *v, struct job *j)
{
    if (!job_result(j))
        v->batches_waiting = true;
    batch_job_done(v, j);
    staging_wake(v);
}

static enum err review_leaf(struct vault *v, const struct deciding *d)
{
    struct leaf l;

    leaf_begin(&l, "batch-review");
    leaf_actor(&l, v, &d->job->actor);
    leaf_hex(&l, "batch", d->job->id, sizeof d->job->id);
    leaf_number(&l, "decided", d->decided);
    leaf_number(&l, "skipped", d->skipped);
    return leaf_add(&l, v, d->job->job.batch, NULL);
}

/* The rows change, and the batch is judged on from them. */
static enum err decide(struct deciding *d, const struct record *read, const struct bulk *table)
{
    CLEANUP(heap) struct shape_review_decision *all = NULL;
    struct batch_job *c = d->job;
    struct vault *v = d->vault;
    size_t count = 0;

    TRY(take_decisions(&all, &count, table));
    TRY(load_roster(&d->roster, v, c->id, c->record.roster));
    TRY(dek_load(v, c->id, BATCH_ROWS, &d->row_dek));
    TRY(decide_all(d, all, count));
    c->record.state = BATCH_STAGING;
    TRY(record_expect(c->job.batch, KIND_BATCH, c->id, read));
    TRY(batch_put(v, c->job.batch, c->id, &c->record));
    TRY(review_leaf(v, d));
    c->job.done = decided_done;
    return committer_submit(v->committer, &c->job);
}

static void begin(struct vault *v, struct deciding *d, const struct batch_asked *a, const struct bulk *table,
                  struct peer *p)
{
    enum err e = d->job ? decide(d, &a->read, table) : ERR_NOMEM;

    if (e == ERR_DENIED && d->wrong[0]) {
        refuse_known(v, a->to, &a->actor, PROBLEM_REVIEW_UNUSABLE, d->wrong, NULL);
        job_clear(&d->job->job);
        free(d->job);
    } else if (e) {
        batch_job_give_up(v, d->job, a->to, e);
        if (e == ERR_MALFORMED)
            peer_distrust(v, p, "decisions that do not parse");
    }
}

void answer_review_decide(struct vault *v, struct peer *p, struct message *m)
{
    __attribute__((cleanup(deciding_clear))) struct deciding d = {.vault = v};
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};

    if (batch_find(v, &a, &m->is.batch_name))
        return;
    if (!is_open(&a.record)) {
        batch_refuse_state(v, &a, ": no file of it waits for a decision");
        return;
    }
    if (bulk_map(&table, m->fds[0], TABLE_MAX)) {
        peer_distrust(v, p, "decisions that are no sealed memory");
        return;
    }
    d.job = batch_job_of(v, &a);
    begin(v, &d, &a, &table, p);
}

/* ---- The end of what is open ---- */

enum err review_end(struct store_batch *b, const unsigned char id[static SUBJECT_BYTES],
                    struct shape_batch_record *r)
{
    if (!r->review || r->report_gone)
        return OK;
    r->review = 0;
    return dek_erase(b, id, BATCH_CHUNKS, ERASED_BATCH);
}

void review_ended(struct vault *v, const unsigned char id[static SUBJECT_BYTES])
{
    spool_remove(v, id);
    batch_roster_remove(v, id);
    erasures_finish(v);
}
