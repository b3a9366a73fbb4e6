#ifndef PHOTOD_VAULT_AUDIT_H
#define PHOTOD_VAULT_AUDIT_H

#include "photod/vault/commit.h"
#include "photod/vault/record.h"

/*
 * Leaves: one line of JSON each, made of numbers, codes, dates, ORIs,
 * district codes and keyed commitments in hexadecimal; never a name, never
 * a State ID.  What else an auditor may need to know stands in a side
 * record sealed under an audit key; the leaf holds its salted digest.
 *
 * Fields: v (1), t, type, then what the type needs: see photod/README.md.
 */
struct leaf {
    char text[LEAF_MAX + 1];
    size_t len;
    bool full; /* a field did not fit: leaf_add() refuses */
};

void leaf_begin(struct leaf *l, const char *type);
/* key and value: from the program's own tables, or checked to be of the shape of an identifier. */
void leaf_text(struct leaf *l, const char *key, const char *value);
void leaf_number(struct leaf *l, const char *key, uint64_t value);
void leaf_hex(struct leaf *l, const char *key, const void *bytes, size_t len);
/* The keyed commitment of something the log must not name. */
void leaf_commit(struct leaf *l, const struct vault *v, const char *key, const void *bytes, size_t len);

/* Ends the leaf and adds it to the batch, with its side record (or NULL). */
MUST_CHECK enum err leaf_add(struct leaf *l, struct vault *v, struct store_batch *b,
                             const struct buf *detail);

/* Who asks, once the vault knows. */
struct actor {
    char ori[10];     /* law door; else "" */
    char district[5]; /* office door; else "" */
    char label[65];
    char source[46];
    unsigned char credential[SID_BYTES]; /* keyed index of the certificate or key */
    uint64_t not_after_ms;
};

/* ori or district, and the credential's commitment. */
void leaf_actor(struct leaf *l, const struct vault *v, const struct actor *a);

/*
 * Refuses a known credential's request: a leaf, and after its commit the
 * answer.  to.peer may be 0: nobody waits.
 */
void refuse_known(struct vault *v, struct asker to, const struct actor *a, enum problem problem,
                  const char *text, const struct buf *detail);
/* A leaf that nobody waits for: start, heartbeat, strangers. */
void leaf_alone(struct vault *v, struct leaf *l);

/*
 * C2SP tlog-proof of a leaf, which is its extra.  Of a release it is the
 * receipt: salt (32 bytes) opens the leaf's commitment to the picture; else NULL.
 */
MUST_CHECK enum err receipt_build(char *out, size_t size, const char *leaf, const unsigned char *salt,
                                  uint64_t index, const struct buf *proof, const struct buf *checkpoint);

#endif
