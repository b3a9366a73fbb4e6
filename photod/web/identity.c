/*
 * Certificates, in photod-web.  One `struct trust` holds what the parent
 * brought last; a reload swaps it under the lock.  GnuTLS borrows the
 * certificate and key for the length of a handshake, which the gate ends
 * after 10 s, so a replaced trust is freed no earlier than a minute later.
 *
 * A CRL past its nextUpdate is used and complained about, not refused: what
 * it revokes stays revoked, and at 3 a.m. nobody is locked out because it
 * was not reissued.  The vault's own record of each credential is the
 * second gate.
 */
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "photod/base/cleanup.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/web/identity.h"
#include "photod/wire/bulk.h"

#define PEM_MAX      (1u << 20)
#define CHAIN_MAX    8
#define RECHECK_MS   60000
#define RETIRE_MS    60000
#define VERIFY_FLAGS GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM)

struct trust {
    gnutls_pcert_st certs[CHAIN_MAX];
    unsigned cert_count;
    gnutls_privkey_t key;
    gnutls_x509_trust_list_t clients;
    uint64_t number;
    int64_t retired_ms;
    struct trust *next; /* retired before this one */
};

static struct {
    pthread_rwlock_t lock;
    struct trust *now, *retired;
    uint64_t count;
} trusts = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static void trust_free(struct trust *t)
{
    if (!t)
        return;
    for (unsigned i = 0; i < t->cert_count; i++)
        gnutls_pcert_deinit(&t->certs[i]);
    if (t->key)
        gnutls_privkey_deinit(t->key);
    if (t->clients)
        gnutls_x509_trust_list_deinit(t->clients, 1);
    free(t);
}
DEFINE_CLEANUP(trust)

static gnutls_datum_t datum(const struct bulk *b)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)b->bytes, (unsigned)b->len};
}

static enum err complain(const char *what, int rc)
{
    log_error("TLS: %s: %s", what, rc < 0 ? gnutls_strerror(rc) : "it does not fit");
    return rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_MALFORMED;
}

/* A key that is not the certificate's would fail every handshake. */
static bool is_pair(struct trust *t)
{
    unsigned char of_key[64], of_cert[64];
    size_t key_len = sizeof of_key, cert_len = sizeof of_cert;
    gnutls_pubkey_t public;
    bool same = false;

    if (gnutls_pubkey_init(&public))
        return false;
    if (!gnutls_pubkey_import_privkey(public, t->key, 0, 0) &&
        !gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, of_key, &key_len) &&
        !gnutls_pubkey_get_key_id(t->certs[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_cert, &cert_len))
        same = key_len == cert_len && memcmp(of_key, of_cert, key_len) == 0;
    gnutls_pubkey_deinit(public);
    return same;
}

static enum err read_server(struct trust *t, const int fds[static 2])
{
    CLEANUP(bulk) struct bulk certificate = {0}, key = {0};
    gnutls_datum_t pem;
    unsigned count = CHAIN_MAX;
    int rc;

    TRY(bulk_map(&certificate, fds[0], PEM_MAX));
    TRY(bulk_map(&key, fds[1], PEM_MAX));
    pem = datum(&certificate);
    rc = gnutls_pcert_list_import_x509_raw(t->certs, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0)
        return complain("the certificate", rc);
    t->cert_count = count;
    pem = datum(&key);
    rc = gnutls_privkey_init(&t->key);
    if (!rc)
        rc = gnutls_privkey_import_x509_raw(t->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0)
        return complain("the private key", rc);
    return is_pair(t) ? OK : complain("the private key for this certificate", 0);
}

/* Signed by one of our CAs; how old it may be is another question. */
static bool is_ours(gnutls_x509_crl_t crl, gnutls_x509_crt_t *cas, unsigned ca_count)
{
    const unsigned age =
        GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
    unsigned status = 0;

    if (gnutls_x509_crl_verify(crl, cas, ca_count, 0, &status) < 0)
        return false;
    return status == 0 || ((status & age) && !(status & ~(age | GNUTLS_CERT_INVALID)));
}

static bool is_overdue(gnutls_x509_crl_t crl)
{
    time_t next = gnutls_x509_crl_get_next_update(crl);

    return next != (time_t)-1 && next < clock_wall_ms() / 1000;
}

/* GnuTLS would pass over a CRL it does not like, and with it over what it revokes: each must be good. */
static enum err judge_crls(gnutls_x509_crt_t *cas, unsigned ca_count, const gnutls_datum_t *pem)
{
    gnutls_x509_crl_t *crls = NULL;
    unsigned count = 0;
    bool ours = true;
    int rc = gnutls_x509_crl_list_import2(&crls, &count, pem, GNUTLS_X509_FMT_PEM, 0);

    if (rc < 0)
        return complain("the CRL", rc);
    for (unsigned i = 0; i < count; i++) {
        ours = ours && is_ours(crls[i], cas, ca_count);
        if (is_overdue(crls[i]))
            log_warning("TLS: the CRL is past its next update; issue a new one");
        gnutls_x509_crl_deinit(crls[i]);
    }
    gnutls_free(crls);
    return ours && count ? OK : complain("the CRL of this CA", 0);
}

static enum err judge(const gnutls_datum_t *ca_pem, const gnutls_datum_t *crl_pem)
{
    gnutls_x509_crt_t *cas = NULL;
    unsigned count = 0;
    int rc = gnutls_x509_crt_list_import2(&cas, &count, ca_pem, GNUTLS_X509_FMT_PEM, 0);
    enum err e;

    if (rc < 0)
        return complain("the CA", rc);
    e = judge_crls(cas, count, crl_pem);
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(cas[i]);
    gnutls_free(cas);
    return e;
}

static enum err read_clients(struct trust *t, const int fds[static 2])
{
    CLEANUP(bulk) struct bulk ca = {0}, crl = {0};
    gnutls_datum_t ca_pem, crl_pem;
    int rc;

    TRY(bulk_map(&ca, fds[0], PEM_MAX));
    TRY(bulk_map(&crl, fds[1], PEM_MAX));
    ca_pem = datum(&ca);
    crl_pem = datum(&crl);
    TRY(judge(&ca_pem, &crl_pem));
    if (gnutls_x509_trust_list_init(&t->clients, 0))
        return ERR_NOMEM;
    rc = gnutls_x509_trust_list_add_trust_mem(t->clients, &ca_pem, &crl_pem, GNUTLS_X509_FMT_PEM, 0, 0);
    return rc > 0 ? OK : complain("CA and CRL", rc);
}

/* Frees what was retired long enough ago; the list is newest first.  The lock is held. */
static void bury(int64_t now)
{
    struct trust **at = &trusts.retired;

    while (*at && now - (*at)->retired_ms < RETIRE_MS)
        at = &(*at)->next;
    while (*at) {
        struct trust *dead = *at;

        *at = dead->next;
        trust_free(dead);
    }
}

enum err identity_load(const int fds[static 4], bool with_clients)
{
    CLEANUP(trust) struct trust *t = calloc(1, sizeof *t);
    int64_t now = clock_steady_ms();

    if (!t)
        return ERR_NOMEM;
    TRY(read_server(t, fds));
    if (with_clients)
        TRY(read_clients(t, fds + 2));
    pthread_rwlock_wrlock(&trusts.lock);
    bury(now);
    t->number = ++trusts.count;
    if (trusts.now) {
        trusts.now->retired_ms = now;
        trusts.now->next = trusts.retired;
        trusts.retired = trusts.now;
    }
    trusts.now = TAKE(t);
    pthread_rwlock_unlock(&trusts.lock);
    return OK;
}

void identity_clear(void)
{
    pthread_rwlock_wrlock(&trusts.lock);
    bury(INT64_MAX);
    trust_free(trusts.now);
    trusts.now = NULL;
    pthread_rwlock_unlock(&trusts.lock);
}

int identity_show(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
                  unsigned *cert_count, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count,
                  gnutls_privkey_t *key, unsigned *flags)
{
    (void)session, (void)info;
    pthread_rwlock_rdlock(&trusts.lock);
    *certs = trusts.now->certs;
    *cert_count = trusts.now->cert_count;
    *key = trusts.now->key;
    pthread_rwlock_unlock(&trusts.lock);
    *ocsp = NULL;
    *ocsp_count = 0;
    *flags = 0;
    return 0;
}

/* GnuTLS takes a certificate without purposes for any: we do not. */
static bool is_for_clients(gnutls_x509_crt_t crt)
{
    char oid[64];
    size_t len;
    unsigned critical;
    int rc = 0;

    for (unsigned i = 0; rc != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; i++) {
        len = sizeof oid;
        rc = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &len, &critical);
        if (rc == 0 && strcmp(oid, GNUTLS_KP_TLS_WWW_CLIENT) == 0)
            return true;
        if (rc < 0 && rc != GNUTLS_E_SHORT_MEMORY_BUFFER)
            break;
    }
    return false;
}

static bool is_trusted(struct trust *t, gnutls_x509_crt_t *chain, unsigned count)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
                                     .size = sizeof GNUTLS_KP_TLS_WWW_CLIENT - 1};
    unsigned status = 0;

    return t->clients &&
           gnutls_x509_trust_list_verify_crt2(t->clients, chain, count, &purpose, 1, VERIFY_FLAGS, &status,
                                              NULL) == 0 &&
           status == 0 && is_for_clients(chain[0]);
}

static bool verify(struct identity *known, const gnutls_datum_t *raw, unsigned count)
{
    gnutls_x509_crt_t chain[CHAIN_MAX];
    unsigned read = 0;
    bool good = true;

    for (; read < count && good; read++) {
        if (gnutls_x509_crt_init(&chain[read]))
            break;
        good = gnutls_x509_crt_import(chain[read], &raw[read], GNUTLS_X509_FMT_DER) == 0;
    }
    good = good && read == count;
    if (good) {
        pthread_rwlock_rdlock(&trusts.lock);
        good = is_trusted(trusts.now, chain, count);
        known->trust = good ? trusts.now->number : 0;
        pthread_rwlock_unlock(&trusts.lock);
    }
    while (read)
        gnutls_x509_crt_deinit(chain[--read]);
    return good && gnutls_hash_fast(GNUTLS_DIG_SHA256, raw[0].data, raw[0].size, known->fingerprint) == 0;
}

static bool is_fresh(const struct identity *known, int64_t now)
{
    uint64_t number;

    pthread_rwlock_rdlock(&trusts.lock);
    number = trusts.now->number;
    pthread_rwlock_unlock(&trusts.lock);
    return known->trust == number && now - known->checked_ms < RECHECK_MS;
}

enum problem identity_check(struct identity *known, gnutls_session_t session)
{
    int64_t now = clock_steady_ms();
    const gnutls_datum_t *raw;
    unsigned count = 0;

    if (known->trust && is_fresh(known, now))
        return PROBLEM_NONE;
    known->trust = 0;
    raw = gnutls_certificate_get_peers(session, &count);
    if (!raw || count == 0)
        return PROBLEM_CLIENT_CERTIFICATE_REQUIRED;
    if (count > CHAIN_MAX || !verify(known, raw, count)) {
        known->trust = 0;
        return PROBLEM_CLIENT_CERTIFICATE_INVALID;
    }
    known->checked_ms = now;
    return PROBLEM_NONE;
}
