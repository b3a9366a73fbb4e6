#ifndef PHOTOD_PARENT_FILES_H
#define PHOTOD_PARENT_FILES_H

#include <stdbool.h>
#include <sys/stat.h>
#include "photod/base/config.h"

/*
 * The files the parent reads for its children: they get sealed copies in
 * memory and never a path.  The parent looks at sizes, modes and PEM
 * markers; what stands between the markers is photod-web's to parse.
 * Failures are logged here, in one line that names the file.
 */

/*
 * A sealed copy of photod.conf.  Expected: ERR_DENIED (another user could have written what the parent is to
 * obey, as the vault's may in a directory of its own), ERR_IO, ERR_LIMIT (1 MiB).
 */
MUST_CHECK enum err config_seal(int *memfd, const char *path);

/*
 * What opens the vault, for it alone, by the seal method of the
 * configuration: the root key file or the credential itself; for passphrase
 * a sealed memfd with the root key file and the passphrase behind it (the
 * opening, keys/seal.h).  Expected: ERR_DENIED (others may read it),
 * ERR_NOTFOUND (no credentials), ERR_LIMIT, ERR_IO.
 */
MUST_CHECK enum err root_key_open(int *fd, const struct config *c);
/* Whether all that is there, by every method; nothing stays open. */
MUST_CHECK enum err root_key_check(const struct config *c);
/* By pkcs11: the root key file and the token's PIN, for photod-unseal alone.  Expected: the same. */
MUST_CHECK enum err sealed_key_open(int *key, int *pin, const struct config *c);

enum tls_file { TLS_CERTIFICATE, TLS_KEY, TLS_CA, TLS_CRL, TLS_FILES };

/* The four files of message TLS, in its order. */
struct tls_files {
    int fds[TLS_FILES]; /* owned sealed memfds */
    struct file_stamp {
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec modified, changed;
    } stamps[TLS_FILES]; /* as they were when last looked at */
};

#define TLS_FILES_NONE ((struct tls_files){.fds = {-1, -1, -1, -1}})

/* Whether a file is another than when last looked at. */
bool tls_changed(const struct tls_files *t, const struct config *c);
/* Reads all four; on any error t keeps what it had and is quiet until a file changes again. */
MUST_CHECK enum err tls_read(struct tls_files *t, const struct config *c);
void tls_clear(struct tls_files *t);

#endif
