#ifndef PHOTOD_VAULT_RECOVERY_H
#define PHOTOD_VAULT_RECOVERY_H

#include "keys/secret.h"
#include "photod/base/config.h"

/*
 * The root key's file: made at init, made again from recovery shares
 * (photod-vault --rehearse, --recover), and another one (--new-root).
 * One-shot, as whoever runs photoctl: the state directory is read, only the
 * root key file is written, and photod may run meanwhile.  Every failure is
 * one clear line.
 *
 * files: shares, count of them; none: from standard input, where a terminal
 * is asked line by line.
 */

/*
 * Where a root key goes: by the digits to fd, for another program, unless it
 * is -1; and sealed by config.seal into a new file at path, mode 0400,
 * durably.  By pkcs11 the file is photod-unseal's to make, of those digits.
 */
struct root_key_to {
    const char *path;
    int fd;
};

/* Expected: ERR_EXISTS, ERR_IO, ERR_FULL, as seal_make(). */
MUST_CHECK enum err root_key_put(const struct config *c, const struct root_key_to *to,
                                 const struct secret *root);

/*
 * A new root key, for keys rekey: puts it where it goes and prints its five
 * recovery shares.  The state is not touched.
 */
MUST_CHECK enum err vault_new_root(const struct config *c, const struct root_key_to *to);

/* Proves that the shares open this state's key file; changes nothing.  Says so on standard output. */
MUST_CHECK enum err vault_rehearse(const struct config *c, char *const *files, int count);
/* Puts the root key that the shares make where it goes, once it is proven. */
MUST_CHECK enum err vault_recover(const struct config *c, const struct root_key_to *to, char *const *files,
                                  int count);
/*
 * For a restore: the digits of the root key that the shares make to fd.  That
 * they are of one set is proven here; that it is the right one, by the backup.
 */
MUST_CHECK enum err vault_combine(int fd, char *const *files, int count);

#endif
