#include <stdio.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/ballast.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/erasure.h"
#include "photod/vault/index.h"
#include "photod/vault/roster.h"
#include "photod/vault/same.h"
#include "photod/vault/staging_state.h"
#include "photod/vault/summary.h"
#include "photod/vault/worker.h"
#include "photod/wire/bulk.h"

#define ENTRY_TRIES 2 /* a worker may die for reasons that are not the file's */
#define OPEN_TRIES  3

/* ---- Begin and end ---- */

static void staging_clear(struct staging *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->entries[i].fd >= 0)
            (void)close(s->entries[i].fd);
    listing_forget(s);
    dek_free(s->dek);
    dek_free(s->row_dek);
    free(s);
}

void staging_free(struct vault *v)
{
    if (v->staging)
        staging_clear(v->staging);
    v->staging = NULL;
}

struct found_batch {
    struct vault *vault;
    bool found;
    unsigned char id[SUBJECT_BYTES];
    struct shape_batch_record record;
};

/* The oldest batch that is uploaded and not judged. */
static enum err find_visit(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    struct found_batch *f = context;
    struct shape_batch_record r;

    if (key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    TRY(batch_open(f->vault, key, value, value_len, &r));
    if (r.state != BATCH_STAGING || !r.uploaded || (f->found && f->record.created_ms <= r.created_ms))
        return OK;
    f->found = true;
    f->record = r;
    memcpy(f->id, key, SUBJECT_BYTES);
    return OK;
}

static void begin_next(struct vault *v)
{
    struct found_batch f = {.vault = v};
    struct staging *s;
    enum err e = store_walk(v->store, KIND_BATCH, "", 0, find_visit, &f);

    v->batches_waiting = e || f.found;
    if (!e && !f.found)
        return;
    s = e ? NULL : calloc(1, sizeof *s);
    if (!e && !s)
        e = ERR_NOMEM;
    if (!e) {
        memcpy(s->id, f.id, sizeof s->id);
        s->record = f.record;
        e = dek_load(v, s->id, BATCH_CHUNKS, &s->dek);
    }
    if (!e)
        e = dek_load(v, s->id, BATCH_ROWS, &s->row_dek);
    if (e) {
        log_error("a batch cannot be judged: %s", err_name(e));
        if (s)
            staging_clear(s);
        return;
    }
    v->staging = s;
}

struct finish_job {
    struct job job;
    unsigned char id[SUBJECT_BYTES];
    bool waits; /* for decisions of the clerk: the spool and its key stay */
};

static void finish_done(struct vault *v, struct job *j)
{
    struct finish_job *f = (struct finish_job *)j;
    enum err e = job_result(j);

    if (!e) {
        if (!f->waits) {
            spool_remove(v, f->id);
            batch_roster_remove(v, f->id);
        }
        staging_free(v);
        erasures_finish(v); /* the key of its chunks */
    } else {
        log_error("a judged batch could not be closed: %s", err_name(e));
        v->staging->finishing = false;
        v->staging->broken = true;
    }
    job_clear(j);
    free(f);
    if (!e)
        staging_pump(v);
}

static enum err finish(struct vault *v, struct staging *s, struct finish_job *f)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_batch_record r;
    struct leaf l;

    TRY(store_batch_new(&f->job.batch));
    TRY(batch_load(v, s->id, &r, &read));
    r.state = r.dry_run ? BATCH_CHECKED : BATCH_STAGED;
    r.files = s->count;
    r.stored = s->stored;
    r.review = r.dry_run ? 0 : s->review;
    memcpy(r.fault, s->record.fault, sizeof r.fault);
    if (!r.fault[0])
        index_format(s, r.format, sizeof r.format);
    TRY(record_expect(f->job.batch, KIND_BATCH, s->id, &read));
    TRY(batch_put(v, f->job.batch, s->id, &r));
    leaf_begin(&l, r.dry_run ? "batch-checked" : "batch-staged");
    leaf_text(&l, "district", r.district);
    leaf_hex(&l, "batch", s->id, sizeof s->id);
    leaf_number(&l, "files", r.files);
    leaf_number(&l, "stored", r.stored);
    if (r.fault[0])
        leaf_text(&l, "fault", r.fault);
    TRY(leaf_add(&l, v, f->job.batch, NULL));
    f->waits = r.review > 0;
    if (!f->waits) /* what was not stored is dead with it */
        TRY(dek_erase(f->job.batch, s->id, BATCH_CHUNKS, ERASED_BATCH));
    f->job.lane = LANE_BULK;
    f->job.done = finish_done;
    memcpy(f->id, s->id, sizeof f->id);
    return committer_submit(v->committer, &f->job);
}

void staging_close_zip(struct vault *v, struct staging *s)
{
    struct peer *p = s->zip_worker ? peer_find(v, (struct asker){s->zip_worker, 0}) : NULL;

    s->zip_worker = 0;
    if (p && worker_ask(v, p, STATE_IDLE, MSG_ZIP_CLOSE, NULL, NULL, 0))
        worker_answered(p, STATE_IDLE);
}

static void finish_staging(struct vault *v, struct staging *s)
{
    struct finish_job *f = calloc(1, sizeof *f);
    enum err e = f ? finish(v, s, f) : ERR_NOMEM;

    s->finishing = true;
    staging_close_zip(v, s);
    if (!e)
        return;
    log_error("a judged batch could not be closed: %s", err_name(e));
    if (f)
        job_clear(&f->job);
    free(f);
    s->finishing = false;
    s->broken = true;
}

void staging_fault(struct vault *v, struct staging *s, enum outcome why)
{
    (void)snprintf(s->record.fault, sizeof s->record.fault, "%s", outcome_code(why));
    s->listed = true;
    s->count = s->rowed = s->review = 0;
    finish_staging(v, s);
}

/* ---- Chunks for the ZIP worker ---- */

void staging_chunk_want(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(fd) int fd = -1;
    struct shape_chunk c = {.number = m->is.chunk.number};
    struct staging *s = v->staging;
    enum err e;

    if (!s || s->zip_worker != p->id || (uint64_t)c.number * VAULT_CHUNK >= s->record.bytes) {
        peer_distrust(v, p, "a wish for bytes that are not its own");
        return;
    }
    e = buf_new(&plain, VAULT_CHUNK);
    if (!e)
        e = spool_read(v, s->id, s->dek, c.number, plain);
    if (!e)
        e = bulk_new(&fd, buf_bytes(plain), buf_len(plain));
    if (e) {
        log_error("chunk %u of an upload cannot be read: %s", c.number, err_name(e));
        peer_cut(v, p);
        return;
    }
    peer_send(v, p, MSG_CHUNK, 0, &c, &fd, 1);
}

/* ---- Workers die ---- */

void entry_to_read(struct staging *s, uint32_t index)
{
    s->entries[index].phase = TO_READ;
    if (index < s->next)
        s->next = index;
}

/* The file is tried once more, because the worker may have died of something else. */
void entry_lost(struct vault *v, struct staging *s, uint32_t index, enum outcome outcome)
{
    struct entry *e = &s->entries[index];

    if (++e->tries < ENTRY_TRIES)
        entry_to_read(s, index);
    else
        entry_verdict(v, s, index, outcome);
}

/* Once listed, files may be judged or on their way to the disk: only those not read yet are lost. */
static void rest_lost(struct vault *v, struct staging *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->entries[i].phase == TO_READ) {
            s->entries[i].phase = VERDICT;
            s->entries[i].verdict.outcome = OUTCOME_ENTRY_DAMAGED;
        }
    rows_commit(v, s);
}

void staging_zip_lost(struct vault *v, struct staging *s, const char *code)
{
    s->zip_worker = 0;
    if (!s->listed)
        listing_forget(s); /* an index without its listing */
    if (s->reading && s->entries[s->in_hand].phase == READING) {
        s->reading = false;
        entry_lost(v, s, s->in_hand, OUTCOME_ENTRY_DAMAGED);
    }
    if (!s->listed && (code || s->opens >= OPEN_TRIES))
        staging_fault(v, s, worker_fault(code ? code : "", OUTCOME_NOT_A_ZIP));
    else if (s->listed && s->opens >= OPEN_TRIES)
        rest_lost(v, s);
}

void staging_worker_gone(struct vault *v, const struct peer *p)
{
    struct staging *s = v->staging;
    struct imaging *im = imaging_of(s, p->id);

    if (!s || s->finishing)
        return;
    if (im) {
        im->worker = 0;
        entry_lost(v, s, im->entry, OUTCOME_TOO_SLOW);
    }
    if (s->zip_worker == p->id)
        staging_zip_lost(v, s, NULL);
}

/* ---- The pump: whatever can go on, does ---- */

static void open_zip(struct vault *v, struct staging *s)
{
    struct shape_zip_open ask = {.bytes = s->record.bytes, .chunk_bytes = VAULT_CHUNK};
    struct peer *p = worker_idle(v);

    if (!p)
        return;
    s->opens++;
    s->zip_worker = p->id;
    (void)worker_ask(v, p, STATE_ZIP, MSG_ZIP_OPEN, &ask, NULL, 0);
}

static void read_next(struct vault *v, struct staging *s)
{
    struct shape_zip_index ask;
    struct peer *p = peer_find(v, (struct asker){s->zip_worker, 0});

    if (!p || p->busy_since_ms || s->next == s->count)
        return;
    ask = (struct shape_zip_index){.index = s->next};
    s->entries[s->next].phase = READING;
    s->reading = true;
    s->in_hand = s->next;
    (void)worker_ask(v, p, STATE_ZIP, MSG_ZIP_READ, &ask, NULL, 0);
}

void staging_pump(struct vault *v)
{
    struct staging *s;

    if (v->stopping)
        return;
    rosters_wake(v);
    if (!v->staging && v->batches_waiting)
        begin_next(v);
    s = v->staging;
    if (!s || s->broken || s->finishing || !ballast_is_held(v))
        return;
    if (s->listed && s->rowed == s->count) {
        if (!s->compared)
            same_begin(v, s);
        else if (!s->counted)
            summary_begin(v, s);
        else
            finish_staging(v, s);
        return;
    }
    while (s->next < s->count && s->entries[s->next].phase != TO_READ)
        s->next++;
    if (!s->zip_worker && (!s->listed || s->next < s->count))
        open_zip(v, s);
    if (!s->listed)
        return;
    if (s->reading)
        imaging_dispatch(v, s);
    if (!s->reading && s->zip_worker)
        read_next(v, s);
}

void staging_wake(struct vault *v)
{
    struct staging *s = v->staging;

    if (s && s->broken) {
        s->broken = false;
        rows_commit(v, s);
    }
    staging_pump(v);
}

uint32_t staging_files(struct vault *v, const unsigned char id[static SUBJECT_BYTES])
{
    struct staging *s = v->staging;

    return s && memcmp(s->id, id, sizeof s->id) == 0 ? s->count : 0;
}
