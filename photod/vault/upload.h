#ifndef PHOTOD_VAULT_UPLOAD_H
#define PHOTOD_VAULT_UPLOAD_H

#include "photod/vault/audit.h"
#include "photod/vault/spool.h"

/*
 * An upload under way: one connection of the office door that brings bytes
 * into one spool, in order, one chunk at a time being written.
 *
 * Its life:
 *   open      chunks come
 *   whole     as many bytes as were announced are durable; the taker owns what follows
 *   ended     its client or door is gone, somebody else goes on with it, or a
 *             chunk failed: a roster is gone, what a batch has stays (batch_upload.h)
 */
struct upload {
    struct upload *next;
    uint64_t id;
    uint64_t peer;
    struct actor actor;
    unsigned char spool_id[SPOOL_ID_BYTES];
    struct dek *dek;
    uint64_t offset; /* so many bytes are durable */
    uint64_t length; /* of the whole */
    bool writing;    /* the committing thread works on its spool */
    bool ended;
    bool is_roster;
    char media[64];       /* of a roster */
    bool goes_with_batch; /* a roster: not for the families' answers, but to find this batch's children */
    bool foretells;       /* and that one is a dry run */
    unsigned char batch[SUBJECT_BYTES];
};

/* What is to be uploaded; media: of a roster, NULL: a batch. */
struct upload_plan {
    const unsigned char *spool_id;
    uint64_t offset, length;
    const char *media;
};

/* Takes dek over, whatever happens.  Expected: ERR_BUSY, too many are under way. */
MUST_CHECK enum err upload_open(struct vault *v, const struct peer *p, const struct actor *a,
                                const struct upload_plan *plan, struct dek *dek, struct upload **out);
/* Answers the question that opened it; until_ms: as in shape upload_state. */
void upload_ready(struct vault *v, struct asker to, const struct upload *u, uint64_t until_ms);
/* The upload into this spool that is under way, or NULL. */
struct upload *upload_into(const struct vault *v, const unsigned char spool_id[static SPOOL_ID_BYTES]);
/* At once, or when the committing thread is done with it. */
void upload_end(struct vault *v, struct upload *u);
/* Unlinks and frees it; the spool stays. */
void upload_forget(struct vault *v, struct upload *u);

void answer_upload_chunk(struct vault *v, struct peer *p, struct message *m);
void answer_upload_leave(struct vault *v, struct peer *p, struct message *m);
void uploads_peer_gone(struct vault *v, const struct peer *p);

#endif
