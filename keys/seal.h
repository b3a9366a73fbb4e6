#ifndef KEYS_SEAL_H
#define KEYS_SEAL_H

#include "keys/secret.h"

/*
 * Seal methods: where the root key comes from at start.  The vault never
 * learns more of a method than the key.
 *
 * key-file: 32 random bytes as 64 hexadecimal digits and a newline, a file
 * that only the vault's user may read, kept on another volume than the
 * state.  Good for a demo and for a machine whose disk key protects it.
 */
#define ROOT_KEY_BYTES 32

/* Expected: ERR_MALFORMED (not such a file), ERR_IO, ERR_LIMIT as secret_new().  Leaves fd's offset alone. */
MUST_CHECK enum err seal_key_file_read(struct secret **root, int fd);
/* Makes a new root key and writes it; the caller created fd, exclusively, mode 0400, and syncs it.  Expected:
 * ERR_FULL, ERR_IO. */
MUST_CHECK enum err seal_key_file_write(struct secret **root, int fd);

#endif
