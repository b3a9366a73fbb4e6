/* The administrator's socket, where a new root key arrives: whatever comes there, the vault serves, and what
 * is no root key changes nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "lawapi/problem.h"
#include "tests/process/vault_rig.h"

#define DIGITS "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static struct rig rig;

static void set_up(void)
{
    rig_start(&rig);
}

static void tear_down(void)
{
    rig_clear(&rig);
}

static const struct shape_keys_rekey good = {.set = "0badcafe"};

static void refused(const struct shape_keys_rekey *ask, int fd)
{
    rig_refused(&rig, &rig.ctl, MSG_KEYS_REKEY, ask, fd, PROBLEM_BAD_PARAMETER);
}

/* Whether a replacement is under way. */
static bool is_changing(void)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(&rig, &rig.ctl, MSG_KEYS_STATUS, NULL, -1, &m, MSG_KEYS_ARE);
    return m.is.keys_status.changing;
}

START_TEST(only_sealed_memory_is_read)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0); /* which would never end */
    refused(&good, ends[0]);
    refused(&good, open("/dev/zero", O_RDONLY | O_CLOEXEC));
    refused(&good, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    refused(&good, open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    refused(&good, rig_unsealed(65));
    (void)close(ends[1]);
    ck_assert(!is_changing());
    (void)rig_expect_serving(&rig);
}
END_TEST

START_TEST(a_set_that_is_none_is_refused)
{
    static const char *const sets[] = {"", "0badcaf", "0badcafg", "0bad cafe"};

    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct shape_keys_rekey ask = {.set = ""};

        memcpy(ask.set, sets[i], strnlen(sets[i], 8));
        refused(&ask, rig_bulk(DIGITS, 65));
    }
    ck_assert(!is_changing());
}
END_TEST

/* Random lengths and bytes; every fourth is nearly right. */
START_TEST(random_root_keys_are_refused_or_taken_and_the_vault_serves)
{
    unsigned taken = 0, turned_away = 0, rounds = 2000;
    const char *wanted = getenv("PHOTOD_MESSAGES");

    if (wanted)
        rounds = (unsigned)atoi(wanted);
    for (unsigned i = 0; i < rounds; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        unsigned char bytes[200], head[4];
        size_t len;

        ck_assert_int_eq(getrandom(bytes, sizeof bytes, 0), sizeof bytes);
        ck_assert_int_eq(getrandom(head, sizeof head, 0), sizeof head);
        len = head[0] % (sizeof bytes + 1);
        if (i % 4 == 0) {
            len = 65;
            memcpy(bytes, DIGITS, 65);
            for (unsigned n = head[1] % 3; n; n--)
                bytes[head[2] % 65] = n % 2 ? head[3] : (unsigned char)"0123456789abcdef"[head[3] % 16];
        }
        (void)rig_send(&rig, &rig.ctl, MSG_KEYS_REKEY, &good, rig_bulk(bytes, len));
        rig_hear(&rig, &rig.ctl, &m);
        ck_assert(m.type == MSG_KEYS_ARE ||
                  (m.type == MSG_REFUSED && m.is.refused.problem == PROBLEM_BAD_PARAMETER));
        taken += m.type == MSG_KEYS_ARE;
        turned_away += m.type == MSG_REFUSED;
    }
    printf("%u random root keys: %u taken, %u refused\n", rounds, taken, turned_away);
    ck_assert(taken && turned_away);
    ck_assert(is_changing());
    (void)rig_expect_serving(&rig);
    rig_kill(&rig);
    rig_launch(&rig); /* by the old one */
    rig_join(&rig);
    (void)rig_expect_serving(&rig);
}
END_TEST

START_TEST(what_is_begun_is_in_the_log_and_can_be_taken_back_once)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_refused(&rig, &rig.ctl, MSG_KEYS_CANCEL, NULL, -1, PROBLEM_BAD_PARAMETER);
    rig_ask(&rig, &rig.ctl, MSG_KEYS_REKEY, &good, rig_bulk(DIGITS, 65), &m, MSG_KEYS_ARE);
    ck_assert(m.is.keys_status.changing);
    rig_expect_leaf(&rig, "\"type\":\"rekey-begun\",\"epoch\":2}");
    rig_kill(&rig);
    rig_launch(&rig);
    rig_join(&rig);
    ck_assert(is_changing());
    rig_ask(&rig, &rig.ctl, MSG_KEYS_CANCEL, NULL, -1, &m, MSG_DONE);
    rig_expect_leaf(&rig, "\"type\":\"rekey-cancelled\",\"epoch\":2}");
    ck_assert(!is_changing());
    rig_refused(&rig, &rig.ctl, MSG_KEYS_CANCEL, NULL, -1, PROBLEM_BAD_PARAMETER);
    rig_kill(&rig);
    rig_launch(&rig);
    rig_join(&rig);
    ck_assert(!is_changing());
    (void)rig_expect_serving(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        only_sealed_memory_is_read,
        a_set_that_is_none_is_refused,
        random_root_keys_are_refused_or_taken_and_the_vault_serves,
        what_is_begun_is_in_the_log_and_can_be_taken_back_once,
    };

    return rig_suite("vault_rekey", tests, sizeof tests / sizeof tests[0], set_up, tear_down);
}
