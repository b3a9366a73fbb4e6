/* Verdicts on files that are not stored, on their way to the disk. */
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/commit.h"
#include "photod/vault/staging_state.h"
#include "photod/vault/worker.h"

struct rows_job {
    struct job job;
    uint32_t entries[ROWS_AT_ONCE];
    uint32_t count;
};

void entry_rowed(struct staging *s, uint32_t index, const struct verdict *verdict)
{
    s->entries[index].phase = ROWED;
    s->entries[index].verdict = *verdict;
    s->rowed++;
    s->stored += verdict->outcome == OUTCOME_STORED;
    s->review += verdict->outcome == OUTCOME_NEEDS_REVIEW;
}

static void rows_done(struct vault *v, struct job *j)
{
    struct rows_job *r = (struct rows_job *)j;
    struct staging *s = v->staging;
    enum err e = job_result(j);

    for (uint32_t i = 0; i < r->count; i++) {
        struct entry *entry = &s->entries[r->entries[i]];

        if (e)
            entry->phase = VERDICT;
        else
            entry_rowed(s, r->entries[i], &entry->verdict);
    }
    if (e) {
        log_error("report rows could not be committed: %s", err_name(e));
        s->broken = true;
    }
    job_clear(j);
    free(r);
    staging_pump(v);
}

static enum err submit_rows(struct vault *v, struct staging *s, struct rows_job *r)
{
    TRY(store_batch_new(&r->job.batch));
    for (uint32_t i = 0; i < r->count; i++)
        TRY(rows_put(r->job.batch, s->id, s->row_dek, &s->entries[r->entries[i]].verdict, 1));
    r->job.lane = LANE_BULK;
    r->job.done = rows_done;
    return committer_submit(v->committer, &r->job);
}

/* Commits the rows of these entries, all of phase VERDICT. */
static void commit_some(struct vault *v, struct staging *s, const uint32_t *entries, uint32_t count)
{
    struct rows_job *r = calloc(1, sizeof *r);
    enum err e = ERR_NOMEM;

    if (r) {
        memcpy(r->entries, entries, count * sizeof *entries);
        r->count = count;
        e = submit_rows(v, s, r);
    }
    if (!e) {
        for (uint32_t i = 0; i < count; i++)
            s->entries[entries[i]].phase = ROWING;
        return;
    }
    log_error("report rows could not be queued: %s", err_name(e));
    if (r)
        job_clear(&r->job);
    free(r);
    s->broken = true;
}

void rows_commit(struct vault *v, struct staging *s)
{
    uint32_t pending[ROWS_AT_ONCE], n = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        if (s->entries[i].phase == VERDICT)
            pending[n++] = i;
        if (n == ROWS_AT_ONCE || (n && i + 1 == s->count)) {
            commit_some(v, s, pending, n);
            n = 0;
        }
    }
}

void entry_verdict(struct vault *v, struct staging *s, uint32_t index, enum outcome outcome)
{
    s->entries[index].phase = VERDICT;
    s->entries[index].verdict.outcome = outcome;
    commit_some(v, s, &index, 1);
}

void entry_verdict_code(struct vault *v, struct staging *s, uint32_t index, const char *code)
{
    entry_verdict(v, s, index, worker_fault(code, OUTCOME_UNREADABLE));
}
