/* photod-vault itself; the test plays workers that hand over rosters as no honest worker does. */
#include <check.h>
#include <string.h>
#include "lawapi/problem.h"
#include "vault_rig.h"

static struct rig rig;

static void setup(void)
{
    rig_start(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

static uint32_t index_of(const struct channel *c)
{
    return (uint32_t)(c - rig.workers);
}

/* What the worker did was enough: it is cut off, with a leaf, and another takes its place. */
static void expect_dropped(struct channel *c)
{
    rig_expect_dropped(&rig, c, PROCESS_INTAKE, index_of(c));
}

static void replace(struct channel *c)
{
    rig_link(&rig, c, PROCESS_INTAKE, index_of(c));
}

static int bent_roster(uint32_t count, const struct shape_roster_row *row, int more)
{
    struct buf *b = NULL;
    struct pack p;
    int fd;

    ck_assert_int_eq(buf_new(&b, 64u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < count; n++)
        pack_roster_row(&p, row);
    for (int i = 0; i < more; i++)
        pack_u8(&p, 0x41);
    ck_assert_int_eq(pack_end(&p), OK);
    fd = rig_bulk(buf_bytes(b), buf_len(b));
    buf_free(b);
    return fd;
}

START_TEST(roster_tables_that_do_not_parse_change_nothing_and_cut_the_worker_off)
{
    const struct shape_roster_row good = {.line = 2,
                                          .district = RIG_DISTRICT,
                                          .state_id = RIG_CHILD,
                                          .last = "Doe",
                                          .first = "Jo",
                                          .opt_in = 1};
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);

    for (unsigned i = 0; i < 4; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct channel *worker = rig_roster_parsing(&rig);
        uint32_t question = rig.request;

        rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary,
                       i == 0   ? bent_roster(1, &good, 1)
                       : i == 1 ? rig_bulk("garbage garbage garbage", 23)
                       : i == 2 ? rig_unsealed(100)
                                : bent_roster(250000, &good, 0),
                       STATE_IDLE);
        rig.request = question;
        rig_hear(&rig, &rig.office, &m);
        ck_assert_int_eq(m.type, MSG_REFUSED);
        ck_assert_uint_eq(m.is.refused.problem, PROBLEM_ROSTER_UNUSABLE);
        expect_dropped(worker);
        rig_ask(&rig, &rig.law, MSG_LOOKUP, &ask, -1, &m, MSG_NONE);
        ck_assert_uint_eq(m.is.none.reason, 0); /* not on any roster */
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(roster_rows_are_judged_whatever_the_worker_calls_them)
{
    static const struct shape_roster_row rows[] = {
        {.line = 1, .fault = "accepted", .district = "0001", .state_id = RIG_CHILD, .opt_in = 1},
        {.line = 2,
         .fault = "accepted",
         .district = RIG_DISTRICT,
         .state_id = "012345678901234",
         .opt_in = 1},
        {.line = 3, .fault = "stored", .district = RIG_DISTRICT, .state_id = RIG_CHILD, .opt_in = 255},
        {.line = 4, .district = "0001", .state_id = RIG_CHILD, .opt_in = 1},
        {.line = 5, .district = RIG_DISTRICT, .state_id = "", .opt_in = 1},
        {.line = 6, .district = RIG_DISTRICT, .state_id = RIG_CHILD, .opt_in = 3},
        {.line = 7, .fault = "no such code", .district = RIG_DISTRICT, .state_id = RIG_CHILD, .opt_in = 1},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct channel *worker = rig_roster_parsing(&rig);
        uint32_t question = rig.request;

        rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary, bent_roster(3, &rows[i], 0),
                       STATE_IDLE);
        rig.request = question;
        rig_hear(&rig, &rig.office, &m);
        ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
        ck_assert_uint_eq(m.is.roster_report.refused, 3);
        ck_assert_uint_eq(m.is.roster_report.in, 0);
    }
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_roster_that_three_workers_die_of_is_unusable)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel *worker = rig_roster_parsing(&rig);
    uint32_t question = rig.request;

    for (unsigned i = 0; i < 2; i++) {
        replace(worker);
        worker = rig_worker_asked(&rig, MSG_ROSTER_PARSE, STATE_ROSTER, &m);
    }
    replace(worker);
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_REFUSED);
    ck_assert_uint_eq(m.is.refused.problem, PROBLEM_ROSTER_UNUSABLE);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        roster_tables_that_do_not_parse_change_nothing_and_cut_the_worker_off,
        roster_rows_are_judged_whatever_the_worker_calls_them,
        a_roster_that_three_workers_die_of_is_unusable,
    };

    return rig_suite("vault_roster", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
