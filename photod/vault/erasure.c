/* The end of erasures: the DEK is gone for certain, and the done leaf says so. */
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/erasure.h"

#define ERASURES_AT_ONCE 512

struct open_erasures {
    struct {
        unsigned char key[KEY_BYTES]; /* of the DEK */
        unsigned char what;           /* enum erased */
    } row[ERASURES_AT_ONCE];
    size_t count;
};

static enum err collect_visit(void *context, const unsigned char *key, size_t key_len,
                              const unsigned char *value, size_t value_len)
{
    struct open_erasures *o = context;

    if (key_len != KEY_BYTES || value_len != 1)
        return ERR_CORRUPT;
    if (o->count == ERASURES_AT_ONCE)
        return OK;
    memcpy(o->row[o->count].key, key, KEY_BYTES);
    o->row[o->count++].what = *value;
    return OK;
}

struct finish_job {
    struct job job;
    bool more;
};

static void finish_done(struct vault *v, struct job *j)
{
    bool more = ((struct finish_job *)j)->more, beaten = j->outcome.result == STORE_CONFLICT;
    enum err e = job_result(j);

    job_clear(j);
    free(j);
    if (beaten) /* another one ended some of them first: whatever is left */
        erasures_finish(v);
    else if (e)
        log_error("open erasures could not be finished: %s; they are tried again at the next start or purge",
                  err_name(e));
    else if (more)
        erasures_finish(v);
}

/* Several may be at it: only erasures that are still open are ended, and each once. */
static enum err expect_open(struct store_batch *b, const struct open_erasures *open)
{
    for (size_t i = 0; i < open->count; i++)
        TRY(store_batch_expect(b, KIND_ERASURE, open->row[i].key, KEY_BYTES, &open->row[i].what, 1));
    return OK;
}

static enum err finish_batch(struct vault *v, struct store_batch *b, const struct open_erasures *open)
{
    for (size_t i = 0; i < open->count; i++) {
        struct leaf l;

        leaf_begin(&l, "erase-done");
        if (open->row[i].what == ERASED_BATCH)
            leaf_hex(&l, "batch", open->row[i].key, SUBJECT_BYTES);
        else
            leaf_commit(&l, v, "child", open->row[i].key, SID_BYTES);
        leaf_number(&l, "generation", generation_of(open->row[i].key + SUBJECT_BYTES));
        TRY(leaf_add(&l, v, b, NULL));
        TRY(store_batch_delete(b, KIND_ERASURE, open->row[i].key, KEY_BYTES));
    }
    return OK;
}

/* Keys that a crash left are deleted in a batch of their own, before the one that says so. */
static enum err delete_left_keys(struct vault *v, const struct open_erasures *open, struct store_batch *b,
                                 bool *any)
{
    CLEANUP(buf) struct buf *wrapped = NULL;

    *any = false;
    TRY(buf_new(&wrapped, 1024));
    for (size_t i = 0; i < open->count; i++) {
        enum err e = store_get(v->store, KIND_KEY, open->row[i].key, KEY_BYTES, wrapped);

        buf_truncate(wrapped, 0);
        if (e == ERR_NOTFOUND)
            continue;
        TRY(e);
        TRY(store_batch_delete(b, KIND_KEY, open->row[i].key, KEY_BYTES));
        *any = true;
    }
    return OK;
}

static enum err finish(struct vault *v, struct finish_job *f)
{
    CLEANUP(heap) struct open_erasures *open = calloc(1, sizeof *open);
    bool keys_left;

    if (!open)
        return ERR_NOMEM;
    TRY(store_walk(v->store, KIND_ERASURE, "", 0, collect_visit, open));
    if (!open->count)
        return ERR_NOTFOUND;
    TRY(store_batch_new(&f->job.batch));
    TRY(expect_open(f->job.batch, open));
    TRY(delete_left_keys(v, open, f->job.batch, &keys_left));
    if (!keys_left)
        TRY(finish_batch(v, f->job.batch, open));
    f->more = keys_left || open->count == ERASURES_AT_ONCE;
    f->job.lane = LANE_BULK;
    f->job.vital = true;
    f->job.done = finish_done;
    return committer_submit(v->committer, &f->job);
}

void erasures_finish(struct vault *v)
{
    struct finish_job *f = calloc(1, sizeof *f);
    enum err e = f ? finish(v, f) : ERR_NOMEM;

    if (!e)
        return;
    if (e != ERR_NOTFOUND)
        log_error("open erasures could not be finished: %s; they are tried again at the next start or purge",
                  err_name(e));
    if (f)
        job_clear(&f->job);
    free(f);
}

/* ---- Orphans ---- */

/*
 * All keys, sorted, and whether something needs them: a batch, a record
 * (generation 0), or the renditions of that generation.  Each of the three
 * kinds is walked once, in the same order, so that a start stays fast.
 */
struct key_list {
    unsigned char (*keys)[KEY_BYTES];
    bool *claimed;
    size_t count, max;
    size_t at; /* the keys before are smaller than what the walk has come to */
};

static enum err key_visit(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct key_list *l = context;

    (void)value, (void)value_len;
    if (key_len != KEY_BYTES)
        return ERR_CORRUPT;
    if (l->count < l->max)
        memcpy(l->keys[l->count++], key, KEY_BYTES);
    return OK;
}

static void claim(struct key_list *l, const unsigned char *prefix, size_t len)
{
    while (l->at < l->count && memcmp(l->keys[l->at], prefix, len) < 0)
        l->at++;
    for (size_t i = l->at; i < l->count && memcmp(l->keys[i], prefix, len) == 0; i++)
        l->claimed[i] = true;
}

static enum err batch_visit(void *context, const unsigned char *key, size_t key_len,
                            const unsigned char *value, size_t value_len)
{
    (void)value, (void)value_len;
    if (key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    claim(context, key, SUBJECT_BYTES);
    return OK;
}

static enum err record_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    unsigned char of_record[KEY_BYTES] = {0};

    (void)value, (void)value_len;
    if (key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    memcpy(of_record, key, SUBJECT_BYTES);
    claim(context, of_record, KEY_BYTES);
    return OK;
}

static enum err rendition_visit(void *context, const unsigned char *key, size_t key_len,
                                const unsigned char *value, size_t value_len)
{
    (void)value, (void)value_len;
    if (key_len != RENDITION_KEY_BYTES)
        return ERR_CORRUPT;
    claim(context, key, KEY_BYTES);
    return OK;
}

static enum err claim_all(struct vault *v, struct key_list *l)
{
    static const struct {
        enum store_kind kind;
        store_visit *visit;
    } claims[] = {{KIND_BATCH, batch_visit}, {KIND_STUDENT, record_visit}, {KIND_RENDITION, rendition_visit}};

    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        l->at = 0;
        TRY(store_walk(v->store, claims[i].kind, "", 0, claims[i].visit, l));
    }
    return OK;
}

static void sweep_done(struct vault *v, struct job *j)
{
    enum err e = job_result(j);

    (void)v;
    if (e)
        log_error("keys that belong to nothing could not be removed: %s", err_name(e));
    job_clear(j);
    free(j);
}

enum err orphan_keys_find(struct vault *v, struct store_batch *b, size_t *orphans)
{
    CLEANUP(heap) void *keys = NULL;
    CLEANUP(heap) bool *claimed = NULL;
    struct key_list l = {.count = 0};
    uint64_t count;

    TRY(store_count(v->store, KIND_KEY, &count));
    l.max = (size_t)count;
    keys = calloc(l.max + 1, KEY_BYTES);
    claimed = calloc(l.max + 1, sizeof *claimed);
    if (!keys || !claimed)
        return ERR_NOMEM;
    l.keys = keys;
    l.claimed = claimed;
    TRY(store_walk(v->store, KIND_KEY, "", 0, key_visit, &l));
    TRY(claim_all(v, &l));
    for (size_t i = 0; i < l.count; i++) {
        if (l.claimed[i])
            continue;
        TRY(store_batch_delete(b, KIND_KEY, l.keys[i], KEY_BYTES));
        ++*orphans;
    }
    return OK;
}

void orphan_keys_sweep(struct vault *v)
{
    struct job *j = calloc(1, sizeof *j);
    size_t orphans = 0;
    enum err e = j ? store_batch_new(&j->batch) : ERR_NOMEM;

    if (!e)
        e = orphan_keys_find(v, j->batch, &orphans);
    if (!e && orphans) {
        log_info("%zu keys that belong to nothing are removed: a commit was cut off", orphans);
        j->lane = LANE_BULK;
        j->vital = true;
        j->done = sweep_done;
        e = committer_submit(v->committer, j);
        if (!e)
            return;
    }
    if (e)
        log_error("keys that belong to nothing could not be looked for: %s", err_name(e));
    if (j)
        job_clear(j);
    free(j);
}
