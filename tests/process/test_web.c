/*
 * The real photod-web with the test as its parent, its vault and its
 * clients.  Names are sentences about what a door does.
 */
#include <check.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lawapi/none.h"
#include "lawapi/outcome.h"
#include "lawapi/problem.h"
#include "photod/base/clock.h"
#include "photod/wire/bulk.h"
#include "tests/process/test_web.h"

#define CASE_JSON                                                                                            \
    "{\"case\":{\"oca\":\"26-0417\",\"reported_at\":\"2026-11-23T03:05:00Z\","                               \
    "\"basis\":\"missing-child-report\"},\"operator\":\"Dispatch "                                           \
    "7\",\"child\":{\"state_id\":\"012345678\"}}"
#define RECEIPT "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 7\n\nphotod.example\n8\n"

static char picture[70000];

/* What vaults say. */

static void release(struct peer *p, struct message *m)
{
    struct shape_released found = {.leaf = 7,
                                   .last = "Mountain Chief",
                                   .first = "José",
                                   .middle = "",
                                   .born = {2015, 4, 9},
                                   .district = "0098",
                                   .school = "Eastside",
                                   .grade = "06",
                                   .taken_on = {2026, 9, 14},
                                   .age_days = 70,
                                   .rendition = "standard",
                                   .due_ms = 1795151100000,
                                   .receipt = RECEIPT};
    int fd = -1;

    if (m->type != MSG_LOOKUP)
        return;
    ck_assert_int_eq(bulk_new(&fd, picture, sizeof picture), OK);
    peer_say(p, MSG_RELEASED, m->request, &found, fd);
    (void)close(fd);
}

static void find_none(struct peer *p, struct message *m)
{
    struct shape_none none = {.leaf = 9, .reason = NONE_EXPIRED, .due_ms = 1795151100000};

    if (m->type == MSG_LOOKUP)
        peer_say(p, MSG_NONE, m->request, &none, -1);
}

static unsigned next_problem;

static void refuse_in_turn(struct peer *p, struct message *m)
{
    if (m->type == MSG_LOOKUP)
        peer_refuse(p, m->request, next_problem);
}

static void be_healthy(struct peer *p, struct message *m)
{
    struct shape_healthy healthy = {.uploads = 1};

    if (m->type == MSG_HEALTH)
        peer_say(p, MSG_HEALTHY, m->request, &healthy, -1);
}

static void say_nothing(struct peer *p, struct message *m)
{
    (void)p, (void)m;
}

static void report_rows(struct peer *p, uint32_t request, enum msg type, const void *shape)
{
    struct shape_report_row rows[] = {
        {.line = 1, .file = "012345678.jpg", .state_id = "012345678", .outcome = OUTCOME_STORED},
        {.line = 2, .file = "", .state_id = "", .outcome = OUTCOME_STATE_ID_MALFORMED},
        {.line = 3, .file = "caf\xe9.jpg", .state_id = "", .outcome = OUTCOME_NAME_NOT_STATE_ID}};
    CLEANUP(buf) struct buf *b = NULL;
    struct pack packed;
    int fd = -1;

    ck_assert_int_eq(buf_new(&b, 65536), OK);
    packed = PACK(b);
    for (size_t i = 0; i < 3; i++)
        pack_report_row(&packed, &rows[i]);
    ck_assert_int_eq(bulk_new(&fd, buf_bytes(b), buf_len(b)), OK);
    peer_say(p, type, request, shape, fd);
    (void)close(fd);
}

static bool is_roster;

static void answer_close(struct peer *p, struct message *m)
{
    struct shape_roster_report roster = {
        .lines = 3, .in = 1, .out = 1, .blank = 0, .refused = 1, .withdrawn = 1, .leaf = 12};
    struct shape_batch_state batch = {
        .batch = "b1", .state = BATCH_STAGING, .taken_on = {2026, 9, 14}, .created_ms = 1795151100000};

    if (is_roster)
        report_rows(p, m->request, MSG_ROSTER_REPORT, &roster);
    else
        peer_say(p, MSG_BATCH_STATE, m->request, &batch, -1);
}

static void keep_office(struct peer *p, struct message *m)
{
    struct shape_batch_state batch = {.batch = "b1",
                                      .state = BATCH_STAGED,
                                      .taken_on = {2026, 9, 14},
                                      .created_ms = 1795151100000,
                                      .files = 3,
                                      .judged = 3,
                                      .stored = 1};
    struct shape_upload_name upload = {.upload = 5};

    switch ((int)m->type) {
    case MSG_ROSTER_OPEN:
    case MSG_BATCH_UPLOAD:
        is_roster = m->type == MSG_ROSTER_OPEN;
        peer_say(p, MSG_UPLOAD_READY, m->request, &upload, -1);
        break;
    case MSG_UPLOAD_CHUNK:
        peer_say(p, MSG_UPLOAD_KEPT, m->request, &upload, -1);
        break;
    case MSG_UPLOAD_CLOSE:
        answer_close(p, m);
        break;
    case MSG_BATCH_GET:
        report_rows(p, m->request, MSG_BATCH_REPORT, &batch);
        break;
    case MSG_BATCH_CREATE:
    case MSG_BATCH_COMMIT:
    case MSG_BATCH_UNDO:
        batch.state = m->type == MSG_BATCH_CREATE   ? BATCH_STAGING
                      : m->type == MSG_BATCH_COMMIT ? BATCH_COMMITTED
                                                    : BATCH_UNDONE;
        peer_say(p, MSG_BATCH_STATE, m->request, &batch, -1);
        break;
    default:
        break;
    }
}

static void refuse_keys(struct peer *p, struct message *m)
{
    if (m->type != MSG_DOOR_REFUSED && m->type != MSG_STRANGERS)
        peer_refuse(p, m->request, PROBLEM_CREDENTIAL_UNKNOWN);
}

static void fill_up_at_second_chunk(struct peer *p, struct message *m)
{
    if (m->type == MSG_UPLOAD_CHUNK && m->is.upload_chunk.number == 1)
        peer_refuse(p, m->request, PROBLEM_STORAGE_FULL);
    else
        keep_office(p, m);
}

/* Garbage, in the forms a broken vault may have. */
static int garbage_kind;

static void talk_garbage(struct peer *p, struct message *m)
{
    struct shape_released found = {.leaf = 7};
    struct shape_refused refused = {.problem = 9999};
    struct shape_none none = {.reason = 200};
    int fd;

    if (m->type != MSG_LOOKUP)
        return;
    switch (garbage_kind) {
    case 0:
        ck_assert_int_eq(send(p->channel.fd, "no message at all, but long enough", 34, MSG_NOSIGNAL), 34);
        break;
    case 1: /* a picture that could shrink under web's feet */
        fd = memfd_create("unsealed", MFD_CLOEXEC);
        ck_assert_int_eq(ftruncate(fd, 4096), 0);
        peer_say(p, MSG_RELEASED, m->request, &found, fd);
        (void)close(fd);
        break;
    case 2: /* an answer of another question */
        peer_say(p, MSG_HEALTHY, m->request, &(struct shape_healthy){.uploads = 1}, -1);
        break;
    case 3:
        peer_say(p, MSG_REFUSED, m->request, &refused, -1);
        break;
    default:
        peer_say(p, MSG_NONE, m->request, &none, -1);
        break;
    }
}

/* Requests. */

static const char *lookup_text(const char *accept, const char *more, const char *body)
{
    static char text[20000];

    (void)snprintf(text, sizeof text,
                   "POST /v1/lookups HTTP/1.1\r\nHost: law\r\nContent-Type: application/json\r\n%s%s%s%s"
                   "Content-Length: %zu\r\n\r\n%s",
                   accept ? "Accept: " : "", accept ? accept : "", accept ? "\r\n" : "", more, strlen(body),
                   body);
    return text;
}

static void assert_problem(struct reply *r, enum problem problem)
{
    const struct problem_text *p = problem_text(problem);
    json_t *o = r->body ? json_loads(r->body, 0, NULL) : NULL;
    char value[8400];

    ck_assert_int_eq(r->status, (int)p->status);
    ck_assert_str_eq(reply_header(r, "Content-Type", value), "application/problem+json");
    ck_assert_str_eq(reply_header(r, "Connection", value), "close");
    ck_assert_str_eq(reply_header(r, "Cache-Control", value), "no-store");
    ck_assert_str_eq(reply_header(r, "X-Content-Type-Options", value), "nosniff");
    ck_assert_ptr_nonnull(o);
    ck_assert_str_eq(json_string_value(json_object_get(o, "code")), p->code);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "status")), (int)p->status);
    ck_assert_str_eq(json_string_value(json_object_get(o, "title")), p->title);
    ck_assert_int_eq(strncmp(json_string_value(json_object_get(o, "type")), "urn:photod:problem:", 19), 0);
    json_decref(o);
}

static void ask_for_problem(struct door *d, enum who who, const char *text, enum problem problem)
{
    struct reply r;

    client_ask(d->port, who, text, &r);
    assert_problem(&r, problem);
    reply_free(&r);
}

static const char *member(const json_t *o, const char *outer, const char *name)
{
    const char *text = json_string_value(json_object_get(outer ? json_object_get(o, outer) : o, name));

    return text ? text : "(missing)";
}

static bool is_base64_of(const char *text, const void *bytes, size_t len)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)}, out;
    bool same;

    if (strpbrk(text, "\r\n ") || gnutls_base64_decode2(&in, &out))
        return false;
    same = out.size == len && memcmp(out.data, bytes, len) == 0;
    gnutls_free(out.data);
    return same;
}

/* The law door. */

START_TEST(a_match_comes_as_json_with_picture_and_receipt)
{
    struct door d;
    struct reply r;
    json_t *o;

    door_start(&d, PROCESS_LAW, release);
    client_ask(d.port, AGENCY, lookup_text(NULL, "Idempotency-Key: k-1\r\n", CASE_JSON), &r);
    ck_assert_int_eq(r.status, 200);
    o = json_loads(r.body, 0, NULL);
    ck_assert_str_eq(member(o, NULL, "outcome"), "match");
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "release")), 7);
    ck_assert_str_eq(member(o, "case", "due_at"), "2026-11-20T05:05:00.000Z");
    ck_assert_str_eq(member(o, "student", "last_name"), "Mountain Chief");
    ck_assert_str_eq(member(o, "student", "first_name"), "José");
    ck_assert_str_eq(member(o, "student", "birth_date"), "2015-04-09");
    ck_assert_str_eq(member(o, "photo", "taken_on"), "2026-09-14");
    ck_assert_str_eq(member(o, "photo", "rendition"), "standard");
    ck_assert_str_eq(member(o, NULL, "receipt"), RECEIPT);
    ck_assert(is_base64_of(member(o, "photo", "data"), picture, sizeof picture));
    json_decref(o);
    reply_free(&r);
    ck_assert_mem_eq(d.vault.last[MSG_LOOKUP].lookup.fingerprint, pairs[AGENCY].fingerprint, 32);
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.source, "127.0.0.1");
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.idempotency_key, "k-1");
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.oca, "26-0417");
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.reported_at, "2026-11-23T03:05:00Z");
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.basis, "missing-child-report");
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.operator, "Dispatch 7");
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.state_id, "012345678");
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.rendition, "standard");
    door_stop(&d);
}
END_TEST

START_TEST(a_match_comes_as_jpeg_with_its_receipt_beside_it)
{
    struct door d;
    struct reply r;
    struct client c;
    char value[8400];

    door_start(&d, PROCESS_LAW, release);
    ck_assert(client_open(&c, d.port, AGENCY));
    for (int i = 0; i < 3; i++) { /* on one connection */
        client_say(&c, lookup_text("image/jpeg", "", CASE_JSON));
        client_read(&c, &r);
        ck_assert_int_eq(r.status, 200);
        ck_assert_str_eq(reply_header(&r, "Content-Type", value), "image/jpeg");
        ck_assert_str_eq(reply_header(&r, "Photod-Release", value), "7");
        ck_assert_str_eq(reply_header(&r, "Photod-Taken-On", value), "2026-09-14");
        ck_assert_str_eq(reply_header(&r, "Photod-Age-Days", value), "70");
        ck_assert_str_eq(reply_header(&r, "Cache-Control", value), "no-store");
        ck_assert_str_eq(reply_header(&r, "Server", value), "");
        ck_assert(is_base64_of(reply_header(&r, "Photod-Receipt", value), RECEIPT, sizeof RECEIPT - 1));
        ck_assert_uint_eq(r.len, sizeof picture);
        ck_assert_mem_eq(r.body, picture, sizeof picture);
        reply_free(&r);
    }
    client_close(&c);
    door_stop(&d);
}
END_TEST

START_TEST(the_better_accepted_type_wins_and_json_on_a_tie)
{
    static const struct {
        const char *accept, *type;
    } rows[] = {{"image/jpeg, application/json", "application/json"},
                {"image/jpeg, application/json;q=0.5", "image/jpeg"},
                {"image/*, */*;q=0.1", "image/jpeg"},
                {"*/*", "application/json"},
                {"application/*;q=0.2,image/jpeg;q=0.1", "application/json"}};
    struct door d;
    struct reply r;
    char value[8400];

    door_start(&d, PROCESS_LAW, release);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        client_ask(d.port, AGENCY, lookup_text(rows[i].accept, "", CASE_JSON), &r);
        ck_assert_str_eq(reply_header(&r, "Content-Type", value), rows[i].type);
        reply_free(&r);
    }
    ask_for_problem(&d, AGENCY, lookup_text("text/html", "", CASE_JSON), PROBLEM_NOT_ACCEPTABLE);
    ask_for_problem(&d, AGENCY, lookup_text("image/jpeg;q=0", "", CASE_JSON), PROBLEM_NOT_ACCEPTABLE);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_LOOKUP), sizeof rows / sizeof *rows);
    door_stop(&d);
}
END_TEST

START_TEST(no_photo_is_an_ordinary_answer_with_a_reason)
{
    struct door d;
    struct reply r;
    json_t *o;

    door_start(&d, PROCESS_LAW, find_none);
    client_ask(d.port, AGENCY, lookup_text("application/json", "", CASE_JSON), &r);
    ck_assert_int_eq(r.status, 200);
    o = json_loads(r.body, 0, NULL);
    ck_assert_str_eq(member(o, NULL, "outcome"), "none");
    ck_assert_str_eq(member(o, NULL, "reason"), "expired");
    ck_assert_str_eq(member(o, NULL, "sentence"), none_sentence(NONE_EXPIRED));
    ck_assert_ptr_null(json_object_get(o, "release"));
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "audit")), 9);
    json_decref(o);
    reply_free(&r);
    client_ask(d.port, AGENCY, lookup_text("image/jpeg", "", CASE_JSON), &r);
    assert_problem(&r, PROBLEM_NO_PHOTO);
    o = json_loads(r.body, 0, NULL);
    ck_assert_str_eq(member(o, NULL, "reason"), "expired");
    json_decref(o);
    reply_free(&r);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_DOOR_REFUSED), 0);
    door_stop(&d);
}
END_TEST

START_TEST(every_refusal_of_the_vault_becomes_its_problem)
{
    struct door d;
    struct reply r;
    char value[8400];

    door_start(&d, PROCESS_LAW, refuse_in_turn);
    for (next_problem = 1; next_problem < PROBLEM_COUNT; next_problem++) {
        client_ask(d.port, AGENCY, lookup_text(NULL, "", CASE_JSON), &r);
        assert_problem(&r, (enum problem)next_problem);
        ck_assert_ptr_nonnull(strstr(r.body, "the vault says so"));
        ck_assert_ptr_nonnull(strstr(r.body, "\"audit\":7"));
        if (next_problem == PROBLEM_BACK_OFF)
            ck_assert_str_eq(reply_header(&r, "Retry-After", value), "16");
        reply_free(&r);
    }
    door_stop(&d);
}
END_TEST

START_TEST(only_a_good_certificate_reaches_the_vault)
{
    static const enum who bad[] = {AGENCY_EXPIRED, AGENCY_REVOKED, AGENCY_SERVER_EKU, AGENCY_NO_EKU,
                                   STRANGER};
    struct door d;

    door_start(&d, PROCESS_LAW, release);
    ask_for_problem(&d, WHO_COUNT, lookup_text(NULL, "", CASE_JSON), PROBLEM_CLIENT_CERTIFICATE_REQUIRED);
    ask_for_problem(&d, WHO_COUNT, "GET / HTTP/1.1\r\nHost: law\r\n\r\n",
                    PROBLEM_CLIENT_CERTIFICATE_REQUIRED);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ask_for_problem(&d, bad[i], lookup_text(NULL, "", CASE_JSON), PROBLEM_CLIENT_CERTIFICATE_INVALID);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_LOOKUP), 0);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_DOOR_REFUSED), 0);
    ck_assert_int_eq(channel_send(&d.control, MSG_STOP, 0, NULL, NULL, 0, true), OK);
    ck_assert(peer_awaits(&d.vault, MSG_STRANGERS, 2)); /* sent at the end, else once a minute */
    ck_assert_uint_eq(d.vault.last[MSG_STRANGERS].strangers.problem, PROBLEM_CLIENT_CERTIFICATE_INVALID);
    ck_assert_uint_eq(d.vault.last[MSG_STRANGERS].strangers.count, 5);
    ck_assert_int_eq(waitpid(d.pid, NULL, 0), d.pid);
    peer_stop(&d.vault);
}
END_TEST

static bool shows(struct door *d, enum who who)
{
    struct client c;
    const gnutls_datum_t *raw;
    unsigned char fingerprint[32];
    size_t len = sizeof fingerprint;
    unsigned count;

    ck_assert(client_open(&c, d->port, WHO_COUNT));
    raw = gnutls_certificate_get_peers(c.session, &count);
    ck_assert_int_eq(gnutls_fingerprint(GNUTLS_DIG_SHA256, raw, fingerprint, &len), 0);
    client_close(&c);
    return memcmp(fingerprint, pairs[who].fingerprint, 32) == 0;
}

static bool comes_to_show(struct door *d, enum who who)
{
    const struct timespec moment = {.tv_nsec = 50000000};

    for (int i = 0; i < 40; i++) {
        if (shows(d, who))
            return true;
        (void)nanosleep(&moment, NULL);
    }
    return false;
}

START_TEST(new_tls_files_are_in_force_at_once_even_on_open_connections)
{
    unsigned char text[] = "not PEM";
    gnutls_datum_t rubbish = {text, sizeof text - 1};
    struct client c;
    struct reply r;
    struct door d;

    door_start(&d, PROCESS_LAW, release);
    ck_assert(shows(&d, SERVER));
    ck_assert(client_open(&c, d.port, AGENCY));
    client_say(&c, lookup_text(NULL, "", CASE_JSON));
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    door_tls(&d, SERVER_NEXT, crl_next_pem);
    ck_assert(comes_to_show(&d, SERVER_NEXT));
    client_say(&c, lookup_text(NULL, "", CASE_JSON));
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_CLIENT_CERTIFICATE_INVALID);
    reply_free(&r);
    client_close(&c);
    door_tls(&d, SERVER, rubbish); /* stays as it was */
    (void)poll(NULL, 0, 300);
    ck_assert(shows(&d, SERVER_NEXT));
    ask_for_problem(&d, AGENCY, lookup_text(NULL, "", CASE_JSON), PROBLEM_CLIENT_CERTIFICATE_INVALID);
    door_stop(&d);
}
END_TEST

START_TEST(old_tls_is_refused_and_nothing_is_resumed)
{
    static const char *const old[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.1",
                                      "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CBC",
                                      "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA"};
    struct door d;
    struct client c;
    struct reply r;

    door_start(&d, PROCESS_LAW, release);
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        ck_assert(!client_open_with(&c, d.port, AGENCY, old[i]));
        client_close(&c);
    }
    ck_assert(client_open_with(&c, d.port, AGENCY, "NORMAL:-VERS-ALL:+VERS-TLS1.2"));
    client_say(&c, lookup_text(NULL, "", CASE_JSON));
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    ck_assert_int_eq(gnutls_session_get_flags(c.session) & GNUTLS_SFLAGS_SESSION_TICKET, 0);
    client_close(&c);
    door_stop(&d);
}
END_TEST

START_TEST(doubtful_framing_is_refused)
{
#define HEAD "POST /v1/lookups HTTP/1.1\r\nHost: law\r\nContent-Type: application/json\r\n"
    static const struct {
        const char *text;
        enum problem problem; /* NONE: any refusal or an end without an answer */
    } corpus[] = {
        {HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {HEAD "Content-Length: 2\r\nContent-Length: 50\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", PROBLEM_BAD_FRAMING},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", PROBLEM_BAD_FRAMING},
        {HEAD "Transfer-Encoding: xchunked\r\n\r\n", PROBLEM_BAD_FRAMING},
        {HEAD "Content-Length : 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {HEAD "X-Name : x\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {HEAD "X(Name): x\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {HEAD "X-Name: a\001b\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {HEAD "X-Name: a\r\n folded: b\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_NONE},
        {HEAD "Host: other\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {HEAD "Authorization: a\r\nAuthorization: b\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {HEAD "Via: 1.1 proxy\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_THROUGH_PROXY},
        {HEAD "Forwarded: for=1.2.3.4\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_THROUGH_PROXY},
        {HEAD "X-Forwarded-For: 1.2.3.4\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_THROUGH_PROXY},
        {HEAD "x-forwarded-proto: https\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_THROUGH_PROXY},
        {HEAD "Content-Length: 007\r\n\r\n{}     ", PROBLEM_BAD_FRAMING},
        {HEAD "Content-Length: +2\r\n\r\n{}", PROBLEM_NONE},
        {HEAD "Content-Length: -1\r\n\r\n{}", PROBLEM_NONE},
        {HEAD "Content-Length: 99999999999999999999\r\n\r\n{}", PROBLEM_NONE},
        {"POST /v1/lookups HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
         PROBLEM_NONE},
        {"POST /v1/lookups\r\n\r\n", PROBLEM_NONE},
        {HEAD "\r\n", PROBLEM_LENGTH_REQUIRED},
    };
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_LAW, release);
    for (size_t i = 0; i < sizeof corpus / sizeof *corpus; i++) {
        struct client c;

        ck_assert(client_open(&c, d.port, AGENCY));
        client_say(&c, corpus[i].text);
        (void)shutdown(c.fd, SHUT_WR); /* what waits for more gets none */
        client_read(&c, &r);
        if (corpus[i].problem)
            assert_problem(&r, corpus[i].problem);
        else
            ck_assert_msg(r.status == 0 || r.status >= 400, "row %zu: %d", i, r.status);
        reply_free(&r);
        client_close(&c);
    }
    ck_assert_uint_eq(peer_count(&d.vault, MSG_LOOKUP), 0);
    ck_assert_uint_gt(peer_count(&d.vault, MSG_DOOR_REFUSED), 10); /* a known certificate's: each a leaf */
    door_stop(&d);
}
END_TEST

START_TEST(a_malformed_body_is_refused_and_told_to_the_vault)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "\"x\"",
                                      "{\"case\":[]}",
                                      "{\"case\":{\"oca\":7}}",
                                      "{\"operator\":null}",
                                      "{\"operator\":\"a\",\"operator\":\"b\"}",
                                      "{\"operator\":\"a\\u0000b\"}",
                                      "{} {}",
                                      "{\"operator\":\"\xff\"}"};
    static char deep[8001];
    struct door d;

    memset(deep, '[', sizeof deep - 1);
    door_start(&d, PROCESS_LAW, release);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ask_for_problem(&d, AGENCY, lookup_text(NULL, "", bad[i]), PROBLEM_BAD_JSON);
    ask_for_problem(&d, AGENCY, lookup_text(NULL, "", deep), PROBLEM_BAD_JSON);
    ck_assert(peer_awaits(&d.vault, MSG_DOOR_REFUSED, sizeof bad / sizeof *bad + 1));
    ck_assert_mem_eq(d.vault.last[MSG_DOOR_REFUSED].door_refused.fingerprint, pairs[AGENCY].fingerprint, 32);
    ck_assert_uint_eq(d.vault.last[MSG_DOOR_REFUSED].door_refused.problem, PROBLEM_BAD_JSON);
    ask_for_problem(&d, AGENCY, lookup_text(NULL, "Idempotency-Key: a b\r\n", CASE_JSON),
                    PROBLEM_BAD_PARAMETER);
    ask_for_problem(
        &d, AGENCY,
        "POST /v1/lookups HTTP/1.1\r\nHost: l\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
        PROBLEM_MEDIA_TYPE_UNKNOWN);
    ask_for_problem(&d, AGENCY,
                    "POST /v1/lookups HTTP/1.1\r\nHost: l\r\nContent-Type: "
                    "application/json\r\nContent-Length: 8193\r\n\r\n",
                    PROBLEM_BODY_TOO_LARGE);
    ask_for_problem(&d, AGENCY, "GET /v1/lookups HTTP/1.1\r\nHost: l\r\n\r\n", PROBLEM_METHOD_NOT_ALLOWED);
    ask_for_problem(&d, AGENCY, "GET /v1/districts/0098/roster HTTP/1.1\r\nHost: l\r\n\r\n",
                    PROBLEM_NOT_FOUND);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_LOOKUP), 0);
    door_stop(&d);
}
END_TEST

START_TEST(what_is_missing_or_too_long_is_for_the_vault_to_judge)
{
    static char body[1000];
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_LAW, find_none);
    client_ask(d.port, AGENCY, lookup_text(NULL, "", "{}"), &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.oca, "");
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.rendition, "standard");
    (void)snprintf(body, sizeof body, "{\"case\":{\"oca\":\"%0500d\"},\"rendition\":\"full\"}", 1);
    client_ask(d.port, AGENCY, lookup_text(NULL, "", body), &r);
    reply_free(&r);
    ck_assert_uint_eq(strlen(d.vault.last[MSG_LOOKUP].lookup.oca), 63);
    ck_assert_str_eq(d.vault.last[MSG_LOOKUP].lookup.rendition, "full");
    door_stop(&d);
}
END_TEST

START_TEST(health_answers_without_a_credential_and_nothing_else_does)
{
    static const char health[] = "GET /v1/health HTTP/1.1\r\nHost: d\r\n\r\n";
    struct door d;
    struct reply r;

    for (int i = 0; i < 2; i++) {
        door_start(&d, i ? PROCESS_OFFICE : PROCESS_LAW, be_healthy);
        client_ask(d.port, WHO_COUNT, health, &r);
        ck_assert_int_eq(r.status, 200);
        ck_assert_str_eq(r.body, "{\"status\":\"ok\",\"uploads\":true}");
        reply_free(&r);
        client_ask(d.port, WHO_COUNT, health, &r); /* within the second: not asked again */
        ck_assert_int_eq(r.status, 200);
        reply_free(&r);
        ck_assert_uint_eq(peer_count(&d.vault, MSG_HEALTH), 1);
        ask_for_problem(&d, WHO_COUNT, "POST /v1/health HTTP/1.1\r\nHost: d\r\n\r\n",
                        PROBLEM_METHOD_NOT_ALLOWED);
        ask_for_problem(&d, WHO_COUNT, "GET /v1/healths HTTP/1.1\r\nHost: d\r\n\r\n",
                        i ? PROBLEM_KEY_REQUIRED : PROBLEM_CLIENT_CERTIFICATE_REQUIRED);
        door_stop(&d);
    }
    door_start(&d, PROCESS_LAW, NULL);
    ask_for_problem(&d, WHO_COUNT, health, PROBLEM_UNAVAILABLE);
    door_stop(&d);
}
END_TEST

/* The vault. */

START_TEST(without_a_vault_the_answer_is_unavailable_until_a_new_one_is_linked)
{
    struct door d;
    struct reply r;
    int64_t begun;

    door_start(&d, PROCESS_LAW, release);
    client_ask(d.port, AGENCY, lookup_text(NULL, "", CASE_JSON), &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    peer_stop(&d.vault);
    begun = clock_steady_ms();
    ask_for_problem(&d, AGENCY, lookup_text(NULL, "", CASE_JSON), PROBLEM_UNAVAILABLE);
    ck_assert_int_lt(clock_steady_ms() - begun, 3500);
    door_link(&d, release);
    client_ask(d.port, AGENCY, lookup_text(NULL, "", CASE_JSON), &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    door_stop(&d);
}
END_TEST

START_TEST(a_vault_that_dies_over_a_question_fails_it_at_once)
{
    struct door d;
    struct client c;
    struct reply r;
    int64_t begun;

    door_start(&d, PROCESS_LAW, say_nothing);
    ck_assert(client_open(&c, d.port, AGENCY));
    client_say(&c, lookup_text(NULL, "", CASE_JSON));
    ck_assert(peer_awaits(&d.vault, MSG_LOOKUP, 1));
    begun = clock_steady_ms();
    peer_stop(&d.vault);
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_UNAVAILABLE);
    ck_assert_int_lt(clock_steady_ms() - begun, 1500);
    reply_free(&r);
    client_close(&c);
    door_stop(&d);
}
END_TEST

START_TEST(a_vault_that_talks_garbage_is_dropped_and_web_lives_on)
{
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_LAW, NULL);
    for (garbage_kind = 0; garbage_kind < 5; garbage_kind++) {
        door_link(&d, talk_garbage);
        ask_for_problem(&d, AGENCY, lookup_text(NULL, "", CASE_JSON), PROBLEM_UNAVAILABLE);
        (void)pthread_join(d.vault.thread, NULL); /* it sees the link end */
        channel_close(&d.vault.channel);
        d.vault.answer = NULL;
    }
    door_link(&d, release);
    client_ask(d.port, AGENCY, lookup_text(NULL, "", CASE_JSON), &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    door_stop(&d);
}
END_TEST

START_TEST(a_vault_that_is_silent_is_given_up_after_ten_seconds)
{
    struct door d;
    int64_t begun = clock_steady_ms();

    door_start(&d, PROCESS_LAW, say_nothing);
    ask_for_problem(&d, AGENCY, lookup_text(NULL, "", CASE_JSON), PROBLEM_UNAVAILABLE);
    ck_assert_int_ge(clock_steady_ms() - begun, 9900);
    ck_assert_int_lt(clock_steady_ms() - begun, 12000);
    door_stop(&d);
}
END_TEST

/* The gate. */

START_TEST(when_full_the_oldest_stranger_makes_room)
{
    struct client silent[16], honest;
    struct door d;
    struct reply r;
    unsigned cut = 0;

    door_start(&d, PROCESS_LAW, release); /* 16 places */
    ck_assert(client_open(&honest, d.port, AGENCY));
    client_say(&honest, lookup_text("image/jpeg", "", CASE_JSON));
    client_read(&honest, &r);
    reply_free(&r);
    for (int i = 0; i < 16; i++) {
        silent[i].fd = client_connect(d.port);
        (void)poll(NULL, 0, 20); /* so that they arrive in order */
    }
    ck_assert(client_is_cut(&silent[0], 2000));
    for (int round = 0; round < 3; round++) { /* strangers go, who has shown a certificate stays */
        client_ask(d.port, AGENCY, lookup_text("image/jpeg", "", CASE_JSON), &r);
        ck_assert_int_eq(r.status, 200);
        reply_free(&r);
    }
    client_say(&honest, lookup_text("image/jpeg", "", CASE_JSON));
    client_read(&honest, &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    for (int i = 0; i < 16; i++) {
        cut += client_is_cut(&silent[i], 1);
        (void)close(silent[i].fd);
    }
    ck_assert_uint_ge(cut, 2);
    ck_assert_uint_le(cut, 5);
    client_close(&honest);
    door_stop(&d);
}
END_TEST

static bool is_between(int64_t ms, int64_t low, int64_t high)
{
    return ms >= low && ms <= high;
}

START_TEST(slow_clients_are_cut_at_their_deadline)
{
    enum { MUTE, HEADERS, BODY, IDLE, KINDS };
    static const int64_t due[KINDS] = {10000, 10000, 10000, 30000};
    struct client c[KINDS];
    int64_t begun, cut[KINDS] = {0};
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_LAW, release);
    begun = clock_steady_ms();
    c[MUTE].fd = client_connect(d.port);
    ck_assert(client_open(&c[HEADERS], d.port, AGENCY));
    client_say(&c[HEADERS], "POST /v1/lookups HTTP/1.1\r\nHost: l\r\nX-Slow: ");
    ck_assert(client_open(&c[BODY], d.port, AGENCY));
    client_say(&c[BODY], HEAD "Content-Length: 8000\r\n\r\n");
    ck_assert(client_open(&c[IDLE], d.port, AGENCY));
    client_say(&c[IDLE], lookup_text("image/jpeg", "", CASE_JSON));
    client_read(&c[IDLE], &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    while (clock_steady_ms() - begun < 33000 && !cut[IDLE])
        for (int i = 0; i < KINDS; i++) {
            if (!cut[i] && client_is_cut(&c[i], 50))
                cut[i] = clock_steady_ms() - begun;
            if (!cut[i] && (i == HEADERS || i == BODY))
                client_say(&c[i], "x"); /* never silent for long */
        }
    for (int i = 0; i < KINDS; i++)
        ck_assert_msg(is_between(cut[i], due[i] - 300, due[i] + 1500), "kind %d: cut after %lld ms", i,
                      (long long)cut[i]);
    (void)close(c[MUTE].fd);
    for (int i = HEADERS; i < KINDS; i++)
        client_close(&c[i]);
    door_stop(&d);
}
END_TEST

static void *ask_many(void *cls)
{
    struct door *d = cls;
    struct client c;
    struct reply r;

    ck_assert(client_open(&c, d->port, AGENCY));
    for (int i = 0; i < 50; i++) {
        client_say(&c, "POST /v1/lookups HTTP/1.1\r\nHost: law\r\nContent-Type: application/json\r\nAccept: "
                       "image/jpeg\r\nContent-Length: 2\r\n\r\n{}");
        client_read(&c, &r);
        ck_assert_int_eq(r.status, 200);
        reply_free(&r);
    }
    client_close(&c);
    return NULL;
}

START_TEST(many_ask_at_once_over_the_one_link)
{
    pthread_t threads[8];
    struct door d;

    door_start(&d, PROCESS_LAW, release);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_many, &d), 0);
    for (int i = 0; i < 8; i++)
        (void)pthread_join(threads[i], NULL);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_LOOKUP), 400);
    door_stop(&d);
}
END_TEST

static void release_late(struct peer *p, struct message *m)
{
    if (m->type == MSG_LOOKUP)
        (void)poll(NULL, 0, 1500);
    release(p, m);
}

START_TEST(stop_lets_a_request_finish_and_accepts_no_other)
{
    struct client c;
    struct reply r;
    struct door d;
    int status;

    door_start(&d, PROCESS_LAW, release_late);
    ck_assert(client_open(&c, d.port, AGENCY));
    client_say(&c, lookup_text(NULL, "", CASE_JSON));
    ck_assert(peer_awaits(&d.vault, MSG_LOOKUP, 1));
    ck_assert_int_eq(channel_send(&d.control, MSG_STOP, 0, NULL, NULL, 0, true), OK);
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 200);
    reply_free(&r);
    ck_assert_int_eq(waitpid(d.pid, &status, 0), d.pid);
    ck_assert_int_eq(status, 0);
    client_close(&c);
    peer_stop(&d.vault);
}
END_TEST

START_TEST(a_parent_that_goes_takes_the_door_with_it)
{
    struct door d;
    int status;

    door_start(&d, PROCESS_OFFICE, keep_office);
    channel_close(&d.control);
    ck_assert_int_eq(waitpid(d.pid, &status, 0), d.pid);
    ck_assert_int_eq(status, 0);
    peer_stop(&d.vault);
}
END_TEST

/* The office door. */

#define KEY      "Authorization: Bearer phk_0123\r\n"
#define DISTRICT "/v1/districts/0098"

static const char *office_text(const char *line, const char *more)
{
    static char text[2000];

    (void)snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: office\r\n%s\r\n", line, more);
    return text;
}

START_TEST(the_office_door_wants_a_key_and_a_known_path)
{
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ask_for_problem(&d, WHO_COUNT, office_text("GET " DISTRICT "/batches/b1", ""), PROBLEM_KEY_REQUIRED);
    ask_for_problem(&d, WHO_COUNT, office_text("GET /", "Authorization: Basic cGhrXzE6\r\n"),
                    PROBLEM_KEY_REQUIRED);
    ask_for_problem(&d, WHO_COUNT, office_text("GET /", KEY), PROBLEM_NOT_FOUND);
    ask_for_problem(&d, WHO_COUNT, office_text("POST /v1/lookups", KEY), PROBLEM_NOT_FOUND);
    ask_for_problem(&d, WHO_COUNT, office_text("GET " DISTRICT "/batches//", KEY), PROBLEM_NOT_FOUND);
    client_ask(d.port, WHO_COUNT, office_text("GET " DISTRICT "/batches/b%31", KEY), &r);
    ck_assert_str_eq(d.vault.last[MSG_BATCH_GET].batch_name.batch, "b%31"); /* an escape is no escape */
    reply_free(&r);
    door_stop(&d);
}
END_TEST

START_TEST(methods_lengths_and_types_are_checked_before_the_vault_is_asked)
{
    char value[8400];
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_OFFICE, keep_office);
    client_ask(d.port, WHO_COUNT, office_text("GET " DISTRICT "/roster", KEY), &r);
    assert_problem(&r, PROBLEM_METHOD_NOT_ALLOWED);
    ck_assert_str_eq(reply_header(&r, "Allow", value), "PUT");
    reply_free(&r);
    client_ask(d.port, WHO_COUNT, office_text("HEAD " DISTRICT "/batches/b1", KEY), &r);
    ck_assert_int_eq(r.status, 405);
    reply_free(&r);
    ask_for_problem(&d, WHO_COUNT,
                    office_text("PUT " DISTRICT "/roster", KEY "Content-Type: text/tab-separated-values\r\n"),
                    PROBLEM_LENGTH_REQUIRED);
    ask_for_problem(&d, WHO_COUNT,
                    office_text("PUT " DISTRICT "/roster", KEY
                                "Content-Type: text/tab-separated-values\r\nContent-Length: 67108865\r\n"),
                    PROBLEM_BODY_TOO_LARGE);
    ask_for_problem(&d, WHO_COUNT,
                    office_text("PUT " DISTRICT "/batches/b1/upload",
                                KEY "Content-Type: application/zip\r\nContent-Length: 16777217\r\n"),
                    PROBLEM_BODY_TOO_LARGE);
    ask_for_problem(
        &d, WHO_COUNT,
        office_text("PUT " DISTRICT "/roster", KEY "Content-Type: application/pdf\r\nContent-Length: 5\r\n"),
        PROBLEM_MEDIA_TYPE_UNKNOWN);
    ask_for_problem(&d, WHO_COUNT,
                    office_text("POST " DISTRICT "/batches/b1/commit", KEY "Content-Length: 5\r\n"),
                    PROBLEM_BODY_TOO_LARGE);
    ck_assert(peer_awaits(&d.vault, MSG_DOOR_REFUSED, 7));
    ck_assert_str_eq(d.vault.last[MSG_DOOR_REFUSED].door_refused.key, "phk_0123");
    ck_assert_uint_eq(peer_count(&d.vault, MSG_ROSTER_OPEN), 0);
    door_stop(&d);
}
END_TEST

START_TEST(batches_are_created_asked_for_committed_and_undone)
{
    char value[8400];
    struct door d;
    struct reply r;
    json_t *o;

    door_start(&d, PROCESS_OFFICE, keep_office);
    client_ask(d.port, WHO_COUNT, office_text("POST " DISTRICT "/batches?taken_on=2026-09-14", KEY), &r);
    ck_assert_int_eq(r.status, 201);
    ck_assert_str_eq(reply_header(&r, "Location", value), DISTRICT "/batches/b1");
    ck_assert_ptr_nonnull(strstr(r.body, "\"state\":\"staging\""));
    ck_assert_str_eq(d.vault.last[MSG_BATCH_CREATE].batch_create.taken_on, "2026-09-14");
    ck_assert_str_eq(d.vault.last[MSG_BATCH_CREATE].batch_create.district, "0098");
    ck_assert_str_eq(d.vault.last[MSG_BATCH_CREATE].batch_create.key, "phk_0123");
    reply_free(&r);
    client_ask(d.port, WHO_COUNT, office_text("GET " DISTRICT "/batches/b1", KEY), &r);
    ck_assert_int_eq(r.status, 200);
    o = json_loads(r.body, 0, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(o, "rows")), 3);
    ck_assert_str_eq(member(json_array_get(json_object_get(o, "rows"), 0), NULL, "file"), "012345678.jpg");
    ck_assert_str_eq(member(json_array_get(json_object_get(o, "rows"), 1), NULL, "outcome"),
                     "state-id-malformed");
    ck_assert_ptr_null(json_object_get(json_array_get(json_object_get(o, "rows"), 1), "file"));
    ck_assert_str_eq(member(json_array_get(json_object_get(o, "rows"), 2), NULL, "file"), "caf?.jpg");
    ck_assert_ptr_null(json_object_get(o, "fault"));
    json_decref(o);
    reply_free(&r);
    client_ask(d.port, WHO_COUNT, office_text("POST " DISTRICT "/batches/b1/commit", KEY), &r);
    ck_assert_int_eq(r.status, 200);
    ck_assert_ptr_nonnull(strstr(r.body, "\"state\":\"committed\""));
    reply_free(&r);
    client_ask(d.port, WHO_COUNT,
               office_text("POST " DISTRICT "/batches/b1/undo", KEY "Content-Length: 0\r\n"), &r);
    ck_assert_int_eq(r.status, 200);
    ck_assert_ptr_nonnull(strstr(r.body, "\"state\":\"undone\""));
    reply_free(&r);
    door_stop(&d);
}
END_TEST

static bool send_upload(struct client *c, const char *line, const char *type, size_t bytes, size_t sent)
{
    static char block[50000];
    char more[300];

    (void)snprintf(more, sizeof more, KEY "Content-Type: %s\r\nContent-Length: %zu\r\n", type, bytes);
    client_say(c, office_text(line, more));
    while (sent) {
        size_t part = sent < sizeof block ? sent : sizeof block;

        if (!client_send(c, block, part))
            return false;
        sent -= part;
    }
    return true;
}

START_TEST(a_roster_is_streamed_in_chunks_of_a_mebibyte)
{
    const size_t bytes = (5u << 20) / 2;
    struct client c;
    struct reply r;
    struct door d;
    json_t *o;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    ck_assert(
        send_upload(&c, "PUT " DISTRICT "/roster", "text/tab-separated-values; charset=utf-8", bytes, bytes));
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 200);
    o = json_loads(r.body, 0, NULL);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "lines")), 3);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "withdrawn")), 1);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "audit")), 12);
    ck_assert_uint_eq(json_array_size(json_object_get(o, "rows")), 3);
    json_decref(o);
    reply_free(&r);
    ck_assert_str_eq(d.vault.last[MSG_ROSTER_OPEN].roster_open.media, "text/tab-separated-values");
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 3);
    ck_assert_uint_eq(d.vault.chunk_sizes[0], 1u << 20);
    ck_assert_uint_eq(d.vault.chunk_sizes[1], 1u << 20);
    ck_assert_uint_eq(d.vault.chunk_sizes[2], 1u << 19);
    ck_assert_uint_eq(d.vault.last[MSG_UPLOAD_CLOSE].upload_close.bytes, bytes);
    ck_assert_uint_eq(d.vault.last[MSG_UPLOAD_CLOSE].upload_close.upload, 5);
    /* The connection is still good. */
    ck_assert(send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 16u << 20, 16u << 20));
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 202);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 19);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_ABORT), 0);
    door_stop(&d);
}
END_TEST

START_TEST(a_refused_upload_is_answered_before_its_body_comes)
{
    struct client c;
    struct reply r;
    struct door d;

    door_start(&d, PROCESS_OFFICE, refuse_keys);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    (void)send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 16u << 20, 1u << 20);
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_CREDENTIAL_UNKNOWN);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 0);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_DOOR_REFUSED), 0);
    door_stop(&d);
}
END_TEST

START_TEST(an_upload_refused_halfway_is_answered_at_once)
{
    struct client c;
    struct reply r;
    struct door d;

    door_start(&d, PROCESS_OFFICE, fill_up_at_second_chunk);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    (void)send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 16u << 20, 4u << 20);
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_STORAGE_FULL);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CLOSE), 0);
    door_stop(&d);
}
END_TEST

START_TEST(a_client_that_goes_halfway_aborts_its_upload)
{
    struct client c;
    struct door d;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    ck_assert(send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 8u << 20, 3u << 20));
    ck_assert(peer_awaits(&d.vault, MSG_UPLOAD_CHUNK, 2));
    client_close(&c);
    ck_assert(peer_awaits(&d.vault, MSG_UPLOAD_ABORT, 1));
    ck_assert_uint_eq(d.vault.last[MSG_UPLOAD_ABORT].upload_name.upload, 5);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CLOSE), 0);
    door_stop(&d);
}
END_TEST

START_TEST(an_upload_does_not_go_on_with_another_vault)
{
    struct client c;
    struct reply r;
    struct door d;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    ck_assert(send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 4u << 20, 2u << 20));
    ck_assert(peer_awaits(&d.vault, MSG_UPLOAD_CHUNK, 2));
    peer_stop(&d.vault);
    door_link(&d, keep_office);
    (void)poll(NULL, 0, 200);
    {
        static char rest[2u << 20];
        (void)client_send(&c, rest, sizeof rest);
    }
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_UNAVAILABLE);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 0);
    door_stop(&d);
}
END_TEST

START_TEST(an_upload_slower_than_the_least_rate_is_cut)
{
    struct client slow, steady;
    char bytes[4096] = {0};
    int64_t begun, cut = 0;
    struct door d;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&slow, d.port, WHO_COUNT));
    ck_assert(client_open(&steady, d.port, WHO_COUNT));
    (void)send_upload(&slow, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 8u << 20, 0);
    (void)send_upload(&steady, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 8u << 20, 0);
    begun = clock_steady_ms();
    while (!cut && clock_steady_ms() - begun < 15000) {
        ck_assert(client_send(&steady, bytes, sizeof bytes)); /* about 16 KiB/s */
        (void)client_send(&slow, bytes, 512);                 /* about 2 KiB/s */
        if (client_is_cut(&slow, 200))
            cut = clock_steady_ms() - begun;
    }
    ck_assert_msg(is_between(cut, 9500, 11500), "cut after %lld ms", (long long)cut);
    ck_assert(!client_is_cut(&steady, 500));
    client_close(&slow);
    client_close(&steady);
    door_stop(&d);
}
END_TEST

static TCase *add(Suite *s, const char *name, const TTest *const *tests)
{
    TCase *t = tcase_create(name);

    tcase_set_timeout(t, 60);
    for (; *tests; tests++)
        tcase_add_test(t, *tests);
    suite_add_tcase(s, t);
    return t;
}

int main(void)
{
    const TTest *const *const groups[] = {
        (const TTest *const[]){
            a_match_comes_as_json_with_picture_and_receipt, a_match_comes_as_jpeg_with_its_receipt_beside_it,
            the_better_accepted_type_wins_and_json_on_a_tie, no_photo_is_an_ordinary_answer_with_a_reason,
            every_refusal_of_the_vault_becomes_its_problem, only_a_good_certificate_reaches_the_vault,
            new_tls_files_are_in_force_at_once_even_on_open_connections,
            old_tls_is_refused_and_nothing_is_resumed, doubtful_framing_is_refused,
            a_malformed_body_is_refused_and_told_to_the_vault,
            what_is_missing_or_too_long_is_for_the_vault_to_judge,
            health_answers_without_a_credential_and_nothing_else_does, NULL},
        (const TTest *const[]){without_a_vault_the_answer_is_unavailable_until_a_new_one_is_linked,
                               a_vault_that_dies_over_a_question_fails_it_at_once,
                               a_vault_that_talks_garbage_is_dropped_and_web_lives_on,
                               a_vault_that_is_silent_is_given_up_after_ten_seconds, NULL},
        (const TTest *const[]){when_full_the_oldest_stranger_makes_room,
                               slow_clients_are_cut_at_their_deadline, many_ask_at_once_over_the_one_link,
                               stop_lets_a_request_finish_and_accepts_no_other,
                               a_parent_that_goes_takes_the_door_with_it, NULL},
        (const TTest *const[]){
            the_office_door_wants_a_key_and_a_known_path,
            methods_lengths_and_types_are_checked_before_the_vault_is_asked,
            batches_are_created_asked_for_committed_and_undone, a_roster_is_streamed_in_chunks_of_a_mebibyte,
            a_refused_upload_is_answered_before_its_body_comes, an_upload_refused_halfway_is_answered_at_once,
            a_client_that_goes_halfway_aborts_its_upload, an_upload_does_not_go_on_with_another_vault,
            an_upload_slower_than_the_least_rate_is_cut, NULL},
    };
    static const char *const names[] = {"law", "vault", "gate", "office"};
    Suite *s = suite_create("web");
    SRunner *runner = srunner_create(s);
    int failed;

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof picture; i++)
        picture[i] = (char)(i * 31);
    pki_make();
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        (void)add(s, names[i], groups[i]);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
