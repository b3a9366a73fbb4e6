#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "photod/base/clock.h"
#include "tests/process/test_web.h"

#define READ_MS 20000

struct pair pairs[WHO_COUNT];
gnutls_datum_t ca_pem, crl_pem, crl_next_pem;

/* Certificates. */

struct issuer {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

static void good(int rc)
{
    if (rc < 0) {
        (void)fprintf(stderr, "GnuTLS: %s\n", gnutls_strerror(rc));
        abort();
    }
}

static gnutls_x509_privkey_t new_key(void)
{
    gnutls_x509_privkey_t key;

    good(gnutls_x509_privkey_init(&key));
    good(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                      0));
    return key;
}

static gnutls_x509_crt_t new_crt(const char *dn, unsigned char serial, gnutls_x509_privkey_t key, time_t end)
{
    gnutls_x509_crt_t crt;
    const char *wrong;

    good(gnutls_x509_crt_init(&crt));
    good(gnutls_x509_crt_set_version(crt, 3));
    good(gnutls_x509_crt_set_dn(crt, dn, &wrong));
    good(gnutls_x509_crt_set_serial(crt, &serial, 1));
    good(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 86400));
    good(gnutls_x509_crt_set_expiration_time(crt, end));
    good(gnutls_x509_crt_set_key(crt, key));
    return crt;
}

static struct issuer new_issuer(const char *dn)
{
    struct issuer ca = {.key = new_key()};

    ca.crt = new_crt(dn, 1, ca.key, time(NULL) + 864000);
    good(gnutls_x509_crt_set_basic_constraints(ca.crt, 1, 0));
    good(gnutls_x509_crt_set_key_usage(ca.crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
    good(gnutls_x509_crt_sign2(ca.crt, ca.crt, ca.key, GNUTLS_DIG_SHA256, 0));
    return ca;
}

static void issue(struct pair *out, const struct issuer *ca, unsigned char serial, const char *purpose,
                  time_t end)
{
    gnutls_x509_privkey_t key = new_key();
    gnutls_x509_crt_t crt = new_crt("CN=Cascade County Sheriff", serial, key, end);
    gnutls_datum_t der;

    if (purpose)
        good(gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0));
    good(gnutls_x509_crt_sign2(crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
    good(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out->certificate));
    good(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out->key));
    good(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der));
    good(gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, out->fingerprint));
    gnutls_free(der.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

/* One that is long overdue, to prove that what it revokes stays revoked. */
static void new_crl(gnutls_datum_t *out, const struct issuer *ca, const unsigned char *serials, size_t count)
{
    gnutls_x509_crl_t crl;

    good(gnutls_x509_crl_init(&crl));
    good(gnutls_x509_crl_set_version(crl, 2));
    good(gnutls_x509_crl_set_this_update(crl, time(NULL) - 7200));
    good(gnutls_x509_crl_set_next_update(crl, time(NULL) - 3600));
    for (size_t i = 0; i < count; i++)
        good(gnutls_x509_crl_set_crt_serial(crl, &serials[i], 1, time(NULL) - 7200));
    good(gnutls_x509_crl_sign2(crl, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
    good(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, out));
    gnutls_x509_crl_deinit(crl);
}

void pki_make(void)
{
    struct issuer ca = new_issuer("CN=photod agencies"), other = new_issuer("CN=photod agencies");
    time_t later = time(NULL) + 86400, earlier = time(NULL) - 3600;

    issue(&pairs[SERVER], &ca, 10, GNUTLS_KP_TLS_WWW_SERVER, later);
    issue(&pairs[SERVER_NEXT], &ca, 11, GNUTLS_KP_TLS_WWW_SERVER, later);
    issue(&pairs[AGENCY], &ca, 20, GNUTLS_KP_TLS_WWW_CLIENT, later);
    issue(&pairs[AGENCY_EXPIRED], &ca, 21, GNUTLS_KP_TLS_WWW_CLIENT, earlier);
    issue(&pairs[AGENCY_REVOKED], &ca, 22, GNUTLS_KP_TLS_WWW_CLIENT, later);
    issue(&pairs[AGENCY_SERVER_EKU], &ca, 23, GNUTLS_KP_TLS_WWW_SERVER, later);
    issue(&pairs[AGENCY_NO_EKU], &ca, 24, NULL, later);
    issue(&pairs[STRANGER], &other, 20, GNUTLS_KP_TLS_WWW_CLIENT, later);
    new_crl(&crl_pem, &ca, (const unsigned char[]){22}, 1);
    new_crl(&crl_next_pem, &ca, (const unsigned char[]){22, 20}, 2);
    good(gnutls_x509_crt_export2(ca.crt, GNUTLS_X509_FMT_PEM, &ca_pem));
    gnutls_x509_crt_deinit(ca.crt);
    gnutls_x509_privkey_deinit(ca.key);
    gnutls_x509_crt_deinit(other.crt);
    gnutls_x509_privkey_deinit(other.key);
}

/* The client. */

int client_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = READ_MS / 1000};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

bool client_open_with(struct client *c, int port, enum who who, const char *priority)
{
    int rc;

    c->fd = client_connect(port);
    good(gnutls_certificate_allocate_credentials(&c->credentials));
    if (who < WHO_COUNT)
        good(gnutls_certificate_set_x509_key_mem(c->credentials, &pairs[who].certificate, &pairs[who].key,
                                                 GNUTLS_X509_FMT_PEM));
    good(gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL));
    good(gnutls_priority_set_direct(c->session, priority, NULL));
    good(gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials));
    gnutls_transport_set_int(c->session, c->fd);
    do
        rc = gnutls_handshake(c->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    return rc == 0;
}

bool client_open(struct client *c, int port, enum who who)
{
    return client_open_with(c, port, who, "NORMAL");
}

bool client_send(struct client *c, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len) {
        ssize_t n = gnutls_record_send(c->session, at, len);

        if (n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n < 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

void client_say(struct client *c, const char *text)
{
    (void)client_send(c, text, strlen(text));
}

static ssize_t receive(struct client *c, void *to, size_t len)
{
    ssize_t n;

    do
        n = gnutls_record_recv(c->session, to, len);
    while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_REHANDSHAKE);
    return n;
}

void client_read(struct client *c, struct reply *r)
{
    size_t used = 0;
    char *end = NULL;
    char length[8400];

    memset(r, 0, sizeof *r);
    while (!end && used < sizeof r->head - 1) { /* byte by byte: the body may follow at once */
        if (receive(c, r->head + used, 1) != 1)
            return;
        used++;
        if (used >= 4 && memcmp(r->head + used - 4, "\r\n\r\n", 4) == 0)
            end = r->head + used;
    }
    r->status = atoi(r->head + 9);
    r->len = (size_t)strtoul(reply_header(r, "Content-Length", length), NULL, 10);
    r->body = calloc(1, r->len + 1);
    for (used = 0; used < r->len;) {
        ssize_t n = receive(c, r->body + used, r->len - used);

        if (n <= 0)
            return;
        used += (size_t)n;
    }
}

void client_close(struct client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    (void)close(c->fd);
}

bool client_is_cut(struct client *c, int timeout_ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int64_t end = clock_steady_ms() + timeout_ms;
    char waste[4096];

    for (;;) {
        int64_t left = end - clock_steady_ms();

        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return false;
        if (recv(c->fd, waste, sizeof waste, 0) <= 0)
            return true;
    }
}

bool is_between(int64_t ms, int64_t low, int64_t high)
{
    return ms >= low && ms <= high;
}

void client_ask(int port, enum who who, const char *text, struct reply *r)
{
    struct client c;

    ck_assert(client_open(&c, port, who));
    client_say(&c, text);
    client_read(&c, r);
    client_close(&c);
}

void reply_free(struct reply *r)
{
    free(r->body);
    r->body = NULL;
}

const char *reply_header(struct reply *r, const char *name, char value[static 8400])
{
    size_t len = strlen(name);

    value[0] = '\0';
    for (const char *line = strstr(r->head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            const char *at = line + 3 + len;
            size_t n;

            at += strspn(at, " ");
            n = strcspn(at, "\r");
            memcpy(value, at, n);
            value[n] = '\0';
            break;
        }
    return value;
}
