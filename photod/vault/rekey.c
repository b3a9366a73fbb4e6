#include "photod/vault/rekey.h"

#include <stdio.h>
#include <string.h>
#include "keys/seal.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/audit.h"
#include "photod/vault/open.h"
#include "photod/vault/rotate.h"
#include "photod/wire/bulk.h"

#define OPENING_MAX 65 /* bytes of a root key as photoctl hands it over: 64 digits and a newline */

/* ---- What was told ---- */

static void root_id(unsigned char id[static SID_BYTES], const struct vault *v)
{
    keys_index(id, v->keys, INDEX_META, "root", 4);
}

/* Of the last replacement that was told; of none, the epoch of a new state. */
static enum err get_root_record(struct vault *v, struct shape_root_record *out)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    unsigned char id[SID_BYTES];
    struct take t;

    *out = (struct shape_root_record){.epoch = 1};
    root_id(id, v);
    TRY(record_get(v, KIND_META, SEAL_META, id, NULL, &read));
    if (!record_is_there(&read))
        return OK;
    t = record_take(&read);
    take_root_record(&t, out);
    return take_end(&t);
}

/* ---- Looking ---- */

static enum err make_status(struct vault *v, struct shape_keys_status *s)
{
    struct shape_root_record root;

    *s = (struct shape_keys_status){.ring_epoch = keys_ring_epoch(v->keys),
                                    .rotating = keys_ring_is_rotating(v->keys),
                                    .root_epoch = keys_root_epoch(v->keys),
                                    .changing = keys_root_is_changing(v->keys)};
    TRY(store_count(v->store, KIND_KEY, &s->deks));
    TRY(rotation_since(&s->ring_since_ms, v));
    TRY(get_root_record(v, &root));
    s->root_since_ms = root.since_ms;
    keys_share_set(s->share_set, v->keys);
    (void)snprintf(s->suite, sizeof s->suite, "%s", suite_name(envelope_suite()));
    (void)snprintf(s->seal, sizeof s->seal, "%s", v->config.seal);
    (void)snprintf(s->root_key, sizeof s->root_key, "%s", v->config.root_key);
    return OK;
}

static void answer_status(struct vault *v, struct asker to)
{
    struct shape_keys_status s;
    enum err e = make_status(v, &s);

    if (e)
        answer_refused(v, to, problem_of(e), NULL, 0);
    else
        answer(v, to, MSG_KEYS_ARE, &s, NULL, 0);
}

void answer_keys_status(struct vault *v, struct peer *p, struct message *m)
{
    answer_status(v, asker_of(p, m));
}

/* ---- Beginning ---- */

/* Only sealed memory is read: what could change or never end is not a root key. */
static enum err read_root(struct secret **out, int fd)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk b = {0};

    TRY(bulk_map(&b, fd, OPENING_MAX));
    return seal_key_file_read(out, fd);
}

/* Its leaf waits for the disk; the new root key waits with it. */
struct rekey_job {
    struct job job;
    struct asker to;
    struct secret *next;
    char set[sizeof(((struct shape_keys_rekey *)0)->set)];
};

static void rekey_free(struct rekey_job *r)
{
    secret_free(r->next);
    job_clear(&r->job);
    free(r);
}

static enum err submit_leaf(struct vault *v, struct rekey_job *r, const char *type, uint64_t epoch)
{
    struct leaf l;

    leaf_begin(&l, type);
    leaf_number(&l, "epoch", epoch);
    TRY(store_batch_new(&r->job.batch));
    TRY(leaf_add(&l, v, r->job.batch, NULL));
    r->job.lane = LANE_BULK;
    return committer_submit(v->committer, &r->job);
}

static enum err begin(struct vault *v, const struct rekey_job *r)
{
    enum err e;

    TRY(keys_root_begin(v->keys, r->next, r->set));
    e = key_file_write(v);
    if (e)
        keys_root_cancel(v->keys);
    return e;
}

static void begin_logged(struct vault *v, struct job *j)
{
    struct rekey_job *r = (struct rekey_job *)j;
    enum err e = job_result(j);

    if (!e)
        e = begin(v, r);
    if (e)
        answer_refused(v, r->to, problem_of(e), NULL, 0);
    else
        answer_status(v, r->to);
    rekey_free(r);
}

static enum err take_root(struct rekey_job *r, struct vault *v, const struct shape_keys_rekey *ask, int fd)
{
    unsigned char set[4];

    TRY(read_root(&r->next, fd));
    TRY(hex_decode(set, sizeof set, ask->set));
    memcpy(r->set, ask->set, sizeof r->set);
    return secret_equal(r->next, v->root) ? ERR_EXISTS : OK;
}

void answer_keys_rekey(struct vault *v, struct peer *p, struct message *m)
{
    struct asker to = asker_of(p, m);
    struct rekey_job *r = calloc(1, sizeof *r);
    enum err e = r ? take_root(r, v, &m->is.keys_rekey, m->fds[0]) : ERR_NOMEM;

    if (!e) {
        r->to = to;
        r->job.done = begin_logged;
        e = submit_leaf(v, r, "rekey-begun", keys_root_epoch(v->keys) + 1);
    }
    if (!e)
        return;
    if (e == ERR_MALFORMED || e == ERR_LIMIT)
        answer_refused(v, to, PROBLEM_BAD_PARAMETER, "that is no root key with its set of shares", 0);
    else if (e == ERR_EXISTS)
        answer_refused(v, to, PROBLEM_BAD_PARAMETER, "that root key is the one in force", 0);
    else
        answer_refused(v, to, problem_of(e), NULL, 0);
    if (r)
        rekey_free(r);
}

/* ---- Taken back ---- */

static void cancel_logged(struct vault *v, struct job *j)
{
    struct rekey_job *r = (struct rekey_job *)j;
    struct shape_done done = {.leaf = j->outcome.first_leaf};
    enum err e = job_result(j);

    if (e)
        answer_refused(v, r->to, problem_of(e), NULL, 0);
    else
        answer(v, r->to, MSG_DONE, &done, NULL, 0);
    rekey_free(r);
}

/* The key file first: that leaf must be true when it can be read. */
void answer_keys_cancel(struct vault *v, struct peer *p, struct message *m)
{
    struct asker to = asker_of(p, m);
    struct rekey_job *r;
    enum err e;

    if (!keys_root_is_changing(v->keys)) {
        answer_refused(v, to, PROBLEM_BAD_PARAMETER, "no replacement of the root key is under way", 0);
        return;
    }
    r = calloc(1, sizeof *r);
    e = r ? OK : ERR_NOMEM;
    if (!e) {
        keys_root_cancel(v->keys);
        e = key_file_write(v);
    }
    if (!e) {
        r->to = to;
        r->job.done = cancel_logged;
        e = submit_leaf(v, r, "rekey-cancelled", keys_root_epoch(v->keys) + 1);
    }
    if (!e)
        return;
    answer_refused(v, to, problem_of(e), NULL, 0);
    if (r)
        rekey_free(r);
}

/* ---- Its end ---- */

static enum err put_root_record(struct vault *v, struct store_batch *b)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct shape_root_record root = {.epoch = keys_root_epoch(v->keys),
                                     .since_ms = (uint64_t)clock_wall_ms()};
    unsigned char id[SID_BYTES];
    struct pack p;

    TRY(buf_new(&plain, 64));
    p = PACK(plain);
    pack_root_record(&p, &root);
    TRY(pack_end(&p));
    root_id(id, v);
    return record_put(v, b, KIND_META, SEAL_META, id, NULL, plain);
}

static void told(struct vault *v, struct job *j)
{
    enum err e = job_result(j);

    (void)v;
    if (e)
        log_error("the root key is replaced, but its leaf could not be committed: %s; the next start does it",
                  err_name(e));
    job_clear(j);
    free(j);
}

/* The record and the leaf are one transaction: told once, whatever crashes. */
static enum err tell(struct vault *v)
{
    struct job *j = calloc(1, sizeof *j);
    struct leaf l;
    enum err e;

    if (!j)
        return ERR_NOMEM;
    j->lane = LANE_BULK;
    j->done = told;
    leaf_begin(&l, "rekeyed");
    leaf_number(&l, "epoch", keys_root_epoch(v->keys));
    e = store_batch_new(&j->batch);
    if (!e)
        e = leaf_add(&l, v, j->batch, NULL);
    if (!e)
        e = put_root_record(v, j->batch);
    if (!e)
        e = committer_submit(v->committer, j);
    if (e) {
        job_clear(j);
        free(j);
    }
    return e;
}

static enum err finish(struct vault *v)
{
    struct shape_root_record told_of;

    if (keys_root_is_next(v->keys, v->root)) {
        keys_root_end(v->keys);
        TRY(key_file_write(v));
        log_info("photod was started by the new root key: the old one opens nothing any more");
    }
    TRY(get_root_record(v, &told_of));
    return told_of.epoch == keys_root_epoch(v->keys) ? OK : tell(v);
}

void rekey_resume(struct vault *v)
{
    enum err e = finish(v);

    if (e)
        log_error("replacing the root key is not at its end: %s; the next start goes on", err_name(e));
}
