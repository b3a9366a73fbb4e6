/* The office door: withdrawals. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include "tests/process/test_web.h"

#define KEY  "Authorization: Bearer phk_0123\r\n"
#define HEAD "POST /v1/districts/0098/withdrawals HTTP/1.1\r\nHost: office\r\n"

static const char *withdraw_text(const char *type, const char *body)
{
    static char text[20000];

    (void)snprintf(text, sizeof text, HEAD KEY "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", type,
                   strlen(body), body);
    return text;
}

static void withdraw(struct peer *p, struct message *m)
{
    struct shape_withdrawn done = {.leaf = 77, .photos = 2, .copies_end_on = {2026, 11, 30}};

    if (m->type == MSG_WITHDRAW)
        peer_say(p, MSG_WITHDRAWN, m->request, &done, -1);
}

static void know_nobody(struct peer *p, struct message *m)
{
    struct shape_refused refused = {.problem = PROBLEM_CHILD_UNKNOWN, .leaf = 42};

    if (m->type == MSG_WITHDRAW)
        peer_say(p, MSG_REFUSED, m->request, &refused, -1);
}

START_TEST(a_withdrawal_is_answered_with_leaf_photos_and_the_end_of_copies)
{
    const struct shape_withdraw *asked;
    struct door d;
    struct reply r;
    json_t *o;

    door_start(&d, PROCESS_OFFICE, withdraw);
    client_ask(d.port, WHO_COUNT,
               withdraw_text("application/json; charset=utf-8",
                             "{\"state_id\":\"012345678\",\"reason\":\"letter of 1 May\"}"),
               &r);
    ck_assert_int_eq(r.status, 200);
    o = json_loads(r.body, 0, NULL);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "audit")), 77);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "photos")), 2);
    ck_assert_str_eq(member(o, NULL, "unservable"), "now");
    ck_assert_str_eq(member(o, NULL, "copies_end_on"), "2026-11-30");
    ck_assert_uint_eq(json_object_size(o), 4);
    json_decref(o);
    reply_free(&r);
    asked = &d.vault.last[MSG_WITHDRAW].withdraw;
    ck_assert_str_eq(asked->key, "phk_0123");
    ck_assert_str_eq(asked->district, "0098");
    ck_assert_str_eq(asked->state_id, "012345678");
    ck_assert_str_eq(asked->reason, "letter of 1 May");
    ck_assert_str_eq(asked->source, "127.0.0.1");
    door_stop(&d);
}
END_TEST

START_TEST(what_a_withdrawal_lacks_is_the_vaults_to_say)
{
    struct door d;
    struct reply r;
    json_t *o;

    door_start(&d, PROCESS_OFFICE, know_nobody);
    client_ask(d.port, WHO_COUNT, withdraw_text("application/json", "{}"), &r);
    assert_problem(&r, PROBLEM_CHILD_UNKNOWN);
    o = json_loads(r.body, 0, NULL);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "audit")), 41);
    json_decref(o);
    reply_free(&r);
    ck_assert_str_eq(d.vault.last[MSG_WITHDRAW].withdraw.state_id, "");
    ck_assert_uint_eq(peer_count(&d.vault, MSG_DOOR_REFUSED), 0); /* the vault's refusal has its leaf */
    door_stop(&d);
}
END_TEST

START_TEST(an_ill_formed_withdrawal_does_not_reach_the_vault)
{
    static const struct {
        const char *type, *body;
        enum problem problem;
    } cases[] = {
        {"text/plain", "{}", PROBLEM_MEDIA_TYPE_UNKNOWN},
        {"application/json", "{\"state_id\":", PROBLEM_BAD_JSON},
        {"application/json", "[]", PROBLEM_BAD_JSON},
        {"application/json", "{\"state_id\":12345678,\"reason\":\"x\"}", PROBLEM_BAD_JSON},
        {"application/json", "{\"state_id\":\"1\",\"state_id\":\"2\"}", PROBLEM_BAD_JSON},
        {"application/json", "{\"state_id\":\"0123\\u00005678\",\"reason\":\"x\"}", PROBLEM_BAD_JSON},
        {"application/json", "{\"state_id\":\"01234567801234567801234567801234\"}", PROBLEM_BAD_PARAMETER},
    };
    static char long_body[9000];
    char reason[160], body[220];
    struct door d;

    door_start(&d, PROCESS_OFFICE, withdraw);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ask_for_problem(&d, WHO_COUNT, withdraw_text(cases[i].type, cases[i].body), cases[i].problem);
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    (void)snprintf(body, sizeof body, "{\"state_id\":\"012345678\",\"reason\":\"%s\"}", reason);
    ask_for_problem(&d, WHO_COUNT, withdraw_text("application/json", body), PROBLEM_BAD_PARAMETER);
    memset(long_body, ' ', sizeof long_body - 1);
    ask_for_problem(&d, WHO_COUNT, withdraw_text("application/json", long_body), PROBLEM_BODY_TOO_LARGE);
    ask_for_problem(&d, WHO_COUNT, HEAD KEY "Content-Type: application/json\r\n\r\n",
                    PROBLEM_LENGTH_REQUIRED);
    ck_assert(peer_awaits(&d.vault, MSG_DOOR_REFUSED, 10));
    ck_assert_uint_eq(peer_count(&d.vault, MSG_WITHDRAW), 0);
    door_stop(&d);
}
END_TEST

START_TEST(the_law_door_withdraws_nobody)
{
    struct door d;

    door_start(&d, PROCESS_LAW, withdraw);
    ask_for_problem(&d, AGENCY, withdraw_text("application/json", "{}"), PROBLEM_NOT_FOUND);
    door_stop(&d);
}
END_TEST

TCase *tests_of_withdraw(void)
{
    const TTest *const tests[] = {a_withdrawal_is_answered_with_leaf_photos_and_the_end_of_copies,
                                  what_a_withdrawal_lacks_is_the_vaults_to_say,
                                  an_ill_formed_withdrawal_does_not_reach_the_vault,
                                  the_law_door_withdraws_nobody};
    return tests_of("withdraw", tests, sizeof tests / sizeof *tests);
}
