#ifndef PHOTOD_WEB_UPLOAD_H
#define PHOTOD_WEB_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "photod/web/vault.h"

/*
 * An upload on its way to the vault: the body is cut where a MiB of the
 * whole upload ends, each piece a sealed memfd.  While the vault seals one,
 * the next is being filled.  Nothing here looks at the bytes.
 */
struct request;

#define UPLOAD_CHUNK_BYTES ((size_t)1 << 20)

struct upload {
    struct vault_upload vault;
    bool resumable;  /* what came before the connection broke is worth keeping */
    uint64_t offset; /* of the next byte, in the whole upload */
    uint64_t end;    /* where this body ends in it */
    uint64_t length; /* of the whole upload */
    uint64_t until_ms;
    int fd; /* the chunk being filled; meaningful while room is not 0 */
    unsigned char *chunk;
    size_t room, filled;
};

/*
 * The vault has opened it (e, answer: of that call), or not: judges that, and
 * readies it for the body.  False: refused.
 */
bool upload_begin(struct request *r, enum err e, const struct message *answer);
/* The body's next piece.  False: refused. */
bool upload_feed(struct request *r, const char *bytes, size_t len);
/* The body is here as a whole: the vault's word on its last chunk.  False: refused, or another answer. */
bool upload_finish(struct request *r, enum msg wanted, struct message *answer, uint64_t *link);
/* Gives back what an unfinished upload holds, here and in the vault. */
void upload_clear(struct upload *u);

#endif
