/* What the ZIP lists, and what its names alone decide. */
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/staging_state.h"
#include "photod/vault/worker.h"
#include "photod/wire/bulk.h"

#define ENTRIES_MAX 20000
#define LISTING_MAX (16u << 20)

/* Of two files of one child the better named one comes first, then the earlier one. */
static int by_state_id(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    int order = strcmp(x->verdict.state_id, y->verdict.state_id);

    if (!order)
        order = x->padded - y->padded;
    return order ? order : (x->verdict.row > y->verdict.row) - (x->verdict.row < y->verdict.row);
}

static enum err mark_duplicates(struct staging *s)
{
    CLEANUP(heap) struct entry **sorted = calloc(s->count ? s->count : 1, sizeof *sorted);
    uint32_t n = 0;

    if (!sorted)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->entries[i].phase == TO_READ)
            sorted[n++] = &s->entries[i];
    qsort(sorted, n, sizeof *sorted, by_state_id);
    for (uint32_t i = 1; i < n; i++) {
        if (strcmp(sorted[i]->verdict.state_id, sorted[i - 1]->verdict.state_id) != 0)
            continue;
        sorted[i]->phase = VERDICT;
        sorted[i]->verdict.outcome = OUTCOME_DUPLICATE;
    }
    return OK;
}

/* What the name and the child's consent say, before a byte is unpacked. */
static enum err judge_entry(struct vault *v, struct staging *s, struct entry *e, const char *fault)
{
    enum outcome o = OUTCOME_STORED;
    struct photo_name name;

    e->phase = VERDICT;
    if (fault[0]) {
        e->verdict.outcome = worker_fault(fault, OUTCOME_ENTRY_DAMAGED);
        return OK;
    }
    if (!photo_name_read(&name, e->verdict.file)) {
        e->verdict.outcome = OUTCOME_NAME_NOT_STATE_ID;
        return OK;
    }
    e->padded = name.padded;
    memcpy(e->verdict.state_id, name.state_id, sizeof e->verdict.state_id);
    memcpy(e->verdict.note, name.note, sizeof e->verdict.note);
    TRY(photo_judge(v, &s->record, e->verdict.state_id, s->record.taken_on, &o));
    e->verdict.outcome = o;
    if (o == OUTCOME_STORED)
        e->phase = TO_READ;
    return OK;
}

static enum err take_listing(struct vault *v, struct staging *s, const struct bulk *table, uint32_t count)
{
    struct take t = TAKE_BYTES(table->bytes, table->len);

    if (count > ENTRIES_MAX)
        return ERR_MALFORMED;
    s->entries = calloc(count ? count : 1, sizeof *s->entries);
    if (!s->entries)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        struct entry *e = &s->entries[i];
        struct shape_zip_entry row;

        take_zip_entry(&t, &row);
        e->fd = -1;
        e->verdict.row = i;
        memcpy(e->verdict.file, row.name, sizeof row.name);
        s->count = i + 1;
        if (t.err || row.index != i)
            return ERR_MALFORMED;
        TRY(judge_entry(v, s, e, row.fault));
    }
    TRY(take_end(&t));
    return mark_duplicates(s);
}

/* Rows that an earlier run already committed. */
static enum err resume_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    struct staging *s = context;
    CLEANUP(buf) struct buf *plain = NULL;
    struct shape_report_row row;
    struct binding b;
    struct take t;
    uint32_t index = 0;

    if (key_len != ROW_KEY_BYTES)
        return ERR_CORRUPT;
    for (size_t i = SUBJECT_BYTES; i < ROW_KEY_BYTES; i++)
        index = index << 8 | key[i];
    if (index >= s->count) /* it lists fewer files than before */
        return ERR_MALFORMED;
    b = binding_of(SEAL_ROW, s->id, index);
    TRY(buf_new(&plain, 1024));
    TRY(envelope_open(plain, s->row_dek, &b, value, value_len));
    t = TAKE_BYTES(buf_bytes(plain), buf_len(plain));
    take_report_row(&t, &row);
    TRY(take_end(&t));
    entry_rowed(s, index, (enum outcome)row.outcome);
    return OK;
}

static void forget_listing(struct staging *s)
{
    free(s->entries);
    s->entries = NULL;
    s->count = s->rowed = s->stored = 0;
}

/* A listing answers ZIP_OPEN; nothing else was asked of this worker meanwhile. */
static bool is_in_turn(const struct staging *s, const struct peer *p)
{
    return s && s->zip_worker == p->id && p->busy_since_ms &&
           !(s->reading && s->entries[s->in_hand].phase == READING);
}

void staging_zip_listed(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
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
    e = bulk_map(&table, m->fds[0], LISTING_MAX);
    if (!e)
        e = take_listing(v, s, &table, m->is.zip_listed.count);
    if (!e)
        e = store_walk(v->store, KIND_ROW, s->id, SUBJECT_BYTES, resume_visit, s);
    if (e)
        forget_listing(s);
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
