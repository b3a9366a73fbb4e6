#include <stdio.h>
#include <string.h>
#include "keys/note.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/backup.h"
#include "photod/vault/commit.h"
#include "photod/vault/open.h"
#include "photod/wire/backup_row.h"
#include "photod/wire/bulk.h"

#define SLICE_BYTES    (512u << 10)
#define SLICE_MAX      (SLICE_BYTES + STORE_VALUE_MAX + 65536u)
#define CHECKPOINT_MAX 1000u

_Static_assert(BACKUP_KEY_MAX == STORE_KEY_MAX && BACKUP_VALUE_MAX == STORE_VALUE_MAX,
               "what the store holds");

/* What is not copied: it follows from the leaves, or is this store's own. */
static bool is_copied(enum store_kind kind, size_t key_len)
{
    if (kind == KIND_META)
        return key_len == SUBJECT_BYTES; /* the store's own rows have short text keys */
    return kind != KIND_TILE && kind != KIND_CHANGE;
}

/* Counts what the two together answer for: who asks again must be of the same keys. */
static uint64_t oldest_epoch(const struct vault *v)
{
    return keys_ring_epoch(v->keys) - keys_ring_is_rotating(v->keys);
}

static enum err add_row(struct buf *rows, enum store_kind kind, const unsigned char *key, size_t key_len,
                        const unsigned char *value, size_t value_len)
{
    struct backup_row r = {.part = kind == KIND_KEY ? BACKUP_KEYS : BACKUP_PHOTOS,
                           .kind = (unsigned char)kind,
                           .gone = !value,
                           .key = key,
                           .key_len = key_len,
                           .value = value ? value : (const unsigned char *)"",
                           .value_len = value_len};
    struct pack p = PACK(rows);

    if (!is_copied(kind, key_len))
        return OK;
    pack_backup_row(&p, &r);
    return pack_end(&p);
}

static void answer_step(struct vault *v, struct asker to, const struct shape_backup_step *step,
                        const struct buf *rows)
{
    CLEANUP(fd) int fd = -1;
    enum err e = bulk_new(&fd, buf_bytes(rows), buf_len(rows));

    if (e)
        answer_refused(v, to, problem_of(e), NULL, 0);
    else
        answer(v, to, MSG_BACKUP_STEP, step, &fd, 1);
}

static void put_position(struct shape_backup_step *step, const struct store_position *at)
{
    memcpy(step->line, at->line, sizeof step->line);
    step->number = at->number;
    step->seen = at->seen;
}

/* ---- A slice of a walk: in the deciding thread, as any read ---- */

struct walk {
    struct buf *rows;
    enum store_kind kind;
    struct shape_backup_step *step;
};

static enum err walk_visit(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    struct walk *w = context;

    if (buf_len(w->rows) >= SLICE_BYTES)
        return ERR_BUSY;
    TRY(add_row(w->rows, w->kind, key, key_len, value, value_len));
    memcpy(w->step->key, key, key_len);
    w->step->key_len = (unsigned char)key_len;
    return OK;
}

/* From the kind and key asked for; through the kinds but KIND_KEY, or KIND_KEY alone. */
static enum err walk(struct vault *v, const struct shape_backup *ask, struct shape_backup_step *step,
                     struct buf *rows)
{
    struct walk w = {.rows = rows, .kind = (enum store_kind)ask->kind, .step = step};
    enum err e;

    step->kind = ask->kind;
    memcpy(step->key, ask->key, sizeof step->key);
    step->key_len = ask->key_len;
    if (is_copied(w.kind, SUBJECT_BYTES))
        e = store_walk_after(v->store, w.kind, ask->key, ask->key_len, walk_visit, &w);
    else
        e = OK;
    if (e == ERR_BUSY)
        return OK;
    TRY(e);
    step->key_len = 0;
    step->kind++;
    if (step->kind == KIND_KEY && ask->ask == BACKUP_WALK)
        step->kind++;
    step->done = step->kind >= KIND_COUNT || ask->ask == BACKUP_WALK_KEYS;
    return OK;
}

static void answer_walk(struct vault *v, struct asker to, const struct shape_backup *ask)
{
    CLEANUP(buf) struct buf *rows = NULL;
    struct shape_backup_step step = {.epoch = oldest_epoch(v)}; /* before the first of its keys is read */
    struct shape_backup from = *ask;
    enum err e = buf_new(&rows, SLICE_MAX);

    if (ask->ask == BACKUP_WALK_KEYS)
        from.kind = KIND_KEY;
    if (!e)
        e = walk(v, &from, &step, rows);
    if (e)
        answer_refused(v, to, problem_of(e), NULL, 0);
    else
        answer_step(v, to, &step, rows);
}

/* ---- A slice of changes: in the committing thread, between two commits ---- */

struct slice_job {
    struct job job;
    struct vault *vault;
    struct asker to;
    bool last; /* to end with, when there is nothing more */
    uint64_t epoch;
    struct store_position at;
    struct shape_backup_step step;
    struct buf *rows;
};

static void slice_free(struct slice_job *s)
{
    buf_free(s->rows);
    job_clear(&s->job);
    free(s);
}

static enum err change_visit(void *context, enum store_kind kind, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    return add_row(context, kind, key, key_len, value, value_len);
}

static enum err sign_head(struct slice_job *s)
{
    CLEANUP(buf) struct buf *checkpoint = NULL;
    struct store_head head;

    TRY(store_log_head(s->vault->store, &head));
    TRY(buf_new(&checkpoint, CHECKPOINT_MAX));
    TRY(keys_sign_checkpoint(checkpoint, s->vault->keys, head.size, head.root));
    s->step.leaves = head.size;
    memcpy(s->step.checkpoint, buf_text(checkpoint), buf_len(checkpoint) + 1);
    return OK;
}

static enum err slice_work(struct job *j)
{
    struct slice_job *s = (struct slice_job *)j;
    bool level;

    TRY(store_changes_since(s->vault->store, &s->at, SLICE_BYTES, change_visit, s->rows, &level));
    s->step.done = level;
    return level && s->last ? sign_head(s) : OK;
}

/* The keys of a ring key that is gone by now would not open: they are to be walked again. */
static enum err add_key_file(struct vault *v, struct slice_job *s)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    struct backup_row r = {.part = BACKUP_KEY_FILE, .key = (const unsigned char *)""};
    struct pack p = PACK(s->rows);

    s->step.keys_again = s->epoch != oldest_epoch(v);
    TRY(key_file_sealed(&sealed, v));
    r.value = buf_bytes(sealed);
    r.value_len = buf_len(sealed);
    pack_backup_row(&p, &r);
    return pack_end(&p);
}

static void slice_done(struct vault *v, struct job *j)
{
    struct slice_job *s = (struct slice_job *)j;
    enum err e = job_result(j);

    put_position(&s->step, &s->at);
    s->step.full = e == ERR_NOTFOUND;
    if (e == ERR_NOTFOUND)
        e = OK;
    else if (!e && s->step.done && s->last)
        e = add_key_file(v, s);
    if (e)
        answer_refused(v, s->to, problem_of(e), NULL, 0);
    else
        answer_step(v, s->to, &s->step, s->rows);
    slice_free(s);
}

static void answer_changes(struct vault *v, struct asker to, const struct shape_backup *ask)
{
    struct slice_job *s = calloc(1, sizeof *s);
    enum err e = s ? buf_new(&s->rows, 2 * SLICE_MAX) : ERR_NOMEM;

    if (!e) {
        s->job = (struct job){.lane = LANE_BULK, .work = slice_work, .done = slice_done};
        s->vault = v;
        s->to = to;
        s->last = ask->ask == BACKUP_END;
        s->epoch = ask->epoch;
        s->at = (struct store_position){.number = ask->number, .seen = ask->seen};
        memcpy(s->at.line, ask->line, sizeof s->at.line);
        e = committer_submit(v->committer, &s->job);
    }
    if (!e)
        return;
    if (s)
        slice_free(s);
    answer_refused(v, to, problem_of(e), NULL, 0);
}

/* ---- What photoctl asks ---- */

static void answer_begin(struct vault *v, struct asker to)
{
    CLEANUP(buf) struct buf *none = NULL;
    struct shape_backup_step step = {.done = 1};
    struct store_position at;

    if (buf_new(&none, 1)) {
        answer_refused(v, to, PROBLEM_BUSY, NULL, 0);
        return;
    }
    store_position(v->store, &at);
    put_position(&step, &at);
    answer_step(v, to, &step, none);
}

void answer_backup(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_backup *ask = &m->is.backup;
    struct asker to = asker_of(p, m);

    if (ask->key_len > STORE_KEY_MAX || ask->ask >= BACKUP_ASK_COUNT ||
        (ask->ask == BACKUP_WALK && ask->kind >= KIND_COUNT))
        answer_refused(v, to, PROBLEM_BAD_PARAMETER, "photod knows no such step of a backup", 0);
    else if (ask->ask == BACKUP_BEGIN)
        answer_begin(v, to);
    else if (ask->ask == BACKUP_WALK || ask->ask == BACKUP_WALK_KEYS)
        answer_walk(v, to, ask);
    else
        answer_changes(v, to, ask);
}

struct kept_job {
    struct job job;
    struct asker to;
    struct leaf leaf;
};

static enum err answer_kept(struct vault *v, const struct kept_job *k)
{
    struct shape_backup_logged logged = {.leaf = k->job.outcome.first_leaf};

    if (!k->job.proof || !k->job.checkpoint)
        return ERR_IO;
    TRY(receipt_build(logged.proof, sizeof logged.proof, k->leaf.text, NULL, logged.leaf, k->job.proof,
                      k->job.checkpoint));
    answer(v, k->to, MSG_BACKUP_LOGGED, &logged, NULL, 0);
    return OK;
}

static void kept_done(struct vault *v, struct job *j)
{
    struct kept_job *k = (struct kept_job *)j;
    enum err e = job_result(j);

    if (!e)
        e = answer_kept(v, k);
    if (e)
        answer_refused(v, k->to, problem_of(e), NULL, 0);
    job_clear(j);
    free(j);
}

static enum err kept(struct vault *v, struct kept_job *k, const struct shape_backup_kept *what)
{
    leaf_begin(&k->leaf, "backup");
    leaf_number(&k->leaf, "position", what->number);
    leaf_number(&k->leaf, "leaves", what->leaves);
    leaf_hex(&k->leaf, "manifest", what->manifest, sizeof what->manifest);
    TRY(store_batch_new(&k->job.batch));
    TRY(leaf_add(&k->leaf, v, k->job.batch, NULL));
    k->job.lane = LANE_BULK;
    k->job.done = kept_done;
    k->job.wants_proof = true;
    return committer_submit(v->committer, &k->job);
}

void answer_backup_kept(struct vault *v, struct peer *p, struct message *m)
{
    struct kept_job *k = calloc(1, sizeof *k);
    enum err e = ERR_NOMEM;

    if (k) {
        k->to = asker_of(p, m);
        e = kept(v, k, &m->is.backup_kept);
    }
    if (!e)
        return;
    answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
    if (k)
        job_clear(&k->job);
    free(k);
}
