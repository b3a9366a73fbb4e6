#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/auth.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/opted_out.h"
#include "photod/vault/roster.h"
#include "photod/vault/roster_apply.h"
#include "photod/vault/staging.h"
#include "photod/vault/worker.h"
#include "photod/wire/bulk.h"

#define ROSTER_MAX (64u << 20)
#define JOBS_MAX   16 /* each holds a whole file in memory */

/*
 * A roster's life:
 *   waiting   whole in memory as a sealed memfd, no worker yet
 *   parsing   a worker reads it
 *   deciding  its rows become a batch, some at each turn
 *   applying  that batch is with the committing thread
 *   erasing   what is kept of children who were opted out goes, some at a time; then it is answered
 */
struct roster_job {
    struct job job;
    struct roster_job *next;
    struct vault *vault;
    struct asker to;
    struct actor actor;
    bool goes_with_batch; /* then nothing is applied: its rows go into that batch's spool */
    bool foretells;       /* and the report says what would be: the batch is a dry run */
    unsigned char batch[SUBJECT_BYTES];
    unsigned place; /* in which of that batch's places its rows are written */
    struct dek *batch_dek;
    char media[64];
    int fd;          /* the file; -1 once applied */
    int table_fd;    /* the worker's rows, kept to decide again after a conflict */
    uint64_t worker; /* peer id; 0: none */
    unsigned tries;
    uint64_t reader; /* who read it */
    struct shape_roster_summary summary;
    bool deciding;
    struct roster_apply apply;
};

static void roster_free(struct vault *v, struct roster_job *r)
{
    for (struct roster_job **at = &v->rosters; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    job_clear(&r->job);
    roster_apply_clear(&r->apply);
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
    unsigned char id[SPOOL_ID_BYTES], batch[SUBJECT_BYTES] = {0};
    struct upload_plan plan = {.spool_id = id, .length = ask->length, .media = ask->media};
    struct dek *d = NULL;
    bool dry_run = false;
    struct upload *u;
    struct actor a;
    enum err e;

    if (ask->batch[0] ? batch_roster_may(v, to, ask, &a, batch, &dry_run)
                      : auth_key(v, to, ask->key, ask->district, ask->source, &a))
        return;
    if (!ask->length || ask->length > ROSTER_MAX) {
        refuse_known(v, to, &a, ask->length ? PROBLEM_BODY_TOO_LARGE : PROBLEM_UPLOAD_INCOMPLETE, NULL, NULL);
        return;
    }
    if (!spool_has_room(v)) {
        refuse_known(v, to, &a, PROBLEM_STORAGE_FULL, NULL, NULL);
        return;
    }
    randombytes_buf(id, sizeof id);
    e = dek_new(&d);
    if (!e)
        e = upload_open(v, p, &a, &plan, d, &u);
    if (!e && (e = spool_make(v, id)))
        upload_end(v, u);
    if (e) {
        log_error("an upload could not be opened: %s", err_name(e));
        answer_refused(v, to, problem_of(e), NULL, 0);
        return;
    }
    u->goes_with_batch = ask->batch[0] != '\0';
    u->foretells = dry_run;
    memcpy(u->batch, batch, sizeof u->batch);
    upload_ready(v, to, u, 0);
}

static enum err gather(struct vault *v, const struct upload *u, int *fd)
{
    CLEANUP(buf) struct buf *whole = NULL;

    TRY(buf_new(&whole, ROSTER_MAX));
    for (uint32_t n = 0; buf_len(whole) < u->length; n++)
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

/* Two of one batch would write into the same place. */
static bool is_another(const struct vault *v, const struct upload *u)
{
    for (const struct roster_job *r = v->rosters; r; r = r->next)
        if (r->goes_with_batch && u->goes_with_batch && memcmp(r->batch, u->batch, sizeof r->batch) == 0)
            return true;
    return false;
}

/* Of a roster that is whole. */
static void start(struct vault *v, struct asker to, const struct upload *u)
{
    struct roster_job *r = job_count(v) < JOBS_MAX ? calloc(1, sizeof *r) : NULL;
    enum err e = r ? OK : ERR_NOMEM;

    if (r) {
        r->vault = v;
        r->to = to;
        r->goes_with_batch = u->goes_with_batch;
        r->foretells = u->foretells;
        memcpy(r->batch, u->batch, sizeof r->batch);
        r->actor = u->actor;
        r->fd = r->table_fd = -1;
        memcpy(r->media, u->media, sizeof r->media);
        r->next = v->rosters;
        v->rosters = r;
        e = gather(v, u, &r->fd);
    }
    if (!e)
        rosters_wake(v);
    else if (r)
        give_up(v, r, e);
    else
        answer_refused(v, to, problem_of(e), NULL, 0);
}

void roster_start(struct vault *v, struct asker to, struct upload *u)
{
    if (is_another(v, u))
        refuse_known(v, to, &u->actor, PROBLEM_BATCH_STATE,
                     "another roster of the batch is being read: send this one again", NULL);
    else
        start(v, to, u);
    spool_remove(v, u->spool_id);
    upload_forget(v, u);
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

/* ---- Deciding ---- */

static void roster_done(struct vault *v, struct job *j);

static enum err write_rows(struct job *j)
{
    struct roster_job *r = (struct roster_job *)j;

    return batch_roster_write(r->vault, r->batch, r->place, r->batch_dek, r->apply.table.bytes,
                              r->apply.table.len);
}

/* Its rows stand in the spool before the batch says that it has them.  What they would change is left undone.
 */
static enum err go_with_batch(struct vault *v, struct roster_job *r)
{
    TRY(store_batch_new(&r->job.batch));
    if (!r->batch_dek)
        TRY(dek_load(v, r->batch, BATCH_CHUNKS, &r->batch_dek));
    TRY(batch_roster_put(v, r->job.batch, r->batch, &r->place));
    r->job.work = write_rows;
    return OK;
}

static enum err submit(struct vault *v, struct roster_job *r)
{
    const struct shape_roster_report *report = &r->apply.report;
    struct leaf l;

    job_clear(&r->job);
    if (r->goes_with_batch)
        TRY(go_with_batch(v, r));
    else
        r->job.batch = TAKE(r->apply.batch);
    leaf_begin(&l, r->goes_with_batch ? "batch-roster" : "roster");
    leaf_actor(&l, v, &r->actor);
    if (r->goes_with_batch)
        leaf_hex(&l, "batch", r->batch, sizeof r->batch);
    leaf_number(&l, "lines", report->lines);
    leaf_number(&l, "in", report->in);
    leaf_number(&l, "out", report->out);
    leaf_number(&l, "blank", report->blank);
    leaf_number(&l, "refused", report->refused);
    TRY(leaf_add(&l, v, r->job.batch, NULL));
    r->job.lane = LANE_BULK;
    r->job.done = roster_done;
    r->deciding = false;
    return committer_submit(v->committer, &r->job);
}

/* The worker's table makes no sense. */
static void blame_reader(struct vault *v, struct roster_job *r)
{
    struct peer *p = peer_find(v, (struct asker){r->reader, 0});

    refuse_known(v, r->to, &r->actor, PROBLEM_ROSTER_UNUSABLE, "the file could not be read", NULL);
    roster_free(v, r);
    if (p)
        peer_distrust(v, p, "a roster that does not parse");
}

static void refuse_nameless(struct vault *v, struct roster_job *r)
{
    refuse_known(v, r->to, &r->actor, PROBLEM_ROSTER_NAMELESS, NULL, NULL);
    roster_free(v, r);
}

/* Ends it, unless all is well. */
static void check(struct vault *v, struct roster_job *r, enum err e)
{
    if (e == ERR_MALFORMED || e == ERR_LIMIT)
        blame_reader(v, r);
    else if (e)
        give_up(v, r, e);
}

static void decide(struct vault *v, struct roster_job *r)
{
    r->deciding = true;
    check(v, r, roster_apply_begin(&r->apply, r->table_fd, &r->summary, r->goes_with_batch && !r->foretells));
}

bool rosters_decide(struct vault *v)
{
    struct roster_job *oldest = NULL;
    bool whole;
    enum err e;

    for (struct roster_job *r = v->rosters; r; r = r->next)
        if (r->deciding)
            oldest = r;
    if (!oldest)
        return false;
    e = roster_apply_some(&oldest->apply, v, &oldest->actor, &whole);
    if (!e && whole && oldest->goes_with_batch && !oldest->foretells && !oldest->apply.findable) {
        refuse_nameless(v, oldest);
        return true;
    }
    if (!e && whole)
        e = submit(v, oldest);
    check(v, oldest, e);
    return true;
}

/* ---- The end ---- */

static void report(struct vault *v, struct roster_job *r)
{
    struct roster_apply *a = &r->apply;
    CLEANUP(fd) int fd = -1;
    enum err e = bulk_new(&fd, buf_bytes(a->rows), buf_len(a->rows));

    if (e) {
        give_up(v, r, e);
        return;
    }
    answer(v, r->to, MSG_ROSTER_REPORT, &a->report, &fd, 1);
    roster_free(v, r);
}

static void erased(struct vault *v, void *context, enum err e)
{
    if (e)
        give_up(v, context, e);
    else
        report(v, context);
}

static void roster_done(struct vault *v, struct job *j)
{
    struct roster_job *r = (struct roster_job *)j;
    struct roster_apply *a = &r->apply;
    enum err e = job_result(j);

    if (j->outcome.result == STORE_CONFLICT && ++r->tries < VAULT_TRIES) {
        decide(v, r);
        return;
    }
    a->report.leaf = j->outcome.first_leaf;
    job_clear(j);
    if (!e && r->goes_with_batch)
        batch_roster_keep(v, r->batch, r->place);
    if (!e && a->report.withdrawn && !r->goes_with_batch)
        e = opted_out_erase(v, TAKE(a->withdrawn), a->report.withdrawn, erased, r);
    else if (!e) {
        report(v, r);
        return;
    }
    if (e)
        give_up(v, r, e);
}

void roster_parsed(struct vault *v, struct peer *p, struct message *m)
{
    struct roster_job *r = roster_of(v, p);

    worker_answered(p, STATE_IDLE);
    if (r) {
        r->worker = 0;
        r->reader = p->id;
        r->table_fd = message_take_fd(m, 0);
        r->summary = m->is.roster_summary;
        decide(v, r);
    }
    staging_wake(v);
}
