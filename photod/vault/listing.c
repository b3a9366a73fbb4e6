/* What the ZIP lists, whose pictures they are, and which of them may be read. */
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/index.h"
#include "photod/vault/summary.h"
#include "photod/vault/worker.h"

#define ENTRIES_MAX     20000
#define LISTING_MAX     (16u << 20)
#define INDEX_MAX       (64u << 20)

#define FILES_A_STEP    512
#define CHILDREN_A_STEP 64 /* each read from the store */

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

/* ---- Some at a time ---- */

/* Its life, a step at each turn of the serve loop, so that lookups are answered in between. */
enum list_phase {
    LIST_COUNT,    /* rows of the index that name no file, for the room they take */
    LIST_FILES,    /* what the ZIP lists */
    LIST_ROSTER,   /* the roster that came with the batch is read, */
    LIST_NAMES,    /* made ready for finding children, */
    LIST_FORETELL, /* and, of a dry run, for what it would change */
    LIST_INDEX,    /* whom the index names */
    LIST_CHILDREN, /* which of them may be stored */
    LIST_TOGETHER, /* what all files together say */
    LIST_DONE
};

struct listing {
    enum list_phase phase;
    struct bulk table;
    struct take at; /* of the table, or of the index being counted */
    uint32_t files, missing, next;
    struct batch_roster rows;
    struct crosswalk *roster;
    struct index_judging index;
    bool needs_roster; /* nothing is judged: it must be sent along */
};

static void listing_free(struct listing *l)
{
    if (!l)
        return;
    bulk_unmap(&l->table);
    batch_roster_cleanup(&l->rows);
    crosswalk_free(l->roster);
    free(l);
}

static enum err make_entries(struct staging *s, struct listing *l)
{
    s->entries = calloc(l->files + l->missing + 1u, sizeof *s->entries);
    if (!s->entries)
        return ERR_NOMEM;
    s->files = l->files;
    s->count = l->files + l->missing;
    for (uint32_t i = 0; i < s->count; i++) {
        s->entries[i].fd = -1;
        s->entries[i].verdict.row = i;
    }
    l->at = TAKE_BYTES(l->table.bytes, l->table.len);
    return OK;
}

static enum err step_count(struct vault *v, struct staging *s, struct listing *l)
{
    bool whole = true;

    (void)v;
    if (l->files > ENTRIES_MAX)
        return ERR_MALFORMED;
    if (s->indexed)
        TRY(index_count_some(&l->at, l->files, &l->missing, &whole));
    if (!whole)
        return OK;
    l->phase = LIST_FILES;
    return make_entries(s, l);
}

static enum err step_files(struct vault *v, struct staging *s, struct listing *l)
{
    struct shape_zip_entry row;

    (void)v;
    for (unsigned n = 0; n < FILES_A_STEP && l->next < s->files; n++, l->next++) {
        take_zip_entry(&l->at, &row);
        if (l->at.err || row.index != l->next)
            return ERR_MALFORMED;
        take_file(&s->entries[l->next], &row);
        if (!s->indexed && s->entries[l->next].phase == TO_READ)
            name_by_state_id(&s->entries[l->next]);
    }
    if (l->next < s->files)
        return OK;
    l->next = 0;
    l->phase = LIST_ROSTER;
    return take_end(&l->at);
}

static bool foretells(const struct staging *s)
{
    return s->record.dry_run && s->record.roster;
}

/* Without it an index of names says nothing, and a dry run would foretell something else. */
static enum err step_roster(struct vault *v, struct staging *s, struct listing *l)
{
    bool wanted = s->indexed || foretells(s), whole = false;
    enum err e = ERR_NOTFOUND;

    if (wanted)
        e = batch_roster_read(&l->rows, v, s->id, s->record.roster, s->dek, &whole);
    if (e && e != ERR_NOTFOUND)
        return e;
    l->needs_roster = e && ((s->indexed && s->form.form == ZIP_INDEX) || foretells(s));
    if (l->needs_roster)
        l->phase = LIST_DONE;
    else if (e)
        l->phase = LIST_INDEX;
    else if (whole)
        l->phase = LIST_NAMES;
    return OK;
}

static enum err step_names(struct vault *v, struct staging *s, struct listing *l)
{
    bool whole = true;

    (void)v;
    if (s->indexed && !l->roster)
        TRY(batch_roster_crosswalk(&l->roster, &l->rows));
    if (l->roster)
        TRY(crosswalk_some(l->roster, &whole));
    if (!whole)
        return OK;
    l->needs_roster = l->roster && s->form.form == ZIP_INDEX && !crosswalk_has_names(l->roster);
    l->phase = l->needs_roster ? LIST_DONE : LIST_FORETELL;
    return OK;
}

static enum err step_foretell(struct vault *v, struct staging *s, struct listing *l)
{
    bool whole = true;

    (void)v;
    if (foretells(s) && !s->foretold)
        TRY(batch_roster_foretold(&s->foretold, &l->rows, s->record.district));
    if (s->foretold)
        TRY(foretold_some(s->foretold, &whole));
    if (whole)
        l->phase = LIST_INDEX;
    return OK;
}

static enum err step_index(struct vault *v, struct staging *s, struct listing *l)
{
    bool whole = true;

    if (s->indexed && !l->index.at.at)
        l->index = (struct index_judging){l->roster, TAKE_BYTES(s->index.bytes, s->index.len), s->files};
    if (s->indexed)
        TRY(index_judge_some(&l->index, s, &whole));
    if (!whole)
        return OK;
    l->phase = LIST_CHILDREN;
    return store_walk(v->store, KIND_ROW, s->id, SUBJECT_BYTES, resume_visit, s);
}

static enum err step_children(struct vault *v, struct staging *s, struct listing *l)
{
    unsigned judged = 0;

    for (; l->next < s->files && judged < CHILDREN_A_STEP; l->next++)
        if (s->entries[l->next].phase == TO_READ) {
            TRY(judge_child(v, s, &s->entries[l->next]));
            judged++;
        }
    if (l->next == s->files)
        l->phase = LIST_TOGETHER;
    return OK;
}

static enum err step_together(struct vault *v, struct staging *s, struct listing *l)
{
    (void)v;
    l->phase = LIST_DONE;
    bulk_unmap(&s->index);
    return mark_duplicates(s);
}

static enum err (*const steps[LIST_DONE])(struct vault *v, struct staging *s, struct listing *l) = {
    [LIST_COUNT] = step_count,       [LIST_FILES] = step_files,       [LIST_ROSTER] = step_roster,
    [LIST_NAMES] = step_names,       [LIST_FORETELL] = step_foretell, [LIST_INDEX] = step_index,
    [LIST_CHILDREN] = step_children, [LIST_TOGETHER] = step_together,
};

void listing_forget(struct staging *s)
{
    listing_free(s->listing);
    s->listing = NULL;
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

static enum err begin(struct staging *s, const struct message *m)
{
    struct listing *l = calloc(1, sizeof *l);
    enum err e = l ? bulk_map(&l->table, m->fds[0], LISTING_MAX) : ERR_NOMEM;

    if (e) {
        free(l);
        return e;
    }
    l->files = m->is.zip_listed.count;
    if (s->indexed)
        l->at = TAKE_BYTES(s->index.bytes, s->index.len);
    s->listing = l;
    return OK;
}

/* The worker is still there: had it gone, so had the listing. */
static void give_up(struct vault *v, struct staging *s, enum err e)
{
    struct peer *p = peer_find(v, (struct asker){s->zip_worker, 0});

    listing_forget(s);
    if (p && (e == ERR_MALFORMED || e == ERR_LIMIT)) {
        peer_distrust(v, p, "a listing that does not parse");
        return;
    }
    log_error("a listing could not be judged: %s", err_name(e));
    s->opens = 0;
    s->broken = true;
    staging_close_zip(v, s);
}

static void judged(struct vault *v, struct staging *s)
{
    bool needs_roster = s->listing->needs_roster;

    listing_free(s->listing);
    s->listing = NULL;
    if (needs_roster) {
        staging_fault(v, s, OUTCOME_ROSTER_NEEDED);
        return;
    }
    s->listed = true;
    s->opens = 0;
    rows_commit(v, s);
    staging_pump(v);
}

bool staging_judge(struct vault *v)
{
    struct staging *s = v->staging;
    enum err e;

    if (!s || !s->listing)
        return false;
    e = steps[s->listing->phase](v, s, s->listing);
    if (e)
        give_up(v, s, e);
    else if (s->listing->phase == LIST_DONE)
        judged(v, s);
    return true;
}

void staging_zip_listed(struct vault *v, struct peer *p, struct message *m)
{
    struct staging *s = v->staging;
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
    e = begin(s, m);
    if (e)
        give_up(v, s, e);
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
