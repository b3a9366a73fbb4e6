#ifndef PHOTOD_VAULT_STAGING_H
#define PHOTOD_VAULT_STAGING_H

#include "photod/vault/vault.h"

/*
 * Staging: judging the files of an uploaded batch, one batch at a time.  One
 * worker reads the ZIP out of the spool, the others normalise pictures; only
 * files of children who may be stored are ever unpacked.  Every verdict is a
 * row, committed with its photo, so that after a crash the work goes on with
 * the rows that are missing.
 */
struct staging;

/* Something changed: a batch was uploaded, a worker is free.  Also at start. */
void staging_wake(struct vault *v);
void staging_free(struct vault *v);
/* Judges some more of what a ZIP lists.  Whether there was something: then more is due at once. */
bool staging_judge(struct vault *v);

/* What workers answer. */
void staging_chunk_want(struct vault *v, struct peer *p, struct message *m);
void staging_zip_listed(struct vault *v, struct peer *p, struct message *m);
void staging_zip_indexed(struct vault *v, struct peer *p, struct message *m);
void staging_zip_refused(struct vault *v, struct peer *p, struct message *m);
void staging_zip_bytes(struct vault *v, struct peer *p, struct message *m);
void staging_zip_fault(struct vault *v, struct peer *p, struct message *m);
void staging_image_done(struct vault *v, struct peer *p, struct message *m);
void staging_image_fault(struct vault *v, struct peer *p, struct message *m);
void staging_worker_gone(struct vault *v, const struct peer *p);

/* How many files the ZIP of a batch being judged lists; 0 when not known yet. */
uint32_t staging_files(struct vault *v, const unsigned char id[static SUBJECT_BYTES]);

#endif
