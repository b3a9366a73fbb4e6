/* The gate: room, deadlines, start and stop. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <poll.h>
#include <sys/wait.h>
#include "photod/base/clock.h"
#include "tests/process/test_web.h"

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

struct flood {
    int port;
    bool stop;
    pthread_mutex_t lock;
};

static bool goes_on(struct flood *f)
{
    bool stop;

    pthread_mutex_lock(&f->lock);
    stop = f->stop;
    pthread_mutex_unlock(&f->lock);
    return !stop;
}

/* 200 mute connections a second, up to 100 held: six times what the door has room for. */
static void *flood_main(void *cls)
{
    struct flood *f = cls;
    int held[100];

    for (size_t i = 0; i < 100; i++)
        held[i] = -1;
    for (size_t i = 0; goes_on(f); i = (i + 1) % 100) {
        if (held[i] >= 0)
            (void)close(held[i]);
        held[i] = client_connect(f->port);
        (void)poll(NULL, 0, 5);
    }
    for (size_t i = 0; i < 100; i++)
        if (held[i] >= 0)
            (void)close(held[i]);
    return NULL;
}

START_TEST(an_honest_client_gets_through_a_flood_of_mute_ones)
{
    struct flood f = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_LAW, release);
    f.port = d.port;
    ck_assert_int_eq(pthread_create(&thread, NULL, flood_main, &f), 0);
    (void)poll(NULL, 0, 500);
    for (int i = 0; i < 20; i++) {
        client_ask(d.port, AGENCY, lookup_text("image/jpeg", "", CASE_JSON), &r);
        ck_assert_int_eq(r.status, 200);
        reply_free(&r);
    }
    pthread_mutex_lock(&f.lock);
    f.stop = true;
    pthread_mutex_unlock(&f.lock);
    (void)pthread_join(thread, NULL);
    door_stop(&d);
}
END_TEST

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
    client_say(&c[BODY], LOOKUP_HEAD "Content-Length: 8000\r\n\r\n");
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

    door_start(&d, PROCESS_LAW, release);
    channel_close(&d.control);
    ck_assert_int_eq(waitpid(d.pid, &status, 0), d.pid);
    ck_assert_int_eq(status, 0);
    peer_stop(&d.vault);
}
END_TEST

TCase *tests_of_gate(void)
{
    const TTest *const tests[] = {
        when_full_the_oldest_stranger_makes_room,        an_honest_client_gets_through_a_flood_of_mute_ones,
        slow_clients_are_cut_at_their_deadline,          many_ask_at_once_over_the_one_link,
        stop_lets_a_request_finish_and_accepts_no_other, a_parent_that_goes_takes_the_door_with_it};
    return tests_of("gate", tests, sizeof tests / sizeof *tests);
}
