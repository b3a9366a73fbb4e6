#ifndef PHOTOD_VAULT_BATCH_H
#define PHOTOD_VAULT_BATCH_H

#include "photod/vault/audit.h"
#include "photod/vault/commit.h"

/*
 * A batch of photos: one ZIP, judged as a whole, visible as a whole.
 *
 * Its life (enum batch_state):
 *   staging    created; then uploaded (batch_upload.h); then each file judged (staging.c)
 *   staged     every file has its row; nothing is visible yet
 *   committed  one record changes, and every photo of it is the current one
 *   undone     one record changes, and none is; what it brought is erased (undo.c)
 *   checked    the end of a dry run: every file has its row, and nothing else is there
 */
/* Its DEKs, by generation: of the upload, until it is judged; of the report, for 7 days. */
#define BATCH_CHUNKS 0
#define BATCH_ROWS   1
/* What nobody uploaded or committed within so many days is thrown away (night.h). */
#define BATCH_OPEN_DAYS 7

/* Of one district, staging or staged. */
#define BATCHES_OPEN_MAX 16

MUST_CHECK enum err batch_load(struct vault *v, const unsigned char id[static SUBJECT_BYTES],
                               struct shape_batch_record *out, struct record *read);
/* The same for the bytes that a walk comes across. */
MUST_CHECK enum err batch_open(struct vault *v, const unsigned char id[static SUBJECT_BYTES],
                               const void *sealed, size_t len, struct shape_batch_record *out);
MUST_CHECK enum err batch_put(struct vault *v, struct store_batch *b,
                              const unsigned char id[static SUBJECT_BYTES],
                              const struct shape_batch_record *r);

/* Who asks about which batch, and how it stands. */
struct batch_asked {
    struct asker to;
    struct actor actor;
    unsigned char id[SUBJECT_BYTES];
    struct shape_batch_record record;
    struct record read; /* what a change of it rests on */
};
static inline void batch_asked_cleanup(struct batch_asked *a)
{
    record_clear(&a->read);
}
/* The batch that the question names, if it is this district's; else the answer was sent to a->to. */
MUST_CHECK enum err batch_find(struct vault *v, struct batch_asked *a, const struct shape_batch_name *ask);
/* Refuses: "the batch is <state><more>". */
void batch_refuse_state(struct vault *v, const struct batch_asked *a, const char *more);
void batch_fill_state(struct shape_batch_state *s, const unsigned char *id,
                      const struct shape_batch_record *r, uint32_t judged, uint64_t leaf);

/* Answers with that state and table; or, when there was an error, with that. */
void batch_answer_table(struct vault *v, struct asker to, enum msg type, const struct shape_batch_state *s,
                        const struct buf *table, enum err e);

/*
 * One change of a batch: decided, committed with the record as it was read,
 * answered with its new state.
 */
struct batch_job {
    struct job job;
    struct asker to;
    struct actor actor;
    unsigned char id[SUBJECT_BYTES];
    struct shape_batch_record record; /* as it becomes */
    struct upload *upload;            /* batch_upload.c only */
    struct vault *vault;
};
/* NULL: no memory. */
struct batch_job *batch_job_new(struct vault *v, struct asker to, const struct actor *a);
/* The same, of a batch that was found. */
struct batch_job *batch_job_of(struct vault *v, const struct batch_asked *a);
/* Adds the leaf: district, credential, batch, files, stored. */
MUST_CHECK enum err batch_job_leaf(struct vault *v, struct batch_job *c, const char *type);
/* The usual done(): answers, frees. */
void batch_job_done(struct vault *v, struct job *j);
/* Answers with what went wrong; c may be NULL. */
void batch_job_give_up(struct vault *v, struct batch_job *c, struct asker to, enum err e);

void answer_batch_create(struct vault *v, struct peer *p, struct message *m);

#endif
