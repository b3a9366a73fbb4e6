#ifndef PHOTOD_CTL_CA_H
#define PHOTOD_CTL_CA_H

#include <stdint.h>
#include "photod/base/buf.h"
#include "photod/ctl/say.h"

/*
 * The issuing CA: it issues the doors' certificate and those of the
 * agencies' systems.  Its key is a PKCS #8 file sealed by a passphrase
 * (PBES2, AES-256), and only photoctl opens it; no photod process ever sees
 * it.  Everything is ECDSA P-256, which TLS software everywhere can do.
 */
#define CA_DAYS        3650 /* the CA and its first revocation list */
#define CA_SERVER_DAYS 397  /* what browsers accept */
#define CA_NAMES_MAX   40
#define CA_FINGERPRINT 32

/* What the CA is, or an issued certificate with its key: PEM. */
struct ca_files {
    struct buf *certificate;
    struct buf *key;
    struct buf *crl; /* of the CA only */
};
void ca_files_clear(struct ca_files *f);
static inline void ca_files_cleanup(struct ca_files *f)
{
    ca_files_clear(f);
}

/* A new CA named after the log's origin, its key sealed, its CRL empty.  Expected: ERR_IO, with *fault
 * filled. */
MUST_CHECK enum err ca_create(struct ca_files *out, struct fault *fault, const char *origin,
                              const char *passphrase);

struct ca;
/*
 * Expected, with *fault filled: ERR_DENIED (wrong passphrase), ERR_MALFORMED
 * (not these files, or they do not belong together).
 */
MUST_CHECK enum err ca_open(struct ca **out, struct fault *fault, const struct buf *certificate,
                            const struct buf *key, const char *passphrase);
void ca_free(struct ca *c);
DEFINE_CLEANUP(ca)

/* For both doors: localhost, 127.0.0.1, ::1 and the names (DNS names or addresses).  Expected: ERR_IO. */
MUST_CHECK enum err ca_issue_server(struct ca_files *out, struct fault *fault, struct ca *c,
                                    const char *const *names, unsigned name_count);

/* What the vault must know of an issued client certificate. */
struct ca_client {
    unsigned char fingerprint[CA_FINGERPRINT]; /* SHA-256 of the DER */
    int64_t not_after_ms;
};
/* For one system of an agency: SAN urn:photod:agency:<ori>, EKU clientAuth.  Expected: ERR_IO. */
MUST_CHECK enum err ca_issue_client(struct ca_files *out, struct ca_client *client, struct fault *fault,
                                    struct ca *c, const char *ori, const char *label, unsigned days);

#endif
