#ifndef PHOTOD_VAULT_BATCH_UPLOAD_H
#define PHOTOD_VAULT_BATCH_UPLOAD_H

#include "photod/vault/upload.h"

/*
 * The upload of a batch, which survives connections and starts: what stands
 * in the spool is asked for, and gone on with from there.
 *
 *   none      the batch is created
 *   begun     its length is known (shape batch_record: bytes); any number of
 *             connections bring its bytes, one at a time: a later one ends
 *             the one before, and beginning anew empties the spool
 *   whole     all bytes are durable, and so is that (uploaded); it is judged
 *   expired   not whole within BATCH_OPEN_DAYS: nothing more is taken, and
 *             the night throws it away with its batch (night.h)
 */
/* While the committing thread works on the upload they ask about, they wait for it: what they would be told
 * is about to change. */
void answer_upload_create(struct vault *v, struct peer *p, struct message *m);
void answer_upload_resume(struct vault *v, struct peer *p, struct message *m);
void answer_upload_get(struct vault *v, struct peer *p, struct message *m);

/* It is done: those that waited are answered. */
void batch_upload_settled(struct vault *v);

/* The upload is whole: takes it over, starts the judging once that is durable. */
void batch_uploaded(struct vault *v, struct asker to, struct upload *u);

#endif
