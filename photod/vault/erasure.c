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
