#ifndef PHOTOD_VAULT_SPOOL_H
#define PHOTOD_VAULT_SPOOL_H

#include "photod/vault/vault.h"

/*
 * The spool: what was uploaded and is not judged yet, as sealed files of at
 * most VAULT_CHUNK plain bytes each, spool/<id>/<number>.  The key of a
 * batch stands in the keyring until the batch is judged; that of a roster
 * only in memory, so that a roster cut off by a crash is dead at once.
 */
#define SPOOL_ID_BYTES 16

MUST_CHECK enum err spool_make(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]);
/* Seals, writes and syncs one chunk.  Expected: ERR_FULL.  Safe off the deciding thread. */
MUST_CHECK enum err spool_write(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES],
                                const struct dek *d, uint32_t number, const void *bytes, size_t len);
/* Appends the plain bytes.  Expected: ERR_NOTFOUND, ERR_CORRUPT. */
MUST_CHECK enum err spool_read(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES],
                               const struct dek *d, uint32_t number, struct buf *out);
/* Makes names durable, after the last chunk. */
MUST_CHECK enum err spool_sync(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]);
void spool_remove(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]);
/* At start: removes every upload that keep() does not claim. */
void spool_sweep(struct vault *v,
                 bool (*keep)(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]));
/* Whether the volume has room for uploads (full_percent). */
bool spool_has_room(struct vault *v);

#endif
