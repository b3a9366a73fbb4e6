#ifndef PHOTOD_VAULT_BATCH_H
#define PHOTOD_VAULT_BATCH_H

#include "photod/vault/upload.h"

/*
 * A batch of photos: one ZIP, judged as a whole, visible as a whole.
 *
 * Its life (enum batch_state):
 *   staging    created; then uploaded; then each file judged (staging.c)
 *   staged     every file has its row; nothing is visible yet
 *   committed  one record changes, and every photo of it is the current one
 *   undone     one record changes back
 */
MUST_CHECK enum err batch_load(struct vault *v, const unsigned char id[static SUBJECT_BYTES],
                               struct shape_batch_record *out, struct record *read);
MUST_CHECK enum err batch_put(struct vault *v, struct store_batch *b,
                              const unsigned char id[static SUBJECT_BYTES],
                              const struct shape_batch_record *r);

void answer_batch_create(struct vault *v, struct peer *p, struct message *m);
void answer_batch_upload(struct vault *v, struct peer *p, struct message *m);
void answer_batch_get(struct vault *v, struct peer *p, struct message *m);
void answer_batch_commit(struct vault *v, struct peer *p, struct message *m);
void answer_batch_undo(struct vault *v, struct peer *p, struct message *m);
/* The upload is whole: takes it over, starts the judging once that is durable. */
void batch_uploaded(struct vault *v, struct asker to, struct upload *u);

#endif
