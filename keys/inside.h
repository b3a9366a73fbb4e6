#ifndef KEYS_INSIDE_H
#define KEYS_INSIDE_H

#include <stdbool.h>
#include <sodium.h>
#include "keys/envelope.h"
#include "keys/keyfile.h"
#include "keys/seal.h"
#include "keys/secret.h"
#include "keys/shares.h"

/*
 * What the parts of keys/ show each other: key bytes, and operations that
 * would sign or seal whatever they are given.  Only keys/ and its tests
 * include this.
 */

/* ---- memory ---- */

/* Guarded, zeroed memory of which every page is locked; give back by sodium_free().  Errors as secret_new().
 */
MUST_CHECK enum err locked_new(void **out, size_t len);

/* ---- data keys (dek.c) ---- */

#define DEK_BYTES    32
#define KEY_ID_BYTES 8
#define DEK_SLOTS    256

/* Lives in a slot of the arena, never elsewhere. */
struct dek {
    unsigned char bytes[DEK_BYTES];
    unsigned char id[KEY_ID_BYTES]; /* follows from the bytes: dek_name() */
    bool is_used;
};

/* Makes the arena; again: nothing.  Errors as secret_new(). */
MUST_CHECK enum err dek_arena_open(void);
/* A slot with zero bytes, for the caller to fill and dek_name().  Expected: ERR_LIMIT. */
MUST_CHECK enum err dek_reserve(struct dek **out);
void dek_name(struct dek *d);
/* Copies the bytes in. */
MUST_CHECK enum err dek_copy(struct dek **out, const unsigned char bytes[static DEK_BYTES]);

/* ---- envelopes (envelope.c) ---- */

/* As envelope_seal(), under a suite that need not be this CPU's choice. */
MUST_CHECK enum err envelope_seal_suite(struct buf *out, enum suite s, const struct dek *key,
                                        const struct binding *b, const void *plain, size_t len);
/* How many plain bytes an envelope of this length holds.  Expected: ERR_CORRUPT. */
MUST_CHECK enum err envelope_plain_len(size_t *plain_len, const void *sealed, size_t len);
/* As envelope_open(), into locked memory of exactly plain_len bytes; zeroed on failure. */
MUST_CHECK enum err envelope_open_locked(unsigned char *plain, size_t plain_len, const struct dek *key,
                                         const struct binding *b, const void *sealed, size_t len);
/* The key id in an envelope's header, or NULL when it is too short to have one.  Borrowed, not verified. */
const unsigned char *envelope_key_id(const void *sealed, size_t len);

/* ---- the key file (keyfile.c) ---- */

#define KEYS_FORMAT     1
#define SHARE_SET_BYTES 4
#define ORIGIN_TEXT     104 /* at most 100 bytes; NUL to the end */
#define RING_KEY_MAX    2   /* while a rotation is under way there are two */

/*
 * What the envelope of a key file holds, byte for byte (numbers are
 * little-endian; arrays of bytes only, so there is no padding).
 */
struct key_content {
    unsigned char format[4];
    unsigned char ring_count[4];
    unsigned char ring_epoch[8]; /* of the last ring key, the one in use */
    unsigned char index[32];
    unsigned char commit[32];
    unsigned char sign_seed[32];
    unsigned char record[DEK_BYTES];
    unsigned char ring[RING_KEY_MAX][DEK_BYTES];
    unsigned char origin[ORIGIN_TEXT];
    unsigned char root_epoch[8];
    unsigned char share_set[SHARE_SET_BYTES]; /* of the recovery shares of the root key in force */
    /* While the root key is being replaced; else zero. */
    unsigned char next_is_set[4];
    unsigned char next_root[ROOT_KEY_BYTES];
    unsigned char next_share_set[SHARE_SET_BYTES];
};

struct keys {
    struct secret *content; /* a struct key_content */
    struct secret *sign;    /* Ed25519, expanded from the seed */
    struct dek *record;
    struct dek *ring[RING_KEY_MAX]; /* the last is in use, those before open only */
    size_t ring_count;
    uint64_t ring_epoch;
    /* What was signed last: note.c. */
    bool has_signed;
    uint64_t signed_size;
    unsigned char signed_root[32];
};

const struct key_content *keys_content(const struct keys *k);
/* The key that seals the key file: derived, so that the root key itself seals nothing. */
MUST_CHECK enum err root_dek(struct dek **out, const struct secret *root);
/* The binding of the key file's envelope. */
extern const struct binding key_file_binding;

/* ---- seal methods (seal.c, seal_passphrase.c) ---- */

/* Reads what there is, at most max bytes, by pread: the descriptor's offset is another process's too. */
MUST_CHECK enum err seal_read_all(unsigned char *to, size_t *len, size_t max, int fd, const char *what);
MUST_CHECK enum err seal_write_all(int fd, const void *bytes, size_t len, const char *what);

/* What Argon2id is to cost. */
struct seal_cost {
    unsigned passes, kib;
};

MUST_CHECK enum err seal_passphrase_open(struct secret **root, int fd);
/* libsodium's MODERATE: 3 passes over 256 MiB. */
MUST_CHECK enum err seal_passphrase_make(const struct secret *root, int fd, int passphrase_fd);
MUST_CHECK enum err seal_passphrase_make_at(const struct secret *root, int fd, int passphrase_fd,
                                            struct seal_cost cost);

/* ---- recovery shares (share.c, shares.c) ---- */

#define SHARE_TAG_BYTES   6
#define SHARE_CHECK_BYTES 4
#define SHARE_LINES       6 /* below the first line */
#define SHARE_LINE_BYTES  8 /* four groups of two bytes */
#define SHARE_PACKED      (SHARE_LINES * SHARE_LINE_BYTES)
#define SHARE_TEXT        320

/* One share, decoded. */
struct share {
    unsigned char index, needed, count;
    unsigned char set[SHARE_SET_BYTES]; /* random: which splitting it is of */
    unsigned char tag[SHARE_TAG_BYTES]; /* keyed by the root key: whether what was recovered is it */
    unsigned char bytes[ROOT_KEY_BYTES];
};

struct shares {
    struct share list[SHARES_MADE];
    unsigned count;
    char set_text[2 * SHARE_SET_BYTES + 1];
};

/* Its seven lines, the last with its newline; text is the caller's locked memory. */
void share_print(char text[static SHARE_TEXT], const struct share *s);
/* The first line, without newline. */
void share_print_title(char text[static SHARE_TEXT], const struct share *s);
/*
 * Decodes line 1 to 6, "N  group group group group", into its place in
 * packed.  The number may be missing when is_typed.  Expected: ERR_MALFORMED;
 * fault then says which group ("line 3, group 2 ...").
 */
MUST_CHECK enum err share_take_line(unsigned char packed[static SHARE_PACKED], struct share_fault *fault,
                                    unsigned line, const char *text, size_t len, bool is_typed);
/* All lines are there.  Expected: ERR_MALFORMED (two slips that hide each other), ERR_DENIED (a later
 * photod's). */
MUST_CHECK enum err share_finish(struct share *s, struct share_fault *fault,
                                 const unsigned char packed[static SHARE_PACKED]);

/* Makes the five shares of a set, in the caller's locked memory. */
MUST_CHECK enum err shares_split(struct share list[static SHARES_MADE], const struct secret *root,
                                 const char *set);
/* Interpolates whatever is given: a wrong share or too few give a wrong key, not an error. */
MUST_CHECK enum err shares_interpolate(struct secret **root, const struct share *list, unsigned count);
/* Expected as shares_read(). */
MUST_CHECK enum err shares_add(struct shares *all, struct share_fault *fault, const struct share *s);

/* ---- notes (note.c) ---- */

/* Appends text and its signature line, C2SP signed-note.  Signs anything: hence not in note.h. */
MUST_CHECK enum err note_sign(struct buf *out, const char *name,
                              const unsigned char sign[static crypto_sign_SECRETKEYBYTES], const char *text);
/* Appends "name+id+key", C2SP signed-note. */
MUST_CHECK enum err note_verifier(struct buf *out, const char *name,
                                  const unsigned char public_key[static crypto_sign_PUBLICKEYBYTES]);

/* ---- numbers ---- */

static inline void put_le(unsigned char *to, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++, value >>= 8)
        to[i] = (unsigned char)(value & 0xff);
}

static inline uint64_t get_le(const unsigned char *from, size_t bytes)
{
    uint64_t value = 0;

    while (bytes--)
        value = value << 8 | from[bytes];
    return value;
}

#endif
