#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "lawapi/rendition.h"
#include "photod/base/log.h"
#include "photod/vault/commit.h"
#include "photod/vault/orphans.h"

#define KEYS_AT_ONCE  512
#define SUSPECTS_MOST 4096 /* of one search; the next start finds the others */

struct names {
    unsigned char (*name)[KEY_BYTES];
    size_t count, max;
};

static enum err names_new(struct names *n, size_t max)
{
    n->name = calloc(max, KEY_BYTES);
    n->max = max;
    return n->name ? OK : ERR_NOMEM;
}

static void names_cleanup(struct names *n)
{
    free(n->name);
}

static enum err key_visit(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct names *n = context;

    (void)value, (void)value_len;
    if (key_len != KEY_BYTES)
        return ERR_CORRUPT;
    if (n->count == n->max)
        return ERR_BUSY;
    memcpy(n->name[n->count++], key, KEY_BYTES);
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

/* While nobody commits. */
static enum err remove_one(struct vault *v, struct store_batch *b, const unsigned char *name, size_t *removed)
{
    CLEANUP(buf) struct buf *wrapped = NULL;
    bool claimed;
    enum err e;

    TRY(is_claimed(v, name, &claimed));
    if (claimed)
        return OK;
    TRY(buf_new(&wrapped, 1024));
    e = store_get(v->store, KIND_KEY, name, KEY_BYTES, wrapped);
    if (e)
        return e == ERR_NOTFOUND ? OK : e;
    TRY(store_batch_expect(b, KIND_KEY, name, KEY_BYTES, buf_bytes(wrapped), buf_len(wrapped)));
    TRY(expect_unclaimed(b, name));
    TRY(store_batch_delete(b, KIND_KEY, name, KEY_BYTES));
    ++*removed;
    return OK;
}

/* Those nothing claims at the moment; some may be about to be. */
static enum err find(struct vault *v, struct names *suspects, const atomic_bool *stop)
{
    CLEANUP(names) struct names slice = {.count = 0};
    unsigned char after[KEY_BYTES];
    bool claimed;
    enum err e = ERR_BUSY;

    TRY(names_new(&slice, KEYS_AT_ONCE));
    for (size_t after_len = 0; e == ERR_BUSY && !*stop; after_len = KEY_BYTES) {
        slice.count = 0;
        e = store_walk_after(v->store, KIND_KEY, after, after_len, key_visit, &slice);
        for (size_t i = 0; i < slice.count && (!e || e == ERR_BUSY); i++) {
            TRY(is_claimed(v, slice.name[i], &claimed));
            if (!claimed && suspects->count < suspects->max)
                memcpy(suspects->name[suspects->count++], slice.name[i], KEY_BYTES);
        }
        if (slice.count)
            memcpy(after, slice.name[slice.count - 1], KEY_BYTES);
    }
    return e == ERR_BUSY ? OK : e;
}

enum err orphans_remove(struct vault *v, struct store_batch *b, size_t *removed)
{
    CLEANUP(names) struct names all = {.count = 0};
    atomic_bool never = false;
    uint64_t keys;

    *removed = 0;
    TRY(store_count(v->store, KIND_KEY, &keys));
    TRY(names_new(&all, (size_t)keys + 1));
    TRY(find(v, &all, &never));
    for (size_t i = 0; i < all.count; i++)
        TRY(remove_one(v, b, all.name[i], removed));
    return OK;
}

/* ---- While photod serves ---- */

struct sweep {
    struct job job;
    struct vault *vault;
    pthread_t thread;
    atomic_bool stop;
    struct names suspects;
    size_t removed;
};

static enum err sweep_work(struct job *j)
{
    struct sweep *s = (struct sweep *)j;

    s->removed = 0;
    TRY(store_batch_new(&j->batch));
    for (size_t i = 0; i < s->suspects.count; i++)
        TRY(remove_one(s->vault, j->batch, s->suspects.name[i], &s->removed));
    if (!s->removed) { /* all have found what they belong to */
        store_batch_free(j->batch);
        j->batch = NULL;
    }
    return OK;
}

static void sweep_done(struct vault *v, struct job *j);

static enum err sweep_submit(struct sweep *s)
{
    job_clear(&s->job);
    s->job = (struct job){.lane = LANE_BULK, .vital = true, .work = sweep_work, .done = sweep_done};
    return committer_submit(s->vault->committer, &s->job);
}

static void say_failed(const struct sweep *s, enum err e)
{
    if (!s->stop)
        log_error("keys that belong to nothing could not be looked for: %s; the next start does",
                  err_name(e));
}

static void sweep_done(struct vault *v, struct job *j)
{
    struct sweep *s = (struct sweep *)j;
    enum err e = job_result(j);

    (void)v;
    if (j->outcome.result == STORE_CONFLICT && !j->work_err) /* one of them is none any more: look again */
        e = sweep_submit(s);
    else if (!e && s->removed)
        log_info("%zu keys that belong to nothing are removed: a commit was cut off", s->removed);
    if (e)
        say_failed(s, e);
}

static void *search(void *argument)
{
    struct sweep *s = argument;
    enum err e = find(s->vault, &s->suspects, &s->stop);

    if (!e && s->suspects.count && !s->stop)
        e = sweep_submit(s);
    if (e)
        say_failed(s, e);
    return NULL;
}

void orphans_sweep(struct vault *v)
{
    struct sweep *s = calloc(1, sizeof *s);
    enum err e = s ? names_new(&s->suspects, SUSPECTS_MOST) : ERR_NOMEM;

    if (!e) {
        s->vault = v;
        e = pthread_create(&s->thread, NULL, search, s) ? ERR_NOMEM : OK;
    }
    if (!e) {
        v->sweep = s;
        return;
    }
    log_error("keys that belong to nothing could not be looked for: %s; the next start does", err_name(e));
    if (s)
        names_cleanup(&s->suspects);
    free(s);
}

void orphans_stop(struct vault *v)
{
    if (!v->sweep)
        return;
    v->sweep->stop = true;
    (void)pthread_join(v->sweep->thread, NULL);
}

void orphans_free(struct vault *v)
{
    if (!v->sweep)
        return;
    job_clear(&v->sweep->job);
    names_cleanup(&v->sweep->suspects);
    free(v->sweep);
    v->sweep = NULL;
}
