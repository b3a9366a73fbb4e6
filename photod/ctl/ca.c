#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/base/clock.h"
#include "photod/ctl/ca.h"

#define PEM_MAX      65536
#define SERIAL_BYTES 16
#define NAME_MAX_CN  64 /* X.520 ub-common-name */
#define DAY_S        86400
#define BACKDATE_S   3600 /* for clocks that are behind */

/* Stops at the first GnuTLS call that fails; later ones do nothing. */
#define STEP(rc, call)                                                                                       \
    do {                                                                                                     \
        if ((rc) >= 0)                                                                                       \
            (rc) = (call);                                                                                   \
    } while (0)

struct ca {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

static void certificate_cleanup(gnutls_x509_crt_t *c)
{
    if (*c)
        gnutls_x509_crt_deinit(*c);
}

static void private_cleanup(gnutls_x509_privkey_t *k)
{
    if (*k)
        gnutls_x509_privkey_deinit(*k);
}

static void crl_cleanup(gnutls_x509_crl_t *c)
{
    if (*c)
        gnutls_x509_crl_deinit(*c);
}

void ca_files_clear(struct ca_files *f)
{
    buf_free(f->certificate);
    buf_free(f->key);
    buf_free(f->crl);
    *f = (struct ca_files){NULL, NULL, NULL};
}

static enum err fail(struct fault *fault, const char *what, int rc)
{
    return fault_set(fault, ERR_IO, "%s: %s", what, gnutls_strerror(rc));
}

/* ---- Pieces ---- */

static time_t now_s(void)
{
    return (time_t)(clock_wall_ms() / 1000);
}

static int random_serial(unsigned char serial[static SERIAL_BYTES])
{
    int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, SERIAL_BYTES);

    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40); /* positive, and never shorter */
    return rc;
}

static int make_key(gnutls_x509_privkey_t *out)
{
    int rc = gnutls_x509_privkey_init(out);

    STEP(rc, gnutls_x509_privkey_generate(*out, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    return rc;
}

static int set_name(gnutls_x509_crt_t c, const char *oid, const char *text)
{
    size_t len = strlen(text);

    return gnutls_x509_crt_set_dn_by_oid(c, oid, 0, text, (unsigned)(len > NAME_MAX_CN ? NAME_MAX_CN : len));
}

/* What every certificate has: version, serial, times, key and key identifiers. */
static int begin(gnutls_x509_crt_t *out, gnutls_x509_privkey_t key, time_t until)
{
    unsigned char serial[SERIAL_BYTES], id[64];
    size_t id_len = sizeof id;
    int rc = gnutls_x509_crt_init(out);

    STEP(rc, gnutls_x509_crt_set_version(*out, 3));
    STEP(rc, random_serial(serial));
    STEP(rc, gnutls_x509_crt_set_serial(*out, serial, sizeof serial));
    STEP(rc, gnutls_x509_crt_set_activation_time(*out, now_s() - BACKDATE_S));
    STEP(rc, gnutls_x509_crt_set_expiration_time(*out, until));
    STEP(rc, gnutls_x509_crt_set_key(*out, key));
    STEP(rc, gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA1, id, &id_len));
    STEP(rc, gnutls_x509_crt_set_subject_key_id(*out, id, id_len));
    return rc;
}

/* Signs with the CA; names its key in the certificate. */
static int finish(gnutls_x509_crt_t c, const struct ca *ca)
{
    unsigned char id[64];
    size_t id_len = sizeof id;
    int rc = gnutls_x509_crt_get_subject_key_id(ca->certificate, id, &id_len, NULL);

    STEP(rc, gnutls_x509_crt_set_authority_key_id(c, id, id_len));
    STEP(rc, gnutls_x509_crt_set_basic_constraints(c, 0, -1));
    STEP(rc, gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE));
    STEP(rc, gnutls_x509_crt_sign2(c, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0));
    return rc;
}

static enum err keep(struct buf **out, gnutls_datum_t *pem)
{
    CLEANUP(buf) struct buf *b = NULL;
    enum err e = buf_new(&b, PEM_MAX);

    if (!e)
        e = buf_append(b, pem->data, pem->size);
    gnutls_memset(pem->data, 0, pem->size);
    gnutls_free(pem->data);
    if (!e)
        *out = TAKE(b);
    return e;
}

static enum err export_pair(struct ca_files *out, struct fault *fault, gnutls_x509_crt_t c,
                            gnutls_x509_privkey_t key, const char *passphrase)
{
    gnutls_datum_t pem = {NULL, 0};
    int rc = gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem);

    if (rc < 0)
        return fail(fault, "exporting the certificate", rc);
    TRY(keep(&out->certificate, &pem));
    rc = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, passphrase,
                                           passphrase ? GNUTLS_PKCS_PBES2_AES_256 : GNUTLS_PKCS_PLAIN, &pem);
    if (rc < 0)
        return fail(fault, "exporting the private key", rc);
    return keep(&out->key, &pem);
}

/* ---- The CA itself ---- */

static int sign_root(gnutls_x509_crt_t *out, gnutls_x509_privkey_t key, const char *origin)
{
    char name[200];
    int rc = begin(out, key, now_s() + (time_t)CA_DAYS * DAY_S);

    (void)snprintf(name, sizeof name, "photod issuing CA %s", origin);
    STEP(rc, set_name(*out, GNUTLS_OID_X520_COMMON_NAME, name));
    STEP(rc, gnutls_x509_crt_set_basic_constraints(*out, 1, 0));
    STEP(rc, gnutls_x509_crt_set_key_usage(*out, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
    STEP(rc, gnutls_x509_crt_sign2(*out, *out, key, GNUTLS_DIG_SHA256, 0));
    return rc;
}

/*
 * The first list lasts as long as the CA: a revocation is a new list, put in
 * place at once, and an old list must not close the law door by its date.
 */
static enum err empty_crl(struct buf **out, struct fault *fault, gnutls_x509_crt_t ca,
                          gnutls_x509_privkey_t key)
{
    __attribute__((cleanup(crl_cleanup))) gnutls_x509_crl_t crl = NULL;
    unsigned char id[64], number = 1;
    size_t id_len = sizeof id;
    gnutls_datum_t pem = {NULL, 0};
    int rc = gnutls_x509_crl_init(&crl);

    STEP(rc, gnutls_x509_crl_set_version(crl, 2));
    STEP(rc, gnutls_x509_crl_set_this_update(crl, now_s() - BACKDATE_S));
    STEP(rc, gnutls_x509_crl_set_next_update(crl, now_s() + (time_t)CA_DAYS * DAY_S));
    STEP(rc, gnutls_x509_crl_set_number(crl, &number, sizeof number));
    STEP(rc, gnutls_x509_crt_get_subject_key_id(ca, id, &id_len, NULL));
    STEP(rc, gnutls_x509_crl_set_authority_key_id(crl, id, id_len));
    STEP(rc, gnutls_x509_crl_sign2(crl, ca, key, GNUTLS_DIG_SHA256, 0));
    STEP(rc, gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem));
    return rc < 0 ? fail(fault, "making the revocation list", rc) : keep(out, &pem);
}

enum err ca_create(struct ca_files *out, struct fault *fault, const char *origin, const char *passphrase)
{
    __attribute__((cleanup(private_cleanup))) gnutls_x509_privkey_t key = NULL;
    __attribute__((cleanup(certificate_cleanup))) gnutls_x509_crt_t crt = NULL;
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    int rc = make_key(&key);

    STEP(rc, sign_root(&crt, key, origin));
    if (rc < 0)
        return fail(fault, "making the issuing CA", rc);
    TRY(export_pair(&f, fault, crt, key, passphrase));
    TRY(empty_crl(&f.crl, fault, crt, key));
    *out = f;
    f = (struct ca_files){NULL, NULL, NULL};
    return OK;
}

/* ---- Opening ---- */

void ca_free(struct ca *c)
{
    if (!c)
        return;
    certificate_cleanup(&c->certificate);
    private_cleanup(&c->key);
    free(c);
}

static gnutls_datum_t datum(const struct buf *b)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)buf_bytes(b), (unsigned)buf_len(b)};
}

static bool belong_together(const struct ca *c)
{
    unsigned char a[64], b[64];
    size_t a_len = sizeof a, b_len = sizeof b;

    return gnutls_x509_crt_get_key_id(c->certificate, GNUTLS_KEYID_USE_SHA256, a, &a_len) >= 0 &&
           gnutls_x509_privkey_get_key_id(c->key, GNUTLS_KEYID_USE_SHA256, b, &b_len) >= 0 &&
           a_len == b_len && memcmp(a, b, a_len) == 0;
}

enum err ca_open(struct ca **out, struct fault *fault, const struct buf *certificate, const struct buf *key,
                 const char *passphrase)
{
    CLEANUP(ca) struct ca *c = calloc(1, sizeof *c);
    gnutls_datum_t crt_pem = datum(certificate), key_pem = datum(key);
    int rc;

    if (!c || gnutls_x509_crt_init(&c->certificate) < 0 || gnutls_x509_privkey_init(&c->key) < 0)
        return fault_set(fault, ERR_NOMEM, "out of memory");
    if (gnutls_x509_crt_import(c->certificate, &crt_pem, GNUTLS_X509_FMT_PEM) < 0)
        return fault_set(fault, ERR_MALFORMED, "the CA's certificate is not a PEM certificate");
    rc = gnutls_x509_privkey_import_pkcs8(c->key, &key_pem, GNUTLS_X509_FMT_PEM, passphrase, 0);
    if (rc == GNUTLS_E_DECRYPTION_FAILED)
        return fault_set(fault, ERR_DENIED, "the passphrase does not open the CA's key");
    if (rc < 0)
        return fault_set(fault, ERR_MALFORMED, "the CA's key is not a PEM private key: %s",
                         gnutls_strerror(rc));
    if (!belong_together(c))
        return fault_set(fault, ERR_MALFORMED, "the CA's certificate and key do not belong together");
    *out = TAKE(c);
    return OK;
}

/* ---- Issuing ---- */

static int add_name(gnutls_x509_crt_t c, const char *name)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, name, address) == 1)
        return gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, address, 4, GNUTLS_FSAN_APPEND);
    if (inet_pton(AF_INET6, name, address) == 1)
        return gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, address, 16, GNUTLS_FSAN_APPEND);
    return gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                                GNUTLS_FSAN_APPEND);
}

enum err ca_issue_server(struct ca_files *out, struct fault *fault, struct ca *c, const char *const *names,
                         unsigned name_count)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    __attribute__((cleanup(private_cleanup))) gnutls_x509_privkey_t key = NULL;
    __attribute__((cleanup(certificate_cleanup))) gnutls_x509_crt_t crt = NULL;
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    int rc = make_key(&key);

    STEP(rc, begin(&crt, key, now_s() + (time_t)CA_SERVER_DAYS * DAY_S));
    STEP(rc, set_name(crt, GNUTLS_OID_X520_COMMON_NAME, name_count ? names[0] : always[0]));
    for (unsigned i = 0; i < sizeof always / sizeof always[0]; i++)
        STEP(rc, add_name(crt, always[i]));
    for (unsigned i = 0; i < name_count; i++)
        STEP(rc, add_name(crt, names[i]));
    STEP(rc, gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
    STEP(rc, finish(crt, c));
    if (rc < 0)
        return fail(fault, "issuing the server's certificate", rc);
    TRY(export_pair(&f, fault, crt, key, NULL));
    *out = f;
    f = (struct ca_files){NULL, NULL, NULL};
    return OK;
}

/* A certificate may not outlive its CA. */
static time_t last_moment(const struct ca *c, unsigned days)
{
    time_t wanted = now_s() + (time_t)days * DAY_S, end = gnutls_x509_crt_get_expiration_time(c->certificate);

    return wanted < end ? wanted : end;
}

enum err ca_issue_client(struct ca_files *out, struct ca_client *client, struct fault *fault, struct ca *c,
                         const char *ori, const char *label, unsigned days)
{
    __attribute__((cleanup(private_cleanup))) gnutls_x509_privkey_t key = NULL;
    __attribute__((cleanup(certificate_cleanup))) gnutls_x509_crt_t crt = NULL;
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    struct ca_client known = {.not_after_ms = (int64_t)last_moment(c, days) * 1000};
    size_t len = sizeof known.fingerprint;
    char urn[100];
    int rc = make_key(&key);

    (void)snprintf(urn, sizeof urn, "urn:photod:agency:%s", ori);
    STEP(rc, begin(&crt, key, last_moment(c, days)));
    STEP(rc, set_name(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, ori));
    STEP(rc, set_name(crt, GNUTLS_OID_X520_COMMON_NAME, label));
    STEP(rc, gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, urn, (unsigned)strlen(urn),
                                                  GNUTLS_FSAN_SET));
    STEP(rc, gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
    STEP(rc, finish(crt, c));
    STEP(rc, gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, known.fingerprint, &len));
    if (rc < 0)
        return fail(fault, "issuing the certificate", rc);
    TRY(export_pair(&f, fault, crt, key, NULL));
    *out = f;
    f = (struct ca_files){NULL, NULL, NULL};
    *client = known;
    return OK;
}
