#ifndef PHOTOD_WEB_IDENTITY_H
#define PHOTOD_WEB_IDENTITY_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>
#include "lawapi/problem.h"
#include "photod/base/err.h"

/*
 * The door's own certificate and who its clients are.  libmicrohttpd only
 * asks for a client certificate; whether it is good (chain to our CA, dates,
 * purpose, revocation) is decided here, per connection and again whenever
 * the parent brings a newer CRL.  What it may do is the vault's to say.
 */
#define FINGERPRINT_BYTES 32

struct identity {
    unsigned char fingerprint[FINGERPRINT_BYTES]; /* SHA-256 of the certificate (DER) */
    uint64_t trust;                               /* under which trust it was found good; 0: not yet */
    int64_t checked_ms;
};

/*
 * Takes up certificate, key, CA and CRL (PEM, sealed memfds; they stay the
 * caller's), at the start and again at any time.  with_clients: whether this
 * door checks certificates; else CA and CRL are not read.  Expected:
 * ERR_MALFORMED, with the reason logged; what was in force stays in force.
 */
MUST_CHECK enum err identity_load(const int fds[static 4], bool with_clients);
void identity_clear(void);

/*
 * Who is at the other end.  PROBLEM_NONE with *known filled;
 * PROBLEM_CLIENT_CERTIFICATE_REQUIRED, PROBLEM_CLIENT_CERTIFICATE_INVALID.
 * *known of an earlier request on this connection saves the work for a
 * minute while the trust is the same.
 */
enum problem identity_check(struct identity *known, gnutls_session_t session);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK2: shows the certificate in force. */
int identity_show(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
                  unsigned *cert_count, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count,
                  gnutls_privkey_t *key, unsigned *flags);

/* AEAD and ECDHE only (reliability.md 3.5); not SECURE192, which refuses P-256 clients. */
#define IDENTITY_PRIORITY                                                                                    \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:"   \
    "-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:%SERVER_PRECEDENCE:%NO_TICKETS"

#endif
