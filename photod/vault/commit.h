#ifndef PHOTOD_VAULT_COMMIT_H
#define PHOTOD_VAULT_COMMIT_H

#include "photod/vault/vault.h"

/*
 * The committing thread.  What arrives while one commit is on its way to the
 * disk shares the next (group commit); jobs of the law door go first.  After
 * each commit it signs the checkpoint, hands the jobs back, and publishes
 * the log's files.
 *
 * A job's life:
 *   decided    the deciding thread fills it and submits it
 *   queued     at most COMMIT_QUEUE of them
 *   committed  work() has run, the batch is durable or has a result that says why not
 *   done       the deciding thread calls done(), which owns the job again
 */
enum lane { LANE_LAW, LANE_BULK, LANE_COUNT };

struct job {
    enum lane lane;
    enum err (*work)(struct job *j); /* file work off the deciding thread; or NULL */
    struct store_batch *batch;       /* owned; or NULL */
    bool wants_proof;                /* of the batch's first leaf */
    bool vital;                      /* beside the law lane: the ballast goes rather than this */
    void (*done)(struct vault *v, struct job *j);

    /* Results. */
    enum err work_err;
    struct store_outcome outcome;
    struct buf *proof;      /* 32 bytes a node; with wants_proof */
    struct buf *checkpoint; /* the signed checkpoint that the proof leads to */
    struct job *next;
};

#define COMMIT_QUEUE 256

struct committer;

MUST_CHECK enum err committer_start(struct committer **out, struct vault *v);
/* Finishes what is queued. */
void committer_stop(struct committer *c);

/* Expected: ERR_BUSY, the queue is full; the job stays the caller's. */
MUST_CHECK enum err committer_submit(struct committer *c, struct job *j);
/* Readable when jobs are done. */
int committer_fd(const struct committer *c);
/* Calls done() of every job that is. */
void committer_collect(struct committer *c, struct vault *v);

/* Frees what a job holds, not the job. */
void job_clear(struct job *j);
/* Whether it is durable; else the error that the result amounts to. */
enum err job_result(const struct job *j);

#endif
