#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "photod/base/clock.h"
#include "photod/ctl/ca.h"
#include "tests/unit/suite.h"

static const char passphrase[] = "correct horse battery";
static struct ca_files root;

static void set_up(void)
{
    struct fault fault;

    ck_assert_int_eq(ca_create(&root, &fault, "photos.example/log", passphrase), OK);
}

static void tear_down(void)
{
    ca_files_clear(&root);
}

static gnutls_x509_crt_t load(const struct buf *pem)
{
    gnutls_datum_t d = {(unsigned char *)(uintptr_t)buf_bytes(pem), (unsigned)buf_len(pem)};
    gnutls_x509_crt_t c;

    ck_assert_int_ge(gnutls_x509_crt_init(&c), 0);
    ck_assert_int_ge(gnutls_x509_crt_import(c, &d, GNUTLS_X509_FMT_PEM), 0);
    return c;
}

/* How GnuTLS judges a certificate below this CA and its CRL, for a purpose and a host name (or NULL). */
static unsigned judge(const struct ca_files *ca, const struct buf *pem, const char *purpose, const char *host)
{
    gnutls_datum_t crl = {(unsigned char *)(uintptr_t)buf_bytes(ca->crl), (unsigned)buf_len(ca->crl)};
    gnutls_datum_t crt = {(unsigned char *)(uintptr_t)buf_bytes(ca->certificate),
                          (unsigned)buf_len(ca->certificate)};
    gnutls_typed_vdata_st data[] = {
        {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)purpose, 0},
        {GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)(uintptr_t)host, 0},
    };
    gnutls_x509_trust_list_t list;
    gnutls_x509_crt_t leaf = load(pem);
    unsigned status = ~0u;

    ck_assert_int_ge(gnutls_x509_trust_list_init(&list, 0), 0);
    ck_assert_int_eq(gnutls_x509_trust_list_add_trust_mem(list, &crt, &crl, GNUTLS_X509_FMT_PEM, 0, 0), 2);
    ck_assert_int_ge(gnutls_x509_trust_list_verify_crt2(list, &leaf, 1, data, host ? 2 : 1, 0, &status, NULL),
                     0);
    gnutls_x509_trust_list_deinit(list, 1);
    gnutls_x509_crt_deinit(leaf);
    return status;
}

static struct ca *opened(void)
{
    struct fault fault;
    struct ca *c = NULL;

    ck_assert_int_eq(ca_open(&c, &fault, root.certificate, root.key, passphrase), OK);
    return c;
}

START_TEST(the_key_is_sealed_and_the_passphrase_opens_it)
{
    CLEANUP(ca) struct ca *c = opened();

    ck_assert_ptr_nonnull(c);
    ck_assert_ptr_nonnull(strstr(buf_text(root.key), "BEGIN ENCRYPTED PRIVATE KEY"));
}
END_TEST

START_TEST(a_wrong_passphrase_gives_one_sentence)
{
    struct fault fault;
    struct ca *c = NULL;

    ck_assert_int_eq(ca_open(&c, &fault, root.certificate, root.key, "wrong horse battery"), ERR_DENIED);
    ck_assert_str_eq(fault.text, "the passphrase does not open the CA's key");
    ck_assert_int_eq(ca_open(&c, &fault, root.certificate, root.key, ""), ERR_DENIED);
    ck_assert_ptr_null(c);
}
END_TEST

START_TEST(files_that_are_no_ca_are_refused)
{
    CLEANUP(ca_files) struct ca_files other = {NULL, NULL, NULL};
    struct fault fault;
    struct ca *c = NULL;

    ck_assert_int_eq(ca_create(&other, &fault, "other.example/log", passphrase), OK);
    ck_assert_int_eq(ca_open(&c, &fault, other.certificate, root.key, passphrase), ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(fault.text, "belong together"));
    ck_assert_int_eq(ca_open(&c, &fault, root.key, root.key, passphrase), ERR_MALFORMED);
    ck_assert_int_eq(ca_open(&c, &fault, root.certificate, root.certificate, passphrase), ERR_MALFORMED);
}
END_TEST

START_TEST(the_ca_may_sign_certificates_and_lists_and_nothing_below_it_may)
{
    gnutls_x509_crt_t c = load(root.certificate);
    unsigned critical, is_ca, usage;
    int path;
    char name[200];
    size_t len = sizeof name;

    ck_assert_int_ge(gnutls_x509_crt_get_basic_constraints(c, &critical, &is_ca, &path), 0);
    ck_assert_uint_eq(is_ca, 1);
    ck_assert_int_eq(path, 0);
    ck_assert_int_ge(gnutls_x509_crt_get_key_usage(c, &usage, &critical), 0);
    ck_assert_uint_eq(usage, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
    ck_assert_int_ge(gnutls_x509_crt_get_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len), 0);
    ck_assert_str_eq(name, "photod issuing CA photos.example/log");
    gnutls_x509_crt_deinit(c);
}
END_TEST

START_TEST(a_long_origin_still_makes_a_ca)
{
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    struct fault fault;
    char origin[101];

    memset(origin, 'o', sizeof origin - 1);
    origin[sizeof origin - 1] = '\0';
    ck_assert_int_eq(ca_create(&f, &fault, origin, passphrase), OK);
}
END_TEST

START_TEST(a_servers_chain_verifies_for_each_of_its_names)
{
    static const char *const names[] = {"photos.example", "192.0.2.7", "2001:db8::7"};
    CLEANUP(ca) struct ca *c = opened();
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    struct fault fault;
    gnutls_x509_crt_t crt;

    ck_assert_int_eq(ca_issue_server(&f, &fault, c, names, 3), OK);
    ck_assert_uint_eq(judge(&root, f.certificate, GNUTLS_KP_TLS_WWW_SERVER, "localhost"), 0);
    ck_assert_uint_eq(judge(&root, f.certificate, GNUTLS_KP_TLS_WWW_SERVER, "photos.example"), 0);
    ck_assert_uint_ne(judge(&root, f.certificate, GNUTLS_KP_TLS_WWW_SERVER, "elsewhere.example"), 0);
    ck_assert_uint_ne(judge(&root, f.certificate, GNUTLS_KP_TLS_WWW_CLIENT, NULL), 0);
    crt = load(f.certificate);
    ck_assert_uint_ne(gnutls_x509_crt_check_hostname(crt, "127.0.0.1"), 0);
    ck_assert_uint_ne(gnutls_x509_crt_check_hostname(crt, "::1"), 0);
    ck_assert_uint_ne(gnutls_x509_crt_check_hostname(crt, "192.0.2.7"), 0);
    ck_assert_uint_ne(gnutls_x509_crt_check_hostname(crt, "2001:db8::7"), 0);
    ck_assert_int_le(gnutls_x509_crt_get_expiration_time(crt) - time(NULL), 397 * 86400);
    gnutls_x509_crt_deinit(crt);
}
END_TEST

START_TEST(a_clients_chain_verifies_and_names_its_agency)
{
    CLEANUP(ca) struct ca *c = opened();
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    struct ca_client client;
    struct fault fault;
    unsigned char digest[32];
    char san[100];
    size_t len = sizeof san, digest_len = sizeof digest;
    gnutls_x509_crt_t crt;

    ck_assert_int_eq(ca_issue_client(&f, &client, &fault, c, "MT0250100", "dispatch-1", 90), OK);
    ck_assert_uint_eq(judge(&root, f.certificate, GNUTLS_KP_TLS_WWW_CLIENT, NULL), 0);
    ck_assert_uint_ne(judge(&root, f.certificate, GNUTLS_KP_TLS_WWW_SERVER, NULL), 0);
    crt = load(f.certificate);
    ck_assert_int_eq(gnutls_x509_crt_get_subject_alt_name(crt, 0, san, &len, NULL), GNUTLS_SAN_URI);
    ck_assert_str_eq(san, "urn:photod:agency:MT0250100");
    ck_assert_int_ge(gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, digest, &digest_len), 0);
    ck_assert_mem_eq(digest, client.fingerprint, sizeof digest);
    ck_assert_int_eq(gnutls_x509_crt_get_expiration_time(crt), client.not_after_ms / 1000);
    ck_assert_int_eq(gnutls_x509_crt_get_pk_algorithm(crt, NULL), GNUTLS_PK_ECDSA);
    gnutls_x509_crt_deinit(crt);
    ck_assert_ptr_nonnull(strstr(buf_text(f.key), "BEGIN PRIVATE KEY"));
}
END_TEST

START_TEST(a_certificate_does_not_outlive_its_ca)
{
    CLEANUP(ca) struct ca *c = opened();
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    struct ca_client client;
    struct fault fault;
    gnutls_x509_crt_t crt = load(root.certificate);

    ck_assert_int_eq(ca_issue_client(&f, &client, &fault, c, "MT0250100", "x", 9999), OK);
    ck_assert_int_eq(client.not_after_ms / 1000, gnutls_x509_crt_get_expiration_time(crt));
    gnutls_x509_crt_deinit(crt);
}
END_TEST

START_TEST(a_chain_of_another_ca_does_not_verify)
{
    CLEANUP(ca_files) struct ca_files other = {NULL, NULL, NULL};
    CLEANUP(ca) struct ca *c = opened();
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    struct ca_client client;
    struct fault fault;

    ck_assert_int_eq(ca_create(&other, &fault, "photos.example/log", passphrase), OK);
    ck_assert_int_eq(ca_issue_client(&f, &client, &fault, c, "MT0250100", "x", 9), OK);
    ck_assert_uint_ne(judge(&other, f.certificate, GNUTLS_KP_TLS_WWW_CLIENT, NULL), 0);
}
END_TEST

SUITE_IN("ctl_ca", set_up, tear_down, the_key_is_sealed_and_the_passphrase_opens_it,
         a_wrong_passphrase_gives_one_sentence, files_that_are_no_ca_are_refused,
         the_ca_may_sign_certificates_and_lists_and_nothing_below_it_may, a_long_origin_still_makes_a_ca,
         a_servers_chain_verifies_for_each_of_its_names, a_clients_chain_verifies_and_names_its_agency,
         a_certificate_does_not_outlive_its_ca, a_chain_of_another_ca_does_not_verify)
