#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "lawapi/names.h"
#include "lawapi/outcome.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/auth.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/erasure.h"
#include "photod/vault/roster.h"
#include "photod/vault/staging.h"
#include "photod/vault/student.h"
#include "photod/vault/worker.h"
#include "photod/wire/bulk.h"

#define ROSTER_MAX (64u << 20)
#define TABLE_MAX  (256u << 20)
#define REPORT_MAX (64u << 20)
#define ROWS_MAX   200000
#define JOBS_MAX   16 /* each holds a whole file in memory */

/*
 * A roster's life:
 *   waiting   whole in memory as a sealed memfd, no worker yet
 *   parsing   a worker reads it
 *   applying  its changes are with the committing thread
 */
struct roster_job {
    struct job job;
    struct roster_job *next;
    struct vault *vault;
    struct asker to;
    struct actor actor;
    bool goes_with_batch; /* then nothing is applied: its rows go into that batch's spool */
    unsigned char batch[SUBJECT_BYTES];
    struct dek *batch_dek;
    char media[64];
    int fd;          /* the file; -1 once applied */
    int table_fd;    /* the worker's rows, kept to decide again after a conflict */
    uint64_t worker; /* peer id; 0: none */
    unsigned tries;
    struct shape_roster_report report;
    struct buf *refused; /* rows of shape report_row */
    struct shape_roster_summary summary;
    bool erases;
};

static void roster_free(struct vault *v, struct roster_job *r)
{
    for (struct roster_job **at = &v->rosters; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    job_clear(&r->job);
    buf_free(r->refused);
    dek_free(r->batch_dek);
    if (r->fd >= 0)
        (void)close(r->fd);
    if (r->table_fd >= 0)
        (void)close(r->table_fd);
    free(r);
}

static void give_up(struct vault *v, struct roster_job *r, enum err e)
{
    log_error("a roster could not be applied: %s", err_name(e));
    answer_refused(v, r->to, problem_of(e), NULL, 0);
    roster_free(v, r);
}

/* ---- Upload ---- */

void answer_roster_open(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_roster_open *ask = &m->is.roster_open;
    struct asker to = asker_of(p, m);
    struct shape_upload_name name;
    unsigned char id[SPOOL_ID_BYTES], batch[SUBJECT_BYTES] = {0};
    struct dek *d = NULL;
    struct upload *u;
    struct actor a;
    enum err e;

    if (ask->batch[0] ? batch_roster_may(v, to, ask, &a, batch)
                      : auth_key(v, to, ask->key, ask->district, ask->source, &a))
        return;
    if (!spool_has_room(v)) {
        refuse_known(v, to, &a, PROBLEM_STORAGE_FULL, NULL, NULL);
        return;
    }
    randombytes_buf(id, sizeof id);
    e = dek_new(&d);
    if (!e)
        e = upload_open(v, p, &a, id, d, true, ask->media, &u);
    if (e) {
        log_error("an upload could not be opened: %s", err_name(e));
        answer_refused(v, to, problem_of(e), NULL, 0);
        return;
    }
    u->goes_with_batch = ask->batch[0] != '\0';
    memcpy(u->batch, batch, sizeof u->batch);
    name = (struct shape_upload_name){.upload = u->id};
    answer(v, to, MSG_UPLOAD_READY, &name, NULL, 0);
}

static enum err gather(struct vault *v, const struct upload *u, int *fd)
{
    CLEANUP(buf) struct buf *whole = NULL;

    if (u->bytes > ROSTER_MAX)
        return ERR_LIMIT;
    TRY(buf_new(&whole, ROSTER_MAX));
    for (uint32_t n = 0; n < u->chunks; n++)
        TRY(spool_read(v, u->spool_id, u->dek, n, whole));
    return bulk_new(fd, buf_bytes(whole), buf_len(whole));
}

static unsigned job_count(const struct vault *v)
{
    unsigned n = 0;

    for (const struct roster_job *r = v->rosters; r; r = r->next)
        n++;
    return n;
}

void roster_start(struct vault *v, struct asker to, struct upload *u)
{
    struct roster_job *r = job_count(v) < JOBS_MAX ? calloc(1, sizeof *r) : NULL;
    enum err e = r ? OK : ERR_NOMEM;

    if (r) {
        r->vault = v;
        r->to = to;
        r->goes_with_batch = u->goes_with_batch;
        memcpy(r->batch, u->batch, sizeof r->batch);
        r->actor = u->actor;
        r->fd = r->table_fd = -1;
        memcpy(r->media, u->media, sizeof r->media);
        r->next = v->rosters;
        v->rosters = r;
        e = gather(v, u, &r->fd);
    }
    spool_remove(v, u->spool_id);
    upload_forget(v, u);
    if (!e)
        rosters_wake(v);
    else if (r)
        give_up(v, r, e);
    else
        answer_refused(v, to, problem_of(e), NULL, 0);
}

/* ---- Parsing ---- */

void rosters_wake(struct vault *v)
{
    for (struct roster_job *r = v->rosters, *next; r; r = next) {
        struct shape_roster_parse ask = {.media = ""};
        struct peer *p = worker_idle(v);

        next = r->next;
        if (!p)
            return;
        if (r->worker || r->table_fd >= 0)
            continue;
        memcpy(ask.media, r->media, sizeof ask.media);
        memcpy(ask.columns, v->config.roster_columns, sizeof ask.columns);
        memcpy(ask.district, r->actor.district, sizeof ask.district);
        r->worker = p->id;
        (void)worker_ask(v, p, STATE_ROSTER, MSG_ROSTER_PARSE, &ask, &r->fd, 1);
        return; /* the list may have changed; the next answer wakes us again */
    }
}

static struct roster_job *roster_of(struct vault *v, const struct peer *p)
{
    for (struct roster_job *r = v->rosters; r; r = r->next)
        if (r->worker == p->id)
            return r;
    return NULL;
}

void rosters_worker_gone(struct vault *v, const struct peer *p)
{
    struct roster_job *r = roster_of(v, p);

    if (!r)
        return;
    r->worker = 0;
    if (++r->tries < VAULT_TRIES)
        return;
    refuse_known(v, r->to, &r->actor, PROBLEM_ROSTER_UNUSABLE, "the file could not be read in time", NULL);
    roster_free(v, r);
}

void roster_fault(struct vault *v, struct peer *p, struct message *m)
{
    struct roster_job *r = roster_of(v, p);
    char text[200];

    worker_answered(p, STATE_IDLE);
    if (r) {
        (void)snprintf(text, sizeof text, "%s", m->is.fault.code);
        refuse_known(v, r->to, &r->actor, PROBLEM_ROSTER_UNUSABLE, text, NULL);
        roster_free(v, r);
    }
    staging_wake(v);
}

/* ---- One row ---- */

static enum err put_student(struct vault *v, struct store_batch *b, const struct student *s,
                            const struct shape_roster_row *row)
{
    CLEANUP(heap) struct shape_student_record *r = calloc(1, sizeof *r);
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(dek) struct dek *d = NULL;
    struct pack p;
    enum err e;

    if (!r)
        return ERR_NOMEM;
    memcpy(r->state_id, row->state_id, sizeof r->state_id);
    memcpy(r->last, row->last, sizeof r->last);
    memcpy(r->first, row->first, sizeof r->first);
    memcpy(r->middle, row->middle, sizeof r->middle);
    memcpy(r->gender, row->gender, sizeof r->gender);
    r->born = row->born;
    memcpy(r->district, row->district, sizeof r->district);
    memcpy(r->school, row->school, sizeof r->school);
    memcpy(r->grade, row->grade, sizeof r->grade);
    memcpy(r->homeroom, row->homeroom, sizeof r->homeroom);
    r->filed_ms = (uint64_t)clock_wall_ms();
    TRY(buf_new(&plain, 4096));
    p = PACK(plain);
    pack_student_record(&p, r);
    TRY(pack_end(&p));
    e = dek_load(v, s->sid, 0, &d);
    if (e == ERR_NOTFOUND)
        e = dek_make(v, b, s->sid, 0, &d);
    TRY(e);
    return record_put(v, b, KIND_STUDENT, SEAL_STUDENT, s->sid, d, plain);
}

static enum err apply_row(struct vault *v, struct roster_job *r, const struct shape_roster_row *row,
                          struct date today)
{
    CLEANUP(heap) struct student *s = calloc(1, sizeof *s);
    struct consent_entry entry = {
        .answer = (enum consent_answer)row->opt_in, .on = row->opt_in_on, .filed = today};
    struct store_batch *b = r->job.batch;
    enum err e;

    if (!s)
        return ERR_NOMEM;
    memcpy(entry.district, row->district, sizeof entry.district);
    e = student_load(s, v, row->state_id);
    if (!e)
        e = student_expect(s, b);
    if (!e)
        e = student_add_answer(s, v, b, &entry);
    if (!e && student_consent(s, v, today) == CONSENT_STATE_IN) {
        e = put_student(v, b, s, row);
    } else if (!e && student_consent(s, v, today) == CONSENT_STATE_OUT && record_is_there(&s->details)) {
        e = student_erase(s, v, b, "opted-out");
        r->report.withdrawn++;
        r->erases = true;
    }
    student_clear(s);
    return e;
}

/* ---- The whole ---- */

static enum err refuse_row(struct roster_job *r, const struct shape_roster_row *row, enum outcome outcome)
{
    struct shape_report_row out = {.line = row->line, .outcome = (unsigned char)outcome};
    struct pack p = PACK(r->refused);

    r->report.refused++;
    memcpy(out.state_id, row->state_id, sizeof out.state_id);
    pack_report_row(&p, &out);
    return pack_end(&p);
}

static enum outcome judge_row(const struct roster_job *r, const struct shape_roster_row *row)
{
    if (row->fault[0])
        return worker_fault(row->fault, OUTCOME_ROW_ENCODING);
    if (strcmp(row->district, r->actor.district) != 0)
        return OUTCOME_DISTRICT_MISMATCH;
    if (!is_state_id(row->state_id))
        return OUTCOME_STATE_ID_MALFORMED;
    if (row->opt_in > CONSENT_OUT)
        return OUTCOME_OPT_IN_MALFORMED;
    return OUTCOME_ACCEPTED;
}

struct line_of_id {
    char state_id[STATE_ID_TEXT];
    uint32_t line;
};

static int by_id(const void *a, const void *b)
{
    const struct line_of_id *x = a, *y = b;
    int order = strcmp(x->state_id, y->state_id);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* The State IDs of the good rows, sorted, so that the second line of one child is found. */
static enum err list_ids(const struct roster_job *r, const struct bulk *table, struct line_of_id **out,
                         size_t *count)
{
    CLEANUP(heap) struct line_of_id *ids = NULL;
    struct take t = TAKE_BYTES(table->bytes, table->len);
    struct shape_roster_row row;
    size_t n = 0, max = 0, lines = 0;

    while (take_more(&t)) {
        take_roster_row(&t, &row);
        if (++lines > ROWS_MAX)
            return ERR_MALFORMED;
        if (t.err || judge_row(r, &row) != OUTCOME_ACCEPTED)
            continue;
        if (n == max) {
            struct line_of_id *more = realloc(ids, (max = max ? 2 * max : 1024) * sizeof *more);

            if (!more)
                return ERR_NOMEM;
            ids = more;
        }
        memcpy(ids[n].state_id, row.state_id, STATE_ID_TEXT);
        ids[n++].line = row.line;
    }
    TRY(take_end(&t));
    if (n)
        qsort(ids, n, sizeof *ids, by_id);
    *count = n;
    *out = TAKE(ids);
    return OK;
}

static bool is_repeated(const struct line_of_id *ids, size_t count, const struct shape_roster_row *row)
{
    struct line_of_id key = {.line = row->line};
    const struct line_of_id *found;

    memcpy(key.state_id, row->state_id, STATE_ID_TEXT - 1);
    found = bsearch(&key, ids, count, sizeof *ids, by_id);
    return found && found > ids && strcmp(found[-1].state_id, found->state_id) == 0;
}

static enum err apply_rows(struct vault *v, struct roster_job *r, const struct bulk *table)
{
    CLEANUP(heap) struct line_of_id *ids = NULL;
    struct take t = TAKE_BYTES(table->bytes, table->len);
    struct date today = law_today(clock_wall_ms());
    struct shape_roster_row row;
    size_t count = 0;

    TRY(list_ids(r, table, &ids, &count));
    while (take_more(&t)) {
        enum outcome o;

        take_roster_row(&t, &row);
        if (t.err)
            break;
        r->report.lines++;
        o = judge_row(r, &row);
        if (o == OUTCOME_ACCEPTED && is_repeated(ids, count, &row))
            o = OUTCOME_STATE_ID_REPEATED;
        if (o != OUTCOME_ACCEPTED) {
            TRY(refuse_row(r, &row, o));
            continue;
        }
        r->report.in += row.opt_in == CONSENT_IN;
        r->report.out += row.opt_in == CONSENT_OUT;
        r->report.blank += row.opt_in == CONSENT_BLANK;
        if (!r->goes_with_batch)
            TRY(apply_row(v, r, &row, today));
    }
    return take_end(&t);
}

static void roster_done(struct vault *v, struct job *j);

static enum err write_rows(struct job *j)
{
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct roster_job *r = (struct roster_job *)j;

    TRY(bulk_map(&table, r->table_fd, TABLE_MAX));
    return batch_roster_write(r->vault, r->batch, r->batch_dek, table.bytes, table.len);
}

/* Its rows stand in the spool before the batch says that it has them. */
static enum err go_with_batch(struct vault *v, struct roster_job *r)
{
    if (!r->batch_dek)
        TRY(dek_load(v, r->batch, BATCH_CHUNKS, &r->batch_dek));
    TRY(batch_roster_put(v, r->job.batch, r->batch));
    r->job.work = write_rows;
    return OK;
}

static enum err decide(struct vault *v, struct roster_job *r)
{
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct leaf l;

    job_clear(&r->job);
    buf_free(r->refused);
    r->refused = NULL;
    r->report = (struct shape_roster_report){.lines = 0};
    memcpy(r->report.format, r->summary.format, sizeof r->report.format);
    TRY(bulk_map(&table, r->table_fd, TABLE_MAX));
    TRY(buf_new(&r->refused, REPORT_MAX));
    TRY(store_batch_new(&r->job.batch));
    TRY(apply_rows(v, r, &table));
    if (r->goes_with_batch)
        TRY(go_with_batch(v, r));
    leaf_begin(&l, r->goes_with_batch ? "batch-roster" : "roster");
    leaf_actor(&l, v, &r->actor);
    if (r->goes_with_batch)
        leaf_hex(&l, "batch", r->batch, sizeof r->batch);
    leaf_number(&l, "lines", r->report.lines);
    leaf_number(&l, "in", r->report.in);
    leaf_number(&l, "out", r->report.out);
    leaf_number(&l, "blank", r->report.blank);
    leaf_number(&l, "refused", r->report.refused);
    TRY(leaf_add(&l, v, r->job.batch, NULL));
    r->job.lane = LANE_BULK;
    r->job.done = roster_done;
    return committer_submit(v->committer, &r->job);
}

static void roster_done(struct vault *v, struct job *j)
{
    struct roster_job *r = (struct roster_job *)j;
    CLEANUP(fd) int fd = -1;
    enum err e = job_result(j);

    if (j->outcome.result == STORE_CONFLICT && ++r->tries < VAULT_TRIES) {
        e = decide(v, r);
        if (!e)
            return;
    }
    if (!e)
        e = bulk_new(&fd, buf_bytes(r->refused), buf_len(r->refused));
    if (e) {
        give_up(v, r, e);
        return;
    }
    r->report.leaf = j->outcome.first_leaf;
    answer(v, r->to, MSG_ROSTER_REPORT, &r->report, &fd, 1);
    if (r->erases)
        erasures_finish(v);
    roster_free(v, r);
}

void roster_parsed(struct vault *v, struct peer *p, struct message *m)
{
    struct roster_job *r = roster_of(v, p);
    enum err e;

    worker_answered(p, STATE_IDLE);
    if (r) {
        r->worker = 0;
        r->table_fd = message_take_fd(m, 0);
        r->summary = m->is.roster_summary;
        e = decide(v, r);
        if (e == ERR_MALFORMED || e == ERR_LIMIT) {
            refuse_known(v, r->to, &r->actor, PROBLEM_ROSTER_UNUSABLE, "the file could not be read", NULL);
            roster_free(v, r);
            peer_distrust(v, p, "a roster that does not parse");
        } else if (e) {
            give_up(v, r, e);
        }
    }
    staging_wake(v);
}
