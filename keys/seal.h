#ifndef KEYS_SEAL_H
#define KEYS_SEAL_H

#include <stdbool.h>
#include "keys/secret.h"

/*
 * Seal methods: how the root key is kept while photod does not run.  One row
 * each in seal.c; the vault never learns more of a method than the key.
 *
 *   key-file    the root key file holds the key itself, as 64 hexadecimal
 *               digits and a newline.  For a demo, and for a machine whose
 *               disk encryption protects it
 *   passphrase  the root key file holds the key sealed by a passphrase:
 *               Argon2id, its salt and parameters (seal_passphrase.c).  So a
 *               lost passphrase is replaced without touching the state
 *               (recovery shares)
 *   credential  a systemd credential holds what a key file holds; systemd
 *               keeps it sealed by TPM or host key
 *   pkcs11      the root key file holds the key sealed by one that never
 *               leaves a token; photod-unseal opens and makes it
 *               (photod/unseal), and here are the digits that pass between
 *
 * What the vault gets at start is one descriptor, the opening: the root key
 * file, for passphrase the passphrase as the line behind it, for pkcs11 the
 * pipe through which photod-unseal answers.
 */
#define ROOT_KEY_BYTES      32
#define SEAL_PASSPHRASE_MIN 12

/* Whether there is such a method, and whether it asks for a passphrase. */
bool seal_is_method(const char *method);
bool seal_needs_passphrase(const char *method);

/*
 * Opens the root key; logs what is wrong, in one line.  Leaves a file's
 * offset alone.  Expected: ERR_NOTFOUND (no such method), ERR_MALFORMED (fd
 * holds something else), ERR_DENIED (wrong passphrase), ERR_CLOSED
 * (photod-unseal said why), ERR_NOMEM (Argon2id), ERR_IO, ERR_LIMIT as
 * secret_new().
 */
MUST_CHECK enum err seal_open(struct secret **root, const char *method, int fd);
/* The same for method key-file. */
MUST_CHECK enum err seal_key_file_read(struct secret **root, int fd);
/*
 * Writes the root key file of a method; logs what is wrong.  The caller
 * created fd, exclusively, mode 0400, and syncs it.  passphrase_fd: a file
 * whose first line is the passphrase; -1 where none is needed.  Expected:
 * ERR_NOTFOUND, ERR_DENIED (the passphrase is shorter than 12 bytes),
 * ERR_MALFORMED (it is longer than 1024), ERR_NOMEM, ERR_FULL, ERR_IO.
 */
MUST_CHECK enum err seal_make(const struct secret *root, const char *method, int fd, int passphrase_fd);

#endif
