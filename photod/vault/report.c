#include <string.h>
#include "photod/base/clock.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/photo.h"
#include "photod/vault/report.h"
#include "photod/vault/review.h"
#include "photod/vault/staging.h"
#include "photod/vault/summary.h"

#define ROWS_MAX     (64u << 20)
#define REPORTS_LIVE ((uint64_t)7 * 86400000) /* ms: who was not opted in stands in them too */
#define FORGET_MAX   64                       /* reports a night */

struct report {
    struct vault *vault;
    const struct dek *dek;
    const unsigned char *batch;
    struct buf *rows;
    uint32_t count;
};

static enum err report_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    struct report *r = context;
    struct pack p = PACK(r->rows);
    struct shape_report_row row;
    struct verdict verdict;

    if (key_len != ROW_KEY_BYTES)
        return ERR_CORRUPT;
    if (!row_is_file(row_of_key(key)))
        return OK;
    TRY(row_open(&verdict, r->dek, r->batch, row_of_key(key), value, value_len));
    row = (struct shape_report_row){.line = verdict.row + 1, .outcome = (unsigned char)verdict.outcome};
    memcpy(row.file, verdict.file, sizeof row.file);
    memcpy(row.state_id, verdict.state_id, sizeof verdict.state_id);
    memcpy(row.note, verdict.note, sizeof row.note);
    memcpy(row.candidates, verdict.candidates, sizeof row.candidates);
    pack_report_row(&p, &row);
    r->count++;
    return pack_end(&p);
}

/* Appends one of the other tables, and counts its rows; there is none while the batch is being judged. */
static enum err add_table(struct report *r, uint32_t row)
{
    enum err e = summary_read(r->rows, r->vault, r->batch, r->dek, row);

    return e == ERR_NOTFOUND ? OK : e;
}

static uint32_t count_schools(const struct buf *rows, size_t from)
{
    struct take t = TAKE_BYTES(buf_bytes(rows) + from, buf_len(rows) - from);
    struct shape_school_counts c;
    uint32_t n = 0;

    for (; take_more(&t); n++)
        take_school_counts(&t, &c);
    return n;
}

static enum err make_report(struct vault *v, const unsigned char *id, struct buf *rows,
                            struct shape_batch_state *s)
{
    CLEANUP(dek) struct dek *d = NULL;
    struct report r = {.vault = v, .batch = id, .rows = rows};
    size_t schools_at;
    enum err e;

    e = dek_load(v, id, BATCH_ROWS, &d);
    if (e == ERR_NOTFOUND) /* the report is gone after 7 days */
        return OK;
    TRY(e);
    r.dek = d;
    TRY(store_walk(v->store, KIND_ROW, id, SUBJECT_BYTES, report_visit, &r));
    s->judged = r.count;
    schools_at = buf_len(rows);
    TRY(add_table(&r, ROW_SCHOOLS));
    s->schools = count_schools(rows, schools_at);
    return add_table(&r, ROW_RENEWALS);
}

void answer_batch_get(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    CLEANUP(buf) struct buf *rows = NULL;
    struct shape_batch_state s;
    enum err e;

    if (batch_find(v, &a, &m->is.batch_name))
        return;
    if (a.record.state == BATCH_STAGING)
        a.record.files = staging_files(v, a.id);
    batch_fill_state(&s, a.id, &a.record, 0, 0);
    e = buf_new(&rows, ROWS_MAX);
    if (!e)
        e = make_report(v, a.id, rows, &s);
    batch_answer_table(v, a.to, MSG_BATCH_REPORT, &s, rows, e);
}

/* ---- After seven days ---- */

struct old_reports {
    struct vault *vault;
    uint64_t before_ms;
    unsigned char ids[FORGET_MAX][SUBJECT_BYTES];
    size_t count;
};

static enum err old_visit(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct old_reports *o = context;
    struct shape_batch_record r;

    if (key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    TRY(batch_open(o->vault, key, value, value_len, &r));
    if (r.state != BATCH_STAGING && r.created_ms < o->before_ms && !r.report_gone && o->count < FORGET_MAX)
        memcpy(o->ids[o->count++], key, SUBJECT_BYTES);
    return OK;
}

static enum err delete_row(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    (void)value, (void)value_len;
    return store_batch_delete(context, KIND_ROW, key, key_len);
}

static enum err forget(struct vault *v, struct store_batch *b, const unsigned char *id)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_batch_record r;

    TRY(batch_load(v, id, &r, &read));
    if (r.review) { /* what nobody decided on is gone with the report */
        spool_remove(v, id);
        batch_roster_remove(v, id);
    }
    TRY(review_end(b, id, &r));
    r.report_gone = 1;
    TRY(record_expect(b, KIND_BATCH, id, &read));
    TRY(batch_put(v, b, id, &r));
    TRY(store_walk(v->store, KIND_ROW, id, SUBJECT_BYTES, delete_row, b));
    return dek_erase(b, id, BATCH_ROWS, ERASED_BATCH);
}

enum err reports_forget(struct vault *v, struct store_batch *b)
{
    CLEANUP(heap) struct old_reports *o = calloc(1, sizeof *o);

    if (!o)
        return ERR_NOMEM;
    o->vault = v;
    o->before_ms = (uint64_t)clock_wall_ms() - REPORTS_LIVE;
    TRY(store_walk(v->store, KIND_BATCH, "", 0, old_visit, o));
    for (size_t i = 0; i < o->count; i++)
        TRY(forget(v, b, o->ids[i]));
    return OK;
}
