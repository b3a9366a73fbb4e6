/* The law door: what it answers, and whom. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include "lawapi/none.h"
#include "tests/process/test_web.h"

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
    static const struct {
        const char *text;
        enum problem problem; /* NONE: any refusal or an end without an answer */
    } corpus[] = {
        {LOOKUP_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "Content-Length: 2\r\nContent-Length: 50\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "Transfer-Encoding: xchunked\r\n\r\n", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "Content-Length : 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "X-Name : x\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "X(Name): x\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "X-Name: a\001b\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "X-Name: a\r\n folded: b\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_NONE},
        {LOOKUP_HEAD "Host: other\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "Authorization: a\r\nAuthorization: b\r\nContent-Length: 2\r\n\r\n{}",
         PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "Via: 1.1 proxy\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_THROUGH_PROXY},
        {LOOKUP_HEAD "Forwarded: for=1.2.3.4\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_THROUGH_PROXY},
        {LOOKUP_HEAD "X-Forwarded-For: 1.2.3.4\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_THROUGH_PROXY},
        {LOOKUP_HEAD "x-forwarded-proto: https\r\nContent-Length: 2\r\n\r\n{}", PROBLEM_THROUGH_PROXY},
        {LOOKUP_HEAD "Content-Length: 007\r\n\r\n{}     ", PROBLEM_BAD_FRAMING},
        {LOOKUP_HEAD "Content-Length: +2\r\n\r\n{}", PROBLEM_NONE},
        {LOOKUP_HEAD "Content-Length: -1\r\n\r\n{}", PROBLEM_NONE},
        {LOOKUP_HEAD "Content-Length: 99999999999999999999\r\n\r\n{}", PROBLEM_NONE},
        {"POST /v1/lookups HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
         PROBLEM_NONE},
        {"POST /v1/lookups\r\n\r\n", PROBLEM_NONE},
        {LOOKUP_HEAD "\r\n", PROBLEM_LENGTH_REQUIRED},
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

TCase *tests_of_law(void)
{
    const TTest *const tests[] = {a_match_comes_as_json_with_picture_and_receipt,
                                  a_match_comes_as_jpeg_with_its_receipt_beside_it,
                                  the_better_accepted_type_wins_and_json_on_a_tie,
                                  no_photo_is_an_ordinary_answer_with_a_reason,
                                  every_refusal_of_the_vault_becomes_its_problem,
                                  only_a_good_certificate_reaches_the_vault,
                                  new_tls_files_are_in_force_at_once_even_on_open_connections,
                                  old_tls_is_refused_and_nothing_is_resumed,
                                  doubtful_framing_is_refused,
                                  a_malformed_body_is_refused_and_told_to_the_vault,
                                  what_is_missing_or_too_long_is_for_the_vault_to_judge,
                                  health_answers_without_a_credential_and_nothing_else_does};
    return tests_of("law", tests, sizeof tests / sizeof *tests);
}
