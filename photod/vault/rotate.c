#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/open.h"
#include "photod/vault/rotate.h"

#define REWRAP_AT_ONCE 512
#define WRAPPED_MAX    256 /* bytes of a wrapped DEK */
#define WAITING_MAX    8

struct rotation {
    struct job job; /* first: the one job of a rotation at a time */
    struct store *store;
    struct asker waiting[WAITING_MAX];
    unsigned waiting_count;
    uint64_t deks;   /* wrapped anew so far */
    unsigned faults; /* in a row */
};

static void step(struct vault *v);

static void answer_all(struct vault *v, struct rotation *r, enum err e, uint64_t leaf)
{
    struct shape_done done = {.leaf = leaf};

    for (unsigned i = 0; i < r->waiting_count; i++) {
        if (e)
            answer_refused(v, r->waiting[i], problem_of(e), NULL, 0);
        else
            answer(v, r->waiting[i], MSG_DONE, &done, NULL, 0);
    }
}

void rotation_free(struct vault *v)
{
    if (v->rotation)
        job_clear(&v->rotation->job);
    free(v->rotation);
    v->rotation = NULL;
}

/* It stands where it is; the next start, night or order goes on with it. */
static void pause_rotation(struct vault *v, enum err e)
{
    log_error("replacing the ring key is interrupted: %s; it goes on at the next start or purge",
              err_name(e));
    answer_all(v, v->rotation, e, 0);
    rotation_free(v);
}

/* ---- Rewrapping ---- */

struct stale {
    const struct keys *keys;
    struct {
        unsigned char key[STORE_KEY_MAX], value[WRAPPED_MAX];
        size_t key_len, value_len;
    } rows[REWRAP_AT_ONCE];
    size_t count;
};

static enum err stale_visit(void *context, const unsigned char *key, size_t key_len,
                            const unsigned char *value, size_t value_len)
{
    struct stale *s = context;

    if (s->count == REWRAP_AT_ONCE || keys_is_current(s->keys, value, value_len))
        return OK;
    if (key_len != KEY_BYTES || value_len > WRAPPED_MAX)
        return ERR_CORRUPT;
    memcpy(s->rows[s->count].key, key, key_len);
    memcpy(s->rows[s->count].value, value, value_len);
    s->rows[s->count].key_len = key_len;
    s->rows[s->count++].value_len = value_len;
    return OK;
}

static enum err rewrap(struct vault *v, struct store_batch *b, const unsigned char *key,
                       const unsigned char *value, size_t value_len)
{
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(buf) struct buf *wrapped = NULL;
    uint64_t generation = 0;
    struct binding bound;

    for (size_t i = SUBJECT_BYTES; i < KEY_BYTES; i++)
        generation = generation << 8 | key[i];
    bound = binding_of(SEAL_DEK, key, generation);
    TRY(keys_unwrap(&d, v->keys, &bound, value, value_len));
    TRY(buf_new(&wrapped, WRAPPED_MAX));
    TRY(keys_wrap(wrapped, v->keys, d, &bound));
    TRY(store_batch_expect(b, KIND_KEY, key, KEY_BYTES, value, value_len)); /* not one erased meanwhile */
    return store_batch_put(b, KIND_KEY, key, KEY_BYTES, buf_bytes(wrapped), buf_len(wrapped));
}

static void rewrapped(struct vault *v, struct job *j)
{
    struct rotation *r = v->rotation;
    enum err e = job_result(j);

    if (j->outcome.result == STORE_CONFLICT)
        e = OK; /* some were erased meanwhile: look again */
    else if (!e)
        r->faults = 0;
    if (e && ++r->faults >= VAULT_TRIES)
        pause_rotation(v, e);
    else
        step(v);
}

/* ---- Its end ---- */

/* Of the last rotation that was told; of none, the epoch of a new state. */
static enum err get_ring_record(struct vault *v, struct shape_ring_record *out)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    unsigned char id[SID_BYTES];
    struct take t;

    *out = (struct shape_ring_record){.epoch = 1};
    keys_index(id, v->keys, INDEX_META, "ring", 4);
    TRY(record_get(v, KIND_META, SEAL_META, id, NULL, &read));
    if (!record_is_there(&read))
        return OK;
    t = record_take(&read);
    take_ring_record(&t, out);
    return take_end(&t);
}

static enum err put_ring_record(struct vault *v, struct store_batch *b)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct shape_ring_record ring = {.epoch = keys_ring_epoch(v->keys),
                                     .since_ms = (uint64_t)clock_wall_ms()};
    unsigned char id[SID_BYTES];
    struct pack p;

    TRY(buf_new(&plain, 64));
    p = PACK(plain);
    pack_ring_record(&p, &ring);
    TRY(pack_end(&p));
    keys_index(id, v->keys, INDEX_META, "ring", 4);
    return record_put(v, b, KIND_META, SEAL_META, id, NULL, plain);
}

static void told(struct vault *v, struct job *j)
{
    enum err e = job_result(j);

    if (e)
        log_error("the ring key is replaced, but its leaf could not be committed: %s", err_name(e));
    answer_all(v, v->rotation, e, j->outcome.first_leaf);
    rotation_free(v);
}

static enum err tell(struct vault *v, struct rotation *r)
{
    struct leaf l;

    leaf_begin(&l, "ring-rotated");
    leaf_number(&l, "epoch", keys_ring_epoch(v->keys));
    leaf_number(&l, "deks", r->deks);
    TRY(leaf_add(&l, v, r->job.batch, NULL));
    TRY(put_ring_record(v, r->job.batch));
    r->job.done = told;
    return committer_submit(v->committer, &r->job);
}

static enum err end(struct vault *v, struct rotation *r)
{
    keys_ring_end(v->keys);
    TRY(key_file_write(v));
    return tell(v, r);
}

/* ---- The pages of old wrappings ---- */

/* In the committing thread: commits wait for it, lookups are judged meanwhile. */
static enum err compact_work(struct job *j)
{
    struct rotation *r = (struct rotation *)j;
    struct store_compacted c;
    int64_t began_ms = clock_steady_ms();
    enum err e = store_compact(r->store, STORE_KEYRING, &c);

    if (!e)
        log_info("keyring: rewritten without old pages, %llu bytes to %llu in %lld ms",
                 (unsigned long long)c.bytes_before, (unsigned long long)c.bytes_after,
                 (long long)(clock_steady_ms() - began_ms));
    else
        log_error("keyring: not rewritten (%s): old wrappings stay in its free pages, and open nothing once "
                  "their ring key is gone",
                  err_name(e));
    return OK;
}

static void compacted(struct vault *v, struct job *j)
{
    struct rotation *r = v->rotation;
    enum err e;

    job_clear(j);
    j->work = NULL;
    e = store_batch_new(&j->batch);
    if (!e)
        e = end(v, r);
    if (e)
        pause_rotation(v, e);
}

static enum err compact(struct vault *v, struct rotation *r)
{
    job_clear(&r->job);
    r->store = v->store;
    r->job.work = compact_work;
    r->job.done = compacted;
    return committer_submit(v->committer, &r->job);
}

/* ---- One step ---- */

static enum err try_step(struct vault *v, struct rotation *r, struct stale *s)
{
    job_clear(&r->job);
    r->job.lane = LANE_BULK;
    r->job.vital = true;
    TRY(store_batch_new(&r->job.batch));
    TRY(store_walk(v->store, KIND_KEY, "", 0, stale_visit, s));
    if (!s->count)
        return compact(v, r);
    for (size_t i = 0; i < s->count; i++)
        TRY(rewrap(v, r->job.batch, s->rows[i].key, s->rows[i].value, s->rows[i].value_len));
    r->deks += s->count;
    r->job.done = rewrapped;
    return committer_submit(v->committer, &r->job);
}

static void step(struct vault *v)
{
    CLEANUP(heap) struct stale *s = calloc(1, sizeof *s);
    enum err e = ERR_NOMEM;

    if (s) {
        s->keys = v->keys;
        e = try_step(v, v->rotation, s);
    }
    if (e)
        pause_rotation(v, e);
}

/* The key file with both keys is durable before anything is wrapped by the new one. */
static enum err begin(struct vault *v)
{
    enum err e;

    if (keys_ring_is_rotating(v->keys))
        return OK; /* a crash or a fault cut it off: go on */
    TRY(keys_ring_begin(v->keys));
    e = key_file_write(v);
    if (e)
        keys_ring_cancel(v->keys);
    return e;
}

static enum err start(struct vault *v, const struct asker *to)
{
    enum err e;

    if (v->rotation) {
        if (to && v->rotation->waiting_count == WAITING_MAX)
            return ERR_BUSY;
        if (to)
            v->rotation->waiting[v->rotation->waiting_count++] = *to;
        return OK;
    }
    TRY(begin(v));
    v->rotation = calloc(1, sizeof *v->rotation);
    if (!v->rotation)
        return ERR_NOMEM;
    if (to)
        v->rotation->waiting[v->rotation->waiting_count++] = *to;
    /*
     * A job without work or batch, as a barrier: what was wrapped by the old
     * key and queued before is committed, and so found, before the first walk.
     */
    v->rotation->job = (struct job){.lane = LANE_BULK, .done = rewrapped};
    e = committer_submit(v->committer, &v->rotation->job);
    if (e)
        rotation_free(v);
    return e;
}

void rotation_begin(struct vault *v)
{
    enum err e = start(v, NULL);

    if (e)
        log_error("the ring key could not be replaced: %s", err_name(e));
}

/* A crash came after the old ring key was gone and before the leaf that says so. */
static enum err tell_late(struct vault *v)
{
    struct shape_ring_record ring;
    struct rotation *r;
    enum err e;

    TRY(get_ring_record(v, &ring));
    if (ring.epoch == keys_ring_epoch(v->keys))
        return OK;
    r = v->rotation = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->job.lane = LANE_BULK;
    r->job.vital = true;
    e = store_count(v->store, KIND_KEY, &r->deks);
    if (!e)
        e = store_batch_new(&r->job.batch);
    if (!e)
        e = tell(v, r);
    if (e)
        rotation_free(v);
    return e;
}

void rotation_resume(struct vault *v)
{
    enum err e;

    if (keys_ring_is_rotating(v->keys)) {
        rotation_begin(v);
        return;
    }
    e = tell_late(v);
    if (e)
        log_error("the leaf of the last ring key could not be committed: %s", err_name(e));
}

void answer_keys_rotate(struct vault *v, struct peer *p, struct message *m)
{
    struct asker to = asker_of(p, m);
    enum err e = start(v, &to);

    if (e)
        answer_refused(v, to, problem_of(e), NULL, 0);
}

enum err rotation_since(uint64_t *ms, struct vault *v)
{
    struct shape_ring_record ring;

    TRY(get_ring_record(v, &ring));
    *ms = ring.since_ms;
    return OK;
}
