#ifndef TESTS_PROCESS_TEST_WEB_H
#define TESTS_PROCESS_TEST_WEB_H

#include <check.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>
#include "lawapi/problem.h"
#include "photod/wire/channel.h"

/*
 * What the tests of photod-web share: a parent that furnishes the real
 * executable (test_web_peer.c), a vault that says what a test wants
 * (test_web_peer.c), certificates and a TLS client (test_web_client.c).
 */

/* Certificates: made once, before the first test. */
struct pair {
    gnutls_datum_t certificate, key; /* PEM */
    unsigned char fingerprint[32];
};
enum who {
    SERVER,
    SERVER_NEXT,
    AGENCY,
    AGENCY_EXPIRED,
    AGENCY_REVOKED,
    AGENCY_SERVER_EKU,
    AGENCY_NO_EKU,
    STRANGER,
    WHO_COUNT
};
extern struct pair pairs[WHO_COUNT];
extern gnutls_datum_t ca_pem, crl_pem, crl_next_pem; /* crl_next also revokes AGENCY */
void pki_make(void);

/* The vault of a test: a thread that receives, counts and answers. */
struct peer;
typedef void peer_answer(struct peer *p, struct message *m);
struct peer {
    struct channel channel;
    peer_answer *answer;
    pthread_t thread;
    pthread_mutex_t lock;
    unsigned counts[MSG_COUNT];
    union shape last[MSG_COUNT];
    uint64_t upload_bytes;
    uint32_t chunk_sizes[64];
};
void peer_start(struct peer *p, int fd, enum process door, peer_answer *answer);
void peer_stop(struct peer *p); /* closes the channel: the vault is gone */
unsigned peer_count(struct peer *p, enum msg type);
/* Waits up to 5 s for the count to reach n. */
bool peer_awaits(struct peer *p, enum msg type, unsigned n);
void peer_say(struct peer *p, enum msg type, uint32_t request, const void *shape, int fd);
void peer_refuse(struct peer *p, uint32_t request, unsigned problem);

/* A door under test and its parent. */
struct door {
    enum process process;
    pid_t pid;
    struct channel control;
    struct peer vault;
    int port;
};
/* answer NULL: no vault is linked. */
void door_start(struct door *d, enum process process, peer_answer *answer);
void door_link(struct door *d, peer_answer *answer); /* a new vault */
void door_tls(struct door *d, enum who server, gnutls_datum_t crl);
/* Says STOP; the exit status must be 0, which under ASan includes the leak check. */
void door_stop(struct door *d);

/* A client. */
struct client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};
struct reply {
    int status; /* 0: none came */
    char head[20000];
    char *body;
    size_t len;
};
/* Without TLS. */
int client_connect(int port);
/* who: WHO_COUNT for no certificate.  False: no handshake. */
bool client_open(struct client *c, int port, enum who who);
bool client_open_with(struct client *c, int port, enum who who, const char *priority);
bool client_send(struct client *c, const void *bytes, size_t len);
void client_say(struct client *c, const char *text);
/* Waits up to 20 s. */
void client_read(struct client *c, struct reply *r);
void client_close(struct client *c);
/* Whether the server ends the connection within so many milliseconds. */
bool client_is_cut(struct client *c, int timeout_ms);
/* Whether something took as long as it should. */
bool is_between(int64_t ms, int64_t low, int64_t high);
/* One request on a connection of its own. */
void client_ask(int port, enum who who, const char *text, struct reply *r);
void reply_free(struct reply *r);
/* "" when there is no such header. */
const char *reply_header(struct reply *r, const char *name, char value[static 8400]);

/* What several tests say and expect (test_web_scene.c). */
#define CASE_JSON                                                                                            \
    "{\"case\":{\"oca\":\"26-0417\",\"reported_at\":\"2026-11-23T03:05:00Z\","                               \
    "\"basis\":\"missing-child-report\"},\"operator\":\"Dispatch "                                           \
    "7\",\"child\":{\"state_id\":\"012345678\"}}"
#define RECEIPT     "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 7\n\nphotod.example\n8\n"
#define LOOKUP_HEAD "POST /v1/lookups HTTP/1.1\r\nHost: law\r\nContent-Type: application/json\r\n"

extern char picture[70000];
peer_answer release, find_none; /* vaults that know the child, that do not */
/* accept: or NULL; more: further header lines. */
const char *lookup_text(const char *accept, const char *more, const char *body);
void assert_problem(struct reply *r, enum problem problem);
void ask_for_problem(struct door *d, enum who who, const char *text, enum problem problem);
/* A text of an object, or of an object in it; "(missing)". */
const char *member(const json_t *o, const char *outer, const char *name);

TCase *tests_of(const char *name, const TTest *const *tests, size_t count);
TCase *tests_of_law(void);
TCase *tests_of_link(void);
TCase *tests_of_gate(void);
TCase *tests_of_office(void);
TCase *tests_of_review(void);
TCase *tests_of_tus(void);
TCase *tests_of_withdraw(void);

#endif
