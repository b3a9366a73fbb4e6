#include "photod/vault/rekey.h"

#include <stdio.h>
#include <string.h>
#include "keys/seal.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/open.h"
#include "photod/vault/rotate.h"
#include "photod/wire/bulk.h"

#define OPENING_MAX 65 /* bytes of a root key as photoctl hands it over: 64 digits and a newline */

/* ---- Beginning ---- */

/* Only sealed memory is read: what could change or never end is not a root key. */
static enum err read_root(struct secret **out, int fd)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk b = {0};

    TRY(bulk_map(&b, fd, OPENING_MAX));
    return seal_key_file_read(out, fd);
}

static enum err begin(struct vault *v, const struct shape_keys_rekey *ask, int fd)
{
    CLEANUP(secret) struct secret *next = NULL;
    enum err e;

    TRY(read_root(&next, fd));
    if (secret_equal(next, v->root))
        return ERR_EXISTS;
    TRY(keys_root_begin(v->keys, next, ask->set));
    e = key_file_write(v);
    if (e)
        keys_root_cancel(v->keys);
    return e;
}

void answer_keys_rekey(struct vault *v, struct peer *p, struct message *m)
{
    enum err e = begin(v, &m->is.keys_rekey, m->fds[0]);

    if (!e)
        answer_keys_status(v, p, m);
    else if (e == ERR_MALFORMED || e == ERR_LIMIT)
        answer_refused(v, asker_of(p, m), PROBLEM_BAD_PARAMETER, "that is no root key with its set of shares",
                       0);
    else if (e == ERR_EXISTS)
        answer_refused(v, asker_of(p, m), PROBLEM_BAD_PARAMETER, "that root key is the one in force", 0);
    else
        answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
}

/* ---- Its end ---- */

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

void answer_keys_status(struct vault *v, struct peer *p, struct message *m)
{
    struct shape_keys_status s;
    enum err e = make_status(v, &s);

    if (e)
        answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
    else
        answer(v, asker_of(p, m), MSG_KEYS_ARE, &s, NULL, 0);
}
