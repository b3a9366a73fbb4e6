#ifndef PHOTOD_WEB_VAULT_H
#define PHOTOD_WEB_VAULT_H

#include <stdbool.h>
#include <stdint.h>
#include "photod/web/link.h"

/*
 * What web asks the vault, one call per question; the vault decides
 * everything.  A call blocks the connection's thread until its answer is
 * here; the answer is one the question has (messages.def) or REFUSED.
 *
 * Every question: OK with *answer filled; ERR_CLOSED when there is no vault
 * (after waiting 2 s for one) or it went away meanwhile, ERR_BUSY when it
 * did not answer in time: the door then says `unavailable`.  *link, where it
 * is given, is for link_distrust().
 */

/* An upload the vault has opened, with at most one chunk on its way. */
struct vault_upload {
    uint64_t link, id; /* link 0: not open */
    bool sending;
    struct link_call chunk;
};

/* The law door. */
MUST_CHECK enum err vault_lookup(const struct shape_lookup *ask, struct message *answer, uint64_t *link);

/* The office door.  An answer of UPLOAD_READY fills *upload; then chunks, then leave. */
MUST_CHECK enum err vault_roster_open(const struct shape_roster_open *ask, struct vault_upload *upload,
                                      struct message *answer);
MUST_CHECK enum err vault_upload_create(const struct shape_upload_create *ask, struct vault_upload *upload,
                                        struct message *answer);
MUST_CHECK enum err vault_upload_resume(const struct shape_upload_resume *ask, struct vault_upload *upload,
                                        struct message *answer);
MUST_CHECK enum err vault_upload_get(const struct shape_batch_name *ask, struct message *answer);
/*
 * Sends the chunk that begins at offset of the whole; first waits for the one
 * before, whose answer must be UPLOAD_KEPT or REFUSED.  fd stays the caller's.
 */
MUST_CHECK enum err vault_upload_chunk(struct vault_upload *upload, uint64_t offset, int fd,
                                       struct message *answer);
/* The last chunk's answer: UPLOAD_KEPT, what became of the whole, or REFUSED.  *link: where it came by. */
MUST_CHECK enum err vault_upload_await(struct vault_upload *upload, struct message *answer, uint64_t *link);
/* Waits for the last chunk, and lets go.  Nothing happens when it is not open. */
void vault_upload_leave(struct vault_upload *upload);
MUST_CHECK enum err vault_batch_create(const struct shape_batch_create *ask, struct message *answer);
MUST_CHECK enum err vault_batch_get(const struct shape_batch_name *ask, struct message *answer,
                                    uint64_t *link);
/* Those made before ask->batch, or the newest. */
MUST_CHECK enum err vault_batch_list(const struct shape_batch_name *ask, struct message *answer,
                                     uint64_t *link);
MUST_CHECK enum err vault_review_get(const struct shape_batch_name *ask, struct message *answer,
                                     uint64_t *link);
/* fd: rows of shape review_decision; it stays the caller's. */
MUST_CHECK enum err vault_review_decide(const struct shape_batch_name *ask, int fd, struct message *answer);
MUST_CHECK enum err vault_batch_commit(const struct shape_batch_name *ask, struct message *answer);
MUST_CHECK enum err vault_batch_undo(const struct shape_batch_name *ask, struct message *answer);
MUST_CHECK enum err vault_withdraw(const struct shape_withdraw *ask, struct message *answer);

/* Both doors. */
MUST_CHECK enum err vault_health(struct message *answer);
/* Without an answer; lost when there is no vault (strangers: ERR_CLOSED, count on). */
void vault_door_refused(const struct shape_door_refused *what);
MUST_CHECK enum err vault_strangers(const struct shape_strangers *what);

#endif
