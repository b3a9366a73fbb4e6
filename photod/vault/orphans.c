#include <string.h>
#include "lawapi/rendition.h"
#include "photod/base/log.h"
#include "photod/vault/commit.h"
#include "photod/vault/orphans.h"

#define KEYS_AT_ONCE 512
#define WRAPPED_MAX  256

struct slice {
    struct {
        unsigned char name[KEY_BYTES];
        unsigned char wrapped[WRAPPED_MAX];
        size_t wrapped_len;
    } key[KEYS_AT_ONCE];
    size_t count;
};

static enum err key_visit(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct slice *s = context;

    if (key_len != KEY_BYTES || value_len > WRAPPED_MAX)
        return ERR_CORRUPT;
    if (s->count == KEYS_AT_ONCE)
        return ERR_BUSY;
    memcpy(s->key[s->count].name, key, KEY_BYTES);
    memcpy(s->key[s->count].wrapped, value, value_len);
    s->key[s->count++].wrapped_len = value_len;
    return OK;
}

static enum err any_visit(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    (void)context, (void)key, (void)key_len, (void)value, (void)value_len;
    return ERR_EXISTS;
}

/* Whether there is an entry of that name, or one that begins with it; its value is not read. */
static enum err is_there(struct vault *v, enum store_kind kind, const unsigned char *name, size_t len,
                         bool *there)
{
    enum err e = store_walk(v->store, kind, name, len, any_visit, NULL);

    *there = e == ERR_EXISTS;
    return *there ? OK : e;
}

/* A record has generation 0, a photo any other; a batch has both. */
static enum err is_claimed(struct vault *v, const unsigned char *name, bool *claimed)
{
    if (generation_of(name + SUBJECT_BYTES) == 0)
        TRY(is_there(v, KIND_STUDENT, name, SUBJECT_BYTES, claimed));
    else
        TRY(is_there(v, KIND_RENDITION, name, KEY_BYTES, claimed));
    return *claimed ? OK : is_there(v, KIND_BATCH, name, SUBJECT_BYTES, claimed);
}

/* What was decided before this slice may be committed with it: then the key has found what it belongs to. */
static enum err expect_unclaimed(struct store_batch *b, const unsigned char *name)
{
    uint64_t generation = generation_of(name + SUBJECT_BYTES);
    unsigned char key[RENDITION_KEY_BYTES];

    TRY(store_batch_expect(b, KIND_BATCH, name, SUBJECT_BYTES, NULL, 0));
    if (generation == 0)
        return store_batch_expect(b, KIND_STUDENT, name, SUBJECT_BYTES, NULL, 0);
    for (unsigned r = 0; r < RENDITION_COUNT; r++) {
        key_of_rendition(key, name, generation, r);
        TRY(store_batch_expect(b, KIND_RENDITION, key, sizeof key, NULL, 0));
    }
    return OK;
}

enum err orphans_find(struct vault *v, struct orphans *o, struct store_batch *b)
{
    CLEANUP(heap) struct slice *s = calloc(1, sizeof *s);
    enum err e;

    if (!s)
        return ERR_NOMEM;
    e = store_walk_after(v->store, KIND_KEY, o->after, o->after_len, key_visit, s);
    if (e && e != ERR_BUSY)
        return e;
    o->more = e == ERR_BUSY;
    for (size_t i = 0; i < s->count; i++) {
        const unsigned char *name = s->key[i].name;
        bool claimed;

        TRY(is_claimed(v, name, &claimed));
        if (claimed)
            continue;
        TRY(store_batch_expect(b, KIND_KEY, name, KEY_BYTES, s->key[i].wrapped, s->key[i].wrapped_len));
        TRY(expect_unclaimed(b, name));
        TRY(store_batch_delete(b, KIND_KEY, name, KEY_BYTES));
        o->found++;
    }
    if (s->count) {
        o->after_len = KEY_BYTES;
        memcpy(o->after, s->key[s->count - 1].name, KEY_BYTES);
    }
    return OK;
}

/* ---- While photod serves ---- */

struct sweep {
    struct job job;
    struct vault *vault;
    struct orphans done, next; /* up to the last slice; with this one */
};

static enum err sweep_work(struct job *j)
{
    struct sweep *s = (struct sweep *)j;

    s->next = s->done;
    TRY(store_batch_new(&j->batch));
    TRY(orphans_find(s->vault, &s->next, j->batch));
    if (s->next.found == s->done.found) { /* nothing to commit */
        store_batch_free(j->batch);
        j->batch = NULL;
    }
    return OK;
}

static void sweep_done(struct vault *v, struct job *j);

static enum err sweep_slice(struct vault *v, struct sweep *s)
{
    job_clear(&s->job);
    s->job = (struct job){.lane = LANE_BULK, .vital = true, .work = sweep_work, .done = sweep_done};
    return committer_submit(v->committer, &s->job);
}

static void sweep_end(struct vault *v, struct sweep *s, enum err e)
{
    if (e && !v->stopping)
        log_error("keys that belong to nothing could not be looked for: %s; the next start does",
                  err_name(e));
    if (s && s->done.found)
        log_info("%zu keys that belong to nothing are removed: a commit was cut off", s->done.found);
    if (s)
        job_clear(&s->job);
    free(s);
}

static void sweep_done(struct vault *v, struct job *j)
{
    struct sweep *s = (struct sweep *)j;
    enum err e = job_result(j);

    if (!e)
        s->done = s->next;
    else if (j->outcome.result == STORE_CONFLICT && !j->work_err)
        e = OK; /* one of them is none any more: the same slice again */
    if (!e && s->done.more)
        e = sweep_slice(v, s);
    if (e || !s->done.more)
        sweep_end(v, s, e);
}

void orphans_sweep(struct vault *v)
{
    struct sweep *s = calloc(1, sizeof *s);
    enum err e = ERR_NOMEM;

    if (s) {
        s->vault = v;
        s->done.more = true;
        e = sweep_slice(v, s);
    }
    if (e)
        sweep_end(v, s, e);
}
