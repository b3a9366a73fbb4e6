#ifndef PHOTOD_CTL_NOTE_H
#define PHOTOD_CTL_NOTE_H

#include <stdint.h>
#include "photod/ctl/hash.h"
#include "photod/ctl/say.h"

/*
 * Signed notes and the checkpoints in them (C2SP signed-note,
 * tlog-checkpoint): parsing and verifying, Ed25519 only.  Signing is the
 * vault's.  Signatures of unknown keys, such as witnesses, are passed over.
 */
#define NOTE_NAME 256

/* A verifier key: "name+key id+base64(type, key)". */
struct vkey {
    char name[NOTE_NAME];
    unsigned char id[4];
    unsigned char key[32];
};

struct checkpoint {
    char origin[NOTE_NAME];
    uint64_t size;
    unsigned char root[HASH_BYTES];
};

/* Blanks around it are ignored.  Expected: ERR_MALFORMED, also for a key that is not Ed25519. */
MUST_CHECK enum err vkey_parse(struct vkey *out, const char *text);

/*
 * *text is the signed text, borrowed from note.  Expected, with *fault
 * filled: ERR_MALFORMED (no note), ERR_DENIED (not signed by key),
 * ERR_CORRUPT (a signature of key does not verify).
 */
MUST_CHECK enum err note_open(const char **text, size_t *text_len, struct fault *fault, const void *note,
                              size_t len, const struct vkey *key);
/* The same for a checkpoint, whose origin must be the key's name. */
MUST_CHECK enum err checkpoint_open(struct checkpoint *out, struct fault *fault, const void *note, size_t len,
                                    const struct vkey *key);

#endif
