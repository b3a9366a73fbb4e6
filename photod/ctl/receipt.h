#ifndef PHOTOD_CTL_RECEIPT_H
#define PHOTOD_CTL_RECEIPT_H

#include "photod/ctl/merkle.h"
#include "photod/ctl/note.h"

/*
 * The receipt of a release (C2SP tlog-proof v1): that the log holds an entry
 * which commits to exactly this picture.  Its `extra` line is JSON,
 *   {"leaf": "<the entry as logged>", "salt": "<64 hex digits>"}
 * and the entry's member "photo" is SHA-256(salt || SHA-256(picture)).
 * Verified offline, with the log's public key and nothing else.
 */
struct receipt {
    uint64_t index;
    struct checkpoint head;
    char *leaf; /* the entry; owned */
    size_t leaf_len;
};

/*
 * Expected, all with *fault filled: ERR_MALFORMED (not a receipt),
 * ERR_CORRUPT or ERR_DENIED (it does not verify), ERR_NOTFOUND (it does, for
 * another picture).
 */
MUST_CHECK enum err receipt_verify(struct receipt *out, struct fault *fault, const void *bytes, size_t len,
                                   const void *picture, size_t picture_len, const struct vkey *key);
/*
 * The same of any entry, about no picture; its extra is then {"leaf": "..."}.
 * What the entry says is the caller's to judge.  Errors as above, but
 * ERR_NOTFOUND.
 */
MUST_CHECK enum err receipt_open(struct receipt *out, struct fault *fault, const void *bytes, size_t len,
                                 const struct vkey *key);
void receipt_clear(struct receipt *r);
static inline void receipt_cleanup(struct receipt *r)
{
    receipt_clear(r);
}

#endif
