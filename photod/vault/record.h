#ifndef PHOTOD_VAULT_RECORD_H
#define PHOTOD_VAULT_RECORD_H

#include "photod/vault/vault.h"

/* The vault's records: their shapes (records.def), and how they are sealed and kept. */
#define SHAPES "photod/vault/records.def"
#include "photod/wire/shape_structs.inc"
#undef SHAPES

/* KIND_KEY and KIND_RENDITION keys: subject, generation (8, big endian) [, rendition]. */
#define KEY_BYTES           (SUBJECT_BYTES + 8)
#define RENDITION_KEY_BYTES (KEY_BYTES + 1)
#define ROW_KEY_BYTES       (SUBJECT_BYTES + 4)
#define MEMBER_KEY_BYTES    (SUBJECT_BYTES + SID_BYTES)

void key_of_dek(unsigned char key[static KEY_BYTES], const unsigned char *subject, uint64_t generation);
void key_of_rendition(unsigned char key[static RENDITION_KEY_BYTES], const unsigned char *sid,
                      uint64_t generation, unsigned rendition);
void key_of_row(unsigned char key[static ROW_KEY_BYTES], const unsigned char *batch, uint32_t row);
void key_of_member(unsigned char key[static MEMBER_KEY_BYTES], const unsigned char *batch,
                   const unsigned char *sid);
uint32_t row_of_key(const unsigned char key[static ROW_KEY_BYTES]);
/* The number that the last 8 bytes of a key or a member's value hold. */
uint64_t generation_of(const unsigned char bytes[static 8]);

struct binding binding_of(enum seal_class class, const unsigned char *subject, uint64_t generation);

/*
 * A value read: its plain bytes, and its sealed ones, which a decision that
 * rests on it expects unchanged.  Both NULL: there is none.
 */
struct record {
    struct buf *plain, *sealed;
};

#define RECORD_NONE ((struct record){NULL, NULL})

void record_clear(struct record *r);
static inline void record_cleanup(struct record *r)
{
    record_clear(r);
}
bool record_is_there(const struct record *r);
/* For reading the fields. */
struct take record_take(const struct record *r);

/*
 * Reads and opens the value of a 16-byte key; absent is OK and leaves *out
 * empty.  dek NULL: the record key.  Expected: ERR_CORRUPT.
 */
MUST_CHECK enum err record_get(struct vault *v, enum store_kind kind, enum seal_class class,
                               const unsigned char *subject, const struct dek *dek, struct record *out);
/* Makes the batch hold only while the value is as it was read. */
MUST_CHECK enum err record_expect(struct store_batch *b, enum store_kind kind, const unsigned char *subject,
                                  const struct record *r);
MUST_CHECK enum err record_put(struct vault *v, struct store_batch *b, enum store_kind kind,
                               enum seal_class class, const unsigned char *subject, const struct dek *dek,
                               const struct buf *plain);

/* Expected: ERR_NOTFOUND, it was never made or is erased. */
MUST_CHECK enum err dek_load(struct vault *v, const unsigned char *subject, uint64_t generation,
                             struct dek **out);
/* A new DEK, its wrapped form put with the batch, which must expect that nothing needs one of this name yet.
 * Expected: ERR_BUSY, an erasure under this name is not ended. */
MUST_CHECK enum err dek_make(struct vault *v, struct store_batch *b, const unsigned char *subject,
                             uint64_t generation, struct dek **out);

/*
 * The DEK goes: an open erasure and the removal, which erasures_finish()
 * ends with the done leaf.  The batch's own leaf is the intent.
 */
enum erased {
    ERASED_CHILD = 'c',
    ERASED_BATCH = 'b'
}; /* what the subject is, as the open erasure keeps it */
MUST_CHECK enum err dek_erase(struct store_batch *b, const unsigned char *subject, uint64_t generation,
                              enum erased what);

/* Domains of keys_index() for principals and the like. */
#define INDEX_DISTRICT   "district"
#define INDEX_AGENCY     "agency"
#define INDEX_CREDENTIAL "credential"
#define INDEX_KEY        "key"
#define INDEX_CASE       "case"
#define INDEX_META       "meta"
#define INDEX_ERASED     "erased"
#define INDEX_PICTURE    "picture" /* of a file's bytes */

#endif
