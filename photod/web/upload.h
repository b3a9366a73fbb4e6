#ifndef PHOTOD_WEB_UPLOAD_H
#define PHOTOD_WEB_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "photod/web/vault.h"

/*
 * An upload on its way to the vault: the body is cut into chunks of 1 MiB
 * (the last is what is left), each a sealed memfd.  While the vault seals
 * one, the next is being filled.  Nothing here looks at the bytes.
 */
struct request;

#define UPLOAD_CHUNK_BYTES ((size_t)1 << 20)

struct upload {
    struct vault_upload vault;
    uint64_t bytes; /* of the whole */
    uint64_t taken; /* so far */
    int fd;         /* the chunk being filled; meaningful while room is not 0 */
    unsigned char *chunk;
    size_t room, filled;
};

/* The body's next piece.  False: refused. */
bool upload_feed(struct request *r, const char *bytes, size_t len);
/* The body is here as a whole: the vault's last word.  False: refused. */
bool upload_finish(struct request *r, enum msg wanted, struct message *answer, uint64_t *link);
/* Gives back what an unfinished upload holds, here and in the vault. */
void upload_clear(struct upload *u);

#endif
