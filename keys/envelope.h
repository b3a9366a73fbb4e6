#ifndef KEYS_ENVELOPE_H
#define KEYS_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>
#include "keys/secret.h"
#include "photod/base/buf.h"

/*
 * The envelope: how everything at rest is sealed.  Fixed little-endian
 * layout, version 1:
 *
 *   0  magic "PHD1"          4  version 1      5  suite     6  class   7  rendition
 *   8  key id (8 bytes)     16  generation (8 bytes)        24  nonce (12 or 24 bytes)
 *   then ciphertext and the 16-byte tag
 *
 * The additional data is bytes 0-23 and the subject, so that nothing can be
 * moved between children, classes, generations, renditions or keys.  Suites:
 * 1 AES-256-GCM (FIPS 197; needs the CPU's AES), 2 XChaCha20-Poly1305-IETF.
 * Nonces are random.  libsodium is not a FIPS-validated module.
 */
enum suite { SUITE_AES_256_GCM = 1, SUITE_XCHACHA20_POLY1305 = 2 };

/* What a sealed value is.  Values are on disk: never renumber. */
enum seal_class {
    SEAL_KEY_FILE = 1,
    SEAL_DEK = 2,        /* a DEK wrapped by the ring key */
    SEAL_STUDENT = 3,    /* name, birth date, school */
    SEAL_CONSENT = 4,    /* the history of answers */
    SEAL_GENERATION = 5, /* which photos a student has */
    SEAL_RENDITION = 6,  /* a picture */
    SEAL_BATCH = 7,
    SEAL_ROW = 8,   /* a report row of a batch */
    SEAL_CHUNK = 9, /* 1 MiB of an upload, in the spool */
    SEAL_CASE = 10,
    SEAL_RELEASE = 11,
    SEAL_PRINCIPAL = 12, /* district, agency, credential, key */
    SEAL_DETAIL = 13,    /* what stands behind a leaf's commitment */
    SEAL_META = 14,
};

#define SUBJECT_BYTES 16

/* What a sealed value belongs to: the additional data. */
struct binding {
    enum seal_class class;
    unsigned char rendition;              /* SEAL_RENDITION; else 0 */
    uint64_t generation;                  /* of the photo, or number of the row or chunk; else 0 */
    unsigned char subject[SUBJECT_BYTES]; /* sid, batch id, ... */
};

/*
 * A 32-byte data key and the id that its envelopes carry, which follows from
 * the key.  All live in one small arena of locked memory (keys_init()), so
 * free each as soon as its work is done.  Any thread may make and free them.
 */
struct dek;

/*
 * A new random key for one student and generation, batch, ...  Expected:
 * ERR_LIMIT when 256 are held already.
 */
MUST_CHECK enum err dek_new(struct dek **out);
void dek_free(struct dek *d);
DEFINE_CLEANUP(dek)

/* Appends the envelope of plain to out.  Expected: ERR_LIMIT, as buf_append(). */
MUST_CHECK enum err envelope_seal(struct buf *out, const struct dek *key, const struct binding *b,
                                  const void *plain, size_t len);
/*
 * Appends the plain bytes to out.  Expected: ERR_CORRUPT when the envelope
 * is damaged, of another key, or bound to something else; ERR_DENIED when
 * its suite is AES and this CPU has no AES; ERR_LIMIT, as buf_append().
 * On any error out is as it was.
 */
MUST_CHECK enum err envelope_open(struct buf *out, const struct dek *key, const struct binding *b,
                                  const void *sealed, size_t len);

/*
 * A digest of bytes that only who holds this key can make or compare, so
 * that it tells nothing once the key is erased.
 */
#define DEK_DIGEST_BYTES 16
void dek_digest(unsigned char out[static DEK_DIGEST_BYTES], const struct dek *d, const void *bytes,
                size_t len);

/* The length of the envelope of len bytes, under the suite that this CPU seals with. */
size_t envelope_len(size_t len);
/* Which suite this CPU seals with.  Call after keys_init(). */
enum suite envelope_suite(void);
/* NULL for numbers out of range. */
const char *suite_name(enum suite s);

#endif
