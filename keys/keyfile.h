#ifndef KEYS_KEYFILE_H
#define KEYS_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "keys/envelope.h"
#include "keys/secret.h"
#include "photod/base/buf.h"

/*
 * The key file: what the root key opens, and while the root key is being
 * replaced, either of the two.  It holds the index key, the audit
 * keys, the signing key with the log's origin, the record key and the ring
 * key.  Small, replaced atomically by its owner (the vault).  struct keys is
 * the opened form; it performs operations and never hands key bytes out.
 */
struct keys;

/*
 * Readies libsodium and the locked memory of DEKs.  First thing in a process
 * that holds keys: before threads, before confinement and before anything
 * else of keys/ (without it, making a DEK is a bug and aborts).  Expected:
 * ERR_NOMEM; ERR_LIMIT as secret_new().
 */
MUST_CHECK enum err keys_init(void);

#define SID_BYTES        16
#define COMMITMENT_BYTES 16

/*
 * Fresh keys for a new state.  share_set: the name of the root key's recovery
 * shares (shares.h).  origin: the log's name, C2SP tlog-checkpoint;
 * 1-100 bytes of printable ASCII, no space, no '+'.  Expected: ERR_MALFORMED
 * for another origin.
 */
MUST_CHECK enum err keys_create(struct keys **out, const char *origin, const char *share_set);
/*
 * Expected: ERR_CORRUPT: wrong root key, or a damaged file (the two cannot be
 * told apart); ERR_DENIED: a file of a later photod, or sealed by AES on a
 * CPU without it; ERR_LIMIT as secret_new().
 */
MUST_CHECK enum err keys_open(struct keys **out, const struct secret *root, const void *bytes, size_t len);
/* The file's new content, sealed by root, and by the one that is to follow it; appended to out. */
MUST_CHECK enum err keys_seal(struct buf *out, const struct keys *k, const struct secret *root);
void keys_free(struct keys *k);
DEFINE_CLEANUP(keys)

/*
 * Replacing the root key.  From begin to end both root keys open the file:
 * the old one, by which photod runs and would be started again, and the new
 * one, until photod was started by it.  The caller makes the file durable
 * after each.  begin: again, before the end: the one before is forgotten.
 * Expected: ERR_MALFORMED (a share_set that is none), ERR_CORRUPT (no root
 * key).  cancel: back to the old one alone.  end: the new one is the only one.
 */
MUST_CHECK enum err keys_root_begin(struct keys *k, const struct secret *next, const char *share_set);
void keys_root_cancel(struct keys *k);
void keys_root_end(struct keys *k);
bool keys_root_is_changing(const struct keys *k);
/* Whether it was the new one that opened the file. */
bool keys_root_is_next(const struct keys *k, const struct secret *root);
/* A number that names the root key in force; rises with each replacement. */
uint64_t keys_root_epoch(const struct keys *k);
/* The name of the shares of the root key in force: nine bytes, NUL included. */
void keys_share_set(char set[static 9], const struct keys *k);

/*
 * A new signing key under a new name, and the old one is gone: after a
 * restore, so that no log can say two things of one size.  Expected:
 * ERR_MALFORMED as keys_create().
 */
MUST_CHECK enum err keys_begin_log(struct keys *k, const char *origin);

/* The vault's name for a student: keyed BLAKE2b-128 of the State ID (nine digits). */
void keys_sid(unsigned char sid[static SID_BYTES], const struct keys *k, const char *state_id);
/* The same for other index keys: domain keeps "case", "agency", ... apart. */
void keys_index(unsigned char id[static SID_BYTES], const struct keys *k, const char *domain,
                const void *bytes, size_t len);
/* A keyed commitment for a leaf: equal inputs are equal, nothing else can be told without the audit key. */
void keys_commit(unsigned char out[static COMMITMENT_BYTES], const struct keys *k, const char *domain,
                 const void *bytes, size_t len);

/* The long-lived key of records that are not one child's: batches, cases, principals, details.  Borrowed. */
const struct dek *keys_record_key(const struct keys *k);

/*
 * Wraps a DEK by the ring key (appended to out), and back.  b says whose key
 * it is; its class is taken for SEAL_DEK, whatever it says.  Errors as
 * envelope_open() and dek_new().
 */
MUST_CHECK enum err keys_wrap(struct buf *out, const struct keys *k, const struct dek *d,
                              const struct binding *b);
MUST_CHECK enum err keys_unwrap(struct dek **out, const struct keys *k, const struct binding *b,
                                const void *wrapped, size_t len);
/* A number that names the ring key in use; rises with each rotation. */
uint64_t keys_ring_epoch(const struct keys *k);

/*
 * Replacing the ring key.  Between begin and end every DEK is to be wrapped
 * anew, and both ring keys stand in the key file, so that a crash loses
 * nothing: the caller makes the file durable after begin, before anything
 * wrapped by the new key is, and again after end.
 *
 * begin: a new ring key wraps from now on, both unwrap.  Expected: ERR_BUSY,
 * a rotation is under way.  cancel: back to the old one, while nothing was
 * wrapped by the new.  end: the old one is gone for good; what it wrapped is
 * unreadable wherever it is.
 */
MUST_CHECK enum err keys_ring_begin(struct keys *k);
void keys_ring_cancel(struct keys *k);
void keys_ring_end(struct keys *k);
bool keys_ring_is_rotating(const struct keys *k);
/* Whether a wrapped DEK is wrapped by the ring key in use. */
bool keys_is_current(const struct keys *k, const void *wrapped, size_t len);

#endif
