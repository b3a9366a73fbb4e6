#ifndef KEYS_NOTE_H
#define KEYS_NOTE_H

#include <stdint.h>
#include "keys/keyfile.h"

/*
 * Signs checkpoints (C2SP tlog-checkpoint as signed-note, Ed25519), and
 * nothing else: the text that is signed is made here, from a size and a
 * root, never by the caller.
 */

/*
 * Appends the signed checkpoint of a tree to out.  Only after size and root
 * are durable.  Expected: ERR_DENIED when this process already signed
 * another root for the same size, or a larger size; the same once more is
 * the same bytes.  From one thread only.
 */
MUST_CHECK enum err keys_sign_checkpoint(struct buf *out, struct keys *k, uint64_t size,
                                         const unsigned char root[static 32]);
/* The verifier key, "origin+hash+key" (signed-note vkey); appended to out. */
MUST_CHECK enum err keys_verifier(struct buf *out, const struct keys *k);
/* Borrowed from k. */
const char *keys_origin(const struct keys *k);

#endif
