#ifndef PHOTOD_VAULT_UPLOAD_H
#define PHOTOD_VAULT_UPLOAD_H

#include "photod/vault/audit.h"
#include "photod/vault/spool.h"

/*
 * An upload: bytes on their way through the office door into the spool.
 *
 * Its life:
 *   open      chunks come in order, one at a time being written
 *   closed    the door said how many bytes there were; the taker owns what follows
 *   dropped   aborted, its door gone, or a chunk failed: the spool is emptied
 */
struct upload {
    struct upload *next;
    uint64_t id;
    uint64_t peer;
    struct actor actor;
    unsigned char spool_id[SPOOL_ID_BYTES];
    struct dek *dek;
    uint32_t chunks; /* kept so far */
    uint64_t bytes;
    bool writing; /* a chunk is with the committing thread */
    bool dropped;
    char media[64];
    bool is_roster;
    bool goes_with_batch; /* a roster: not for the families' answers, but to find this batch's children */
    unsigned char batch[SUBJECT_BYTES];
};

/* Takes dek over, whatever happens.  Expected: ERR_BUSY, too many are under way. */
MUST_CHECK enum err upload_open(struct vault *v, struct peer *p, const struct actor *a,
                                const unsigned char spool_id[static SPOOL_ID_BYTES], struct dek *dek,
                                bool is_roster, const char *media, struct upload **out);
/* Whether an upload into this spool is under way. */
bool upload_is_open(const struct vault *v, const unsigned char spool_id[static SPOOL_ID_BYTES]);
/* Unlinks and frees it; the spool stays. */
void upload_forget(struct vault *v, struct upload *u);

void answer_upload_chunk(struct vault *v, struct peer *p, struct message *m);
void answer_upload_close(struct vault *v, struct peer *p, struct message *m);
void answer_upload_abort(struct vault *v, struct peer *p, struct message *m);
void uploads_peer_gone(struct vault *v, const struct peer *p);

#endif
