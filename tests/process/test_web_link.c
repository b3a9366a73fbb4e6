/* The vault is gone, silent or mad: the door stays a door. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "lawapi/none.h"
#include "photod/base/clock.h"
#include "tests/process/test_web.h"

static void say_nothing(struct peer *p, struct message *m)
{
    (void)p, (void)m;
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

TCase *tests_of_link(void)
{
    const TTest *const tests[] = {without_a_vault_the_answer_is_unavailable_until_a_new_one_is_linked,
                                  a_vault_that_dies_over_a_question_fails_it_at_once,
                                  a_vault_that_talks_garbage_is_dropped_and_web_lives_on,
                                  a_vault_that_is_silent_is_given_up_after_ten_seconds};
    return tests_of("link", tests, sizeof tests / sizeof *tests);
}
