/* What the ZIP lists, whose pictures they are, and which of them may be read. */
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/index.h"
#include "photod/vault/summary.h"
#include "photod/vault/worker.h"

#define ENTRIES_MAX 20000
#define LISTING_MAX (16u << 20)
#define INDEX_MAX   (64u << 20)

/* ---- Which child each file is of ---- */

/* A name that is a State ID says it; a package's index says it better. */
static void name_by_state_id(struct entry *e)
{
    struct photo_name name;

    if (!photo_name_read(&name, e->verdict.file)) {
        e->phase = VERDICT;
        e->verdict.outcome = OUTCOME_NAME_NOT_STATE_ID;
        return;
    }
    e->padded = name.padded;
    memcpy(e->verdict.state_id, name.state_id, sizeof e->verdict.state_id);
    memcpy(e->verdict.note, name.note, sizeof e->verdict.note);
}

static void take_file(struct entry *e, const struct shape_zip_entry *row)
{
    memcpy(e->verdict.file, row->name, sizeof row->name);
    e->readable = !row->fault[0];
    e->phase = e->readable ? TO_READ : VERDICT;
    if (!e->readable)
        e->verdict.outcome = worker_fault(row->fault, OUTCOME_ENTRY_DAMAGED);
}

static enum err take_files(struct staging *s, const struct bulk *table, uint32_t files)
{
    struct take t = TAKE_BYTES(table->bytes, table->len);
    struct shape_zip_entry row;
    uint32_t missing = 0;

    if (files > ENTRIES_MAX)
        return ERR_MALFORMED;
    if (s->indexed)
        TRY(index_missing(s, files, &missing));
    s->entries = calloc(files + missing + 1u, sizeof *s->entries);
    if (!s->entries)
        return ERR_NOMEM;
    s->files = files;
    s->count = files + missing;
    for (uint32_t i = 0; i < s->count; i++) {
        s->entries[i].fd = -1;
        s->entries[i].verdict.row = i;
    }
    for (uint32_t i = 0; i < files; i++) {
        take_zip_entry(&t, &row);
        if (t.err || row.index != i)
            return ERR_MALFORMED;
        take_file(&s->entries[i], &row);
    }
    return take_end(&t);
}

/* ---- What is known of these files already ---- */

/* Rows that an earlier run already committed; a decision of the clerk is a file to be read. */
static enum err resume_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    struct staging *s = context;
    struct verdict verdict;
    struct entry *e;
    uint32_t index;

    if (key_len != ROW_KEY_BYTES)
        return ERR_CORRUPT;
    index = row_of_key(key);
    if (!row_is_file(index))
        return OK;
    if (index >= s->count) /* it lists fewer files than before */
        return ERR_MALFORMED;
    e = &s->entries[index];
    TRY(row_open(&verdict, s->row_dek, s->id, index, value, value_len));
    if (verdict.outcome != OUTCOME_REVIEW_DECIDED) {
        entry_rowed(s, index, &verdict);
        return OK;
    }
    if (!e->readable)
        return ERR_MALFORMED;
    e->phase = TO_READ;
    e->decided = true;
    e->verdict.candidates[0] = '\0';
    memcpy(e->verdict.state_id, verdict.state_id, sizeof e->verdict.state_id);
    memcpy(e->verdict.note, verdict.note, sizeof e->verdict.note);
    return OK;
}

/* ---- Which of them may be read ---- */

static enum err judge_child(struct vault *v, struct staging *s, struct entry *e)
{
    const struct photo_batch batch = staging_batch(s);

    TRY(photo_judge(v, &batch, &e->verdict, s->record.taken_on));
    if (e->verdict.outcome != OUTCOME_STORED)
        e->phase = VERDICT;
    return OK;
}

/* Of files of one child the stored one comes first, then the decided, the better named, the earlier one. */
static int by_state_id(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    int order = strcmp(x->verdict.state_id, y->verdict.state_id);

    if (!order)
        order = (y->phase == ROWED) - (x->phase == ROWED);
    if (!order)
        order = y->decided - x->decided;
    if (!order)
        order = x->padded - y->padded;
    return order ? order : (x->verdict.row > y->verdict.row) - (x->verdict.row < y->verdict.row);
}

static bool is_kept(enum outcome o)
{
    return o == OUTCOME_STORED || o == OUTCOME_WOULD_BE_STORED;
}

static enum err mark_duplicates(struct staging *s)
{
    CLEANUP(heap) struct entry **sorted = calloc(s->count + 1u, sizeof *sorted);
    uint32_t n = 0;

    if (!sorted)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct entry *e = &s->entries[i];

        if (e->phase == TO_READ || (e->phase == ROWED && is_kept(e->verdict.outcome)))
            sorted[n++] = &s->entries[i];
    }
    qsort(sorted, n, sizeof *sorted, by_state_id);
    for (uint32_t i = 1; i < n; i++) {
        if (sorted[i]->phase == ROWED ||
            strcmp(sorted[i]->verdict.state_id, sorted[i - 1]->verdict.state_id) != 0)
            continue;
        sorted[i]->phase = VERDICT;
        sorted[i]->verdict.outcome = OUTCOME_DUPLICATE;
    }
    return OK;
}

/* A roster that is lost must be sent again: without it the report would foretell something else. */
static enum err foretell(struct vault *v, struct staging *s, bool *needs_roster)
{
    enum err e = OK;

    if (s->record.dry_run && s->record.roster && !s->foretold)
        e = batch_roster_foretell(&s->foretold, v, s->id, s->record.roster, s->dek, s->record.district);
    *needs_roster = e == ERR_NOTFOUND;
    return *needs_roster ? OK : e;
}

static enum err take_listing(struct vault *v, struct staging *s, const struct bulk *table, uint32_t files,
                             bool *needs_roster)
{
    TRY(take_files(s, table, files));
    TRY(foretell(v, s, needs_roster));
    if (s->indexed && !*needs_roster)
        TRY(index_judge(v, s, needs_roster));
    if (*needs_roster)
        return OK;
    for (uint32_t i = 0; i < files && !s->indexed; i++)
        if (s->entries[i].phase == TO_READ)
            name_by_state_id(&s->entries[i]);
    TRY(store_walk(v->store, KIND_ROW, s->id, SUBJECT_BYTES, resume_visit, s));
    for (uint32_t i = 0; i < files; i++)
        if (s->entries[i].phase == TO_READ)
            TRY(judge_child(v, s, &s->entries[i]));
    TRY(mark_duplicates(s));
    bulk_unmap(&s->index);
    return OK;
}

void listing_forget(struct staging *s)
{
    free(s->entries);
    s->entries = NULL;
    foretold_free(s->foretold);
    s->foretold = NULL;
    s->files = s->count = s->rowed = s->stored = s->review = 0;
    if (s->index.bytes)
        bulk_unmap(&s->index);
    s->indexed = false;
}

/* A listing answers ZIP_OPEN; nothing else was asked of this worker meanwhile. */
static bool is_in_turn(const struct staging *s, const struct peer *p)
{
    return s && s->zip_worker == p->id && p->busy_since_ms &&
           !(s->reading && s->entries[s->in_hand].phase == READING);
}

void staging_zip_indexed(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_zip_indexed *is = &m->is.zip_indexed;
    struct staging *s = v->staging;
    enum err e;

    if (!is_in_turn(s, p) || (s->indexed && !s->listed) ||
        (is->form != ZIP_INDEX && is->form != ZIP_MAPPING)) {
        peer_distrust(v, p, "an index that was not asked for");
        return;
    }
    if (s->listed) /* opened again after a worker died */
        return;
    e = bulk_map(&s->index, m->fds[0], INDEX_MAX);
    if (e == ERR_MALFORMED || e == ERR_LIMIT) {
        peer_distrust(v, p, "an index that is no sealed memory");
        return;
    }
    if (e) {
        log_error("an index could not be read: %s", err_name(e));
        peer_cut(v, p);
        return;
    }
    s->form = *is;
    s->indexed = true;
}

void staging_zip_listed(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct staging *s = v->staging;
    bool needs_roster = false;
    enum err e;

    if (!is_in_turn(s, p)) {
        peer_distrust(v, p, "a listing that was not asked for");
        return;
    }
    worker_answered(p, STATE_ZIP);
    if (s->listed) { /* opened again after a worker died: the entries are known */
        s->opens = 0;
        staging_pump(v);
        return;
    }
    e = bulk_map(&table, m->fds[0], LISTING_MAX);
    if (!e)
        e = take_listing(v, s, &table, m->is.zip_listed.count, &needs_roster);
    if (e)
        listing_forget(s);
    if (!e && needs_roster) {
        staging_fault(v, s, OUTCOME_ROSTER_NEEDED);
        return;
    }
    if (e == ERR_MALFORMED || e == ERR_LIMIT) {
        peer_distrust(v, p, "a listing that does not parse");
        return;
    }
    if (e) {
        log_error("a listing could not be judged: %s", err_name(e));
        s->opens = 0;
        s->broken = true;
        staging_close_zip(v, s);
        return;
    }
    s->listed = true;
    s->opens = 0;
    rows_commit(v, s);
    staging_pump(v);
}

void staging_zip_refused(struct vault *v, struct peer *p, struct message *m)
{
    struct staging *s = v->staging;

    worker_answered(p, STATE_IDLE);
    if (s && s->zip_worker == p->id) {
        staging_zip_lost(v, s, m->is.fault.code);
        staging_pump(v);
    }
}
