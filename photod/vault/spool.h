#ifndef PHOTOD_VAULT_SPOOL_H
#define PHOTOD_VAULT_SPOOL_H

#include "photod/vault/vault.h"

/*
 * The spool: what was uploaded and is not judged yet, as sealed files of
 * VAULT_CHUNK plain bytes each (the last may hold fewer), spool/<id>/<number>,
 * so that a worker finds its bytes by their number.  Each is bound to its
 * upload and number.  The key of a batch stands in the keyring until the
 * batch is judged; that of a roster only in memory, so that a roster cut off
 * by a crash is dead at once.
 *
 * A chunk file is replaced as a whole, and is durable under its name before
 * the next begins: what stands in the spool after a crash is a beginning of
 * the upload, and may be gone on with.
 */
#define SPOOL_ID_BYTES 16

MUST_CHECK enum err spool_make(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]);
/* The same, empty and durably so, whatever stood there before.  Safe off the deciding thread. */
MUST_CHECK enum err spool_restart(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]);
/*
 * Makes len more bytes durable, which begin at offset of the whole upload and
 * stay within one chunk.  Expected: ERR_FULL; ERR_CORRUPT, what the chunk
 * holds before offset is not there.  Safe off the deciding thread.
 */
MUST_CHECK enum err spool_write(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES],
                                const struct dek *d, uint64_t offset, const void *bytes, size_t len);
/* Appends the plain bytes.  Expected: ERR_NOTFOUND, ERR_CORRUPT. */
MUST_CHECK enum err spool_read(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES],
                               const struct dek *d, uint32_t number, struct buf *out);
/*
 * How many bytes of an upload of that length stand in the spool without a
 * gap.  Less than length in any case: an upload that is whole and was not
 * handed on has its last byte sent again, and the answer to that hands it on.
 */
uint64_t spool_measure(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES], const struct dek *d,
                       uint64_t length);
void spool_remove(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]);
/* At start: removes every upload that keep() does not claim. */
void spool_sweep(struct vault *v,
                 bool (*keep)(struct vault *v, const unsigned char id[static SPOOL_ID_BYTES]));
/* Whether the volume has room for uploads (full_percent, ballast_mib). */
bool spool_has_room(struct vault *v);

#endif
