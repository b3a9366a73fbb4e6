/* photod-vault itself; the test plays workers that hand over rosters as no honest worker does. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "lawapi/expiry.h"
#include "lawapi/outcome.h"
#include "lawapi/problem.h"
#include "photod/base/clock.h"
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

static int bent_roster(uint32_t count, const struct shape_roster_row *row, int more)
{
    struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 64u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < count; n++)
        pack_roster_row(&p, row);
    for (int i = 0; i < more; i++)
        pack_u8(&p, 0x41);
    return rig_table(b, &p);
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
        rig_worker_dropped(&rig, worker);
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
        rig_worker_replaced(&rig, worker);
        worker = rig_worker_asked(&rig, MSG_ROSTER_PARSE, STATE_ROSTER, &m);
    }
    rig_worker_replaced(&rig, worker);
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_REFUSED);
    ck_assert_uint_eq(m.is.refused.problem, PROBLEM_ROSTER_UNUSABLE);
    rig_stop(&rig);
}
END_TEST

/* ---- What becomes of the rows ---- */

static int table_of(const struct shape_roster_row *rows, size_t count)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 1u << 20), OK);
    p = PACK(b);
    for (size_t i = 0; i < count; i++)
        pack_roster_row(&p, &rows[i]);
    ck_assert_int_eq(pack_end(&p), OK);
    return rig_bulk(buf_bytes(b), buf_len(b));
}

struct reported {
    struct shape_roster_report report;
    struct shape_report_row rows[8];
    unsigned count;
};

static struct reported apply(const struct shape_roster_row *rows, size_t count,
                             const struct shape_roster_summary *summary)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    __attribute__((cleanup(bulk_cleanup))) struct bulk table = {0};
    struct channel *worker = rig_roster_parsing(&rig);
    uint32_t question = rig.request;
    struct reported out = {.count = 0};
    struct take t;

    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, summary, table_of(rows, count), STATE_IDLE);
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
    out.report = m.is.roster_report;
    ck_assert_int_eq(bulk_map(&table, m.fds[0], 1u << 20), OK);
    t = TAKE_BYTES(table.bytes, table.len);
    while (take_more(&t) && out.count < 8)
        take_report_row(&t, &out.rows[out.count++]);
    ck_assert_int_eq(take_end(&t), OK);
    return out;
}

static struct shape_roster_row row_of(uint32_t line, const char *state_id, const char *last, unsigned opt_in)
{
    struct shape_roster_row row = {.line = line, .opt_in = (unsigned char)opt_in, .born = {2015, 5, 17}};

    (void)snprintf(row.district, sizeof row.district, "%s", RIG_DISTRICT);
    (void)snprintf(row.state_id, sizeof row.state_id, "%s", state_id);
    (void)snprintf(row.last, sizeof row.last, "%s", last);
    (void)snprintf(row.first, sizeof row.first, "%s", *last ? "Jo" : "");
    return row;
}

static uint64_t students(void)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(&rig, &rig.ctl, MSG_STATUS, NULL, -1, &m, MSG_STATUS_ANSWER);
    return m.is.status.students;
}

START_TEST(an_answer_without_a_name_is_kept_and_waits_for_the_roster)
{
    const struct shape_roster_row answer = row_of(2, RIG_CHILD, "", 1),
                                  named = row_of(2, RIG_CHILD, "Doe", 0);
    struct reported got = apply(&answer, 1, &rig_summary);

    ck_assert_uint_eq(got.report.in, 1);
    ck_assert_uint_eq(got.count, 1);
    ck_assert_int_eq(got.rows[0].outcome, OUTCOME_ACCEPTED);
    ck_assert_str_eq(got.rows[0].state_id, RIG_CHILD);
    ck_assert_ptr_nonnull(strstr(got.rows[0].note, "no name"));
    ck_assert_ptr_nonnull(strstr(got.rows[0].note, "No roster listed"));
    ck_assert_uint_eq(students(), 0);
    got = apply(&named, 1, &rig_summary); /* its blank does not overwrite the answer */
    ck_assert_uint_eq(got.count, 0);
    ck_assert_uint_eq(students(), 1);
    got = apply(&answer, 1, &rig_summary); /* nor the missing name the record */
    ck_assert_uint_eq(got.count, 0);
    ck_assert_uint_eq(students(), 1);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_out_without_a_name_erases_too)
{
    const struct shape_roster_row named = row_of(2, RIG_CHILD, "Doe", 1), out = row_of(2, RIG_CHILD, "", 2);
    struct reported got = apply(&named, 1, &rig_summary);

    ck_assert_uint_eq(students(), 1);
    got = apply(&out, 1, &rig_summary);
    ck_assert_uint_eq(got.report.withdrawn, 1);
    ck_assert_uint_eq(got.count, 0);
    ck_assert_uint_eq(students(), 0);
    rig_stop(&rig);
}
END_TEST

START_TEST(lines_of_one_child_that_contradict_each_other_are_all_refused)
{
    struct shape_roster_row rows[] = {row_of(2, RIG_CHILD, "Doe", 1), row_of(3, "012345679", "Roe", 1),
                                      row_of(4, RIG_CHILD, "Doe", 2), row_of(5, "012345679", "Roe", 1)};
    struct reported got;

    (void)snprintf(rows[2].fault, sizeof rows[2].fault, "state-id-repeated");
    got = apply(rows, 4, &rig_summary);
    ck_assert_uint_eq(got.report.lines, 4);
    ck_assert_uint_eq(got.report.in, 1);
    ck_assert_uint_eq(got.report.out, 0);
    ck_assert_uint_eq(got.report.refused, 2);
    ck_assert_uint_eq(got.count, 3);
    ck_assert_uint_eq(got.rows[0].line, 2);
    ck_assert_int_eq(got.rows[0].outcome, OUTCOME_STATE_ID_REPEATED);
    ck_assert_uint_eq(got.rows[1].line, 4);
    ck_assert_int_eq(got.rows[1].outcome, OUTCOME_STATE_ID_REPEATED);
    ck_assert_uint_eq(got.rows[2].line, 5);
    ck_assert_int_eq(got.rows[2].outcome, OUTCOME_ACCEPTED);
    ck_assert_ptr_nonnull(strstr(got.rows[2].note, "counts once"));
    ck_assert_uint_eq(students(), 1);
    rig_stop(&rig);
}
END_TEST

START_TEST(notes_and_what_is_said_of_the_header_stand_in_the_report)
{
    const struct shape_roster_summary summary = {
        .format = "CSV with header row, 5 columns, UTF-8", .line = 1, .note = "Columns passed over: X."};
    struct shape_roster_row row = row_of(2, RIG_CHILD, "Doe", 1);
    struct reported got;

    row.notes = UINT32_MAX; /* also bits that mean nothing */
    got = apply(&row, 1, &summary);
    ck_assert_uint_eq(got.report.refused, 0);
    ck_assert_uint_eq(got.count, 2);
    ck_assert_uint_eq(got.rows[0].line, 1);
    ck_assert_str_eq(got.rows[0].note, "Columns passed over: X.");
    ck_assert_ptr_nonnull(strstr(got.rows[1].note, "leading zeros"));
    ck_assert_str_eq(got.report.format, summary.format);
    rig_stop(&rig);
}
END_TEST

/* ---- In slices ---- */

/*
 * What waits when the roster's rows come is decided before them: photoctl is
 * heard once a turn, so RIG_CROWD leaves of its stand below the roster's only
 * if its rows take more turns than that.
 */
START_TEST(lookups_and_others_are_decided_between_the_slices_of_a_roster)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel *worker = rig_roster_parsing(&rig);
    uint32_t roster = rig.request;
    struct rig_crowd crowd;
    uint64_t newest;

    rig_pause(&rig);
    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary, rig_roster_table(20000), STATE_IDLE);
    rig_crowd_ask(&rig, &crowd);
    rig_resume(&rig);
    newest = rig_crowd_hear(&rig, &crowd);
    rig.request = roster;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
    ck_assert_uint_eq(m.is.roster_report.in, 20000);
    ck_assert_uint_gt(m.is.roster_report.leaf, newest);
    rig_stop(&rig);
}
END_TEST

/* The second is decided while the first is on its way to the disk: what it read is then no more. */
START_TEST(two_rosters_of_the_same_children_are_both_applied)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel *workers[2];
    uint32_t questions[2];

    for (unsigned i = 0; i < 2; i++) {
        workers[i] = rig_roster_parsing(&rig);
        questions[i] = rig.request;
    }
    for (unsigned i = 0; i < 2; i++)
        rig_worker_say(&rig, workers[i], MSG_ROSTER_PARSED, &rig_summary, rig_roster_table(2000), STATE_IDLE);
    for (unsigned i = 0; i < 2; i++) {
        rig.request = questions[i];
        rig_hear(&rig, &rig.office, &m);
        ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
        ck_assert_uint_eq(m.is.roster_report.in, 2000);
    }
    ck_assert_uint_eq(students(), 2000);
    rig_stop(&rig);
}
END_TEST

/* ---- Killed ---- */

#define OUTS  300
#define KILLS 8

/* The same children as rig_roster_table(), all opted out. */
static int out_table(void)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 1u << 24), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < OUTS; n++) {
        char state_id[10];
        struct shape_roster_row row;

        rig_state_id(state_id, n);
        row = row_of(n + 2, state_id, "Doe", 2);
        row.opt_in_on = law_today(clock_wall_ms());
        pack_roster_row(&p, &row);
    }
    ck_assert_int_eq(pack_end(&p), OK);
    return rig_bulk(buf_bytes(b), buf_len(b));
}

static uint32_t begin_outs(void)
{
    struct channel *worker = rig_roster_parsing(&rig);
    uint32_t question = rig.request;

    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary, out_table(), STATE_IDLE);
    return question;
}

/* How many of them have both answers, the IN and the OUT, and of how many a record is left. */
static void count_outs(unsigned *out, unsigned *left)
{
    *out = *left = 0;
    for (uint32_t n = 0; n < OUTS; n++) {
        struct shape_erasure_state s = rig_left(&rig, n);

        *out += s.answers == 2;
        *left += s.record != 0;
        if (!s.record) /* its key went before, or goes now */
            ck_assert_msg(s.answers == 2 && (!s.deks || s.open), "child %u is erased without an answer", n);
    }
}

/* The answers come whole or not at all; the erasing, in steps, is ended by the same roster sent again. */
START_TEST(a_roster_cut_off_by_kills_is_whole_and_sent_again_ends_its_erasing)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    unsigned out, left, none = 0, some = 0, all = 0;
    uint32_t question;

    rig_roster(&rig, OUTS);
    for (unsigned i = 0; i < KILLS; i++) {
        const struct timespec pause = {.tv_nsec = i * 4000000};

        (void)begin_outs();
        (void)nanosleep(&pause, NULL);
        rig_kill(&rig);
        rig_launch(&rig);
        rig_join(&rig);
        count_outs(&out, &left);
        ck_assert_msg(out == 0 || out == OUTS, "%u of %u answers are there", out, OUTS);
        ck_assert_msg(out || left == OUTS, "children are erased without an answer");
        none += !out;
        some += out && left;
        all += !left;
    }
    question = begin_outs();
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
    count_outs(&out, &left);
    ck_assert_uint_eq(out, OUTS);
    ck_assert_uint_eq(left, 0);
    (void)printf(
        "%u kills: no answer of the roster there %u times, all and some records left %u, all and none "
        "left %u\n",
        KILLS, none, some, all);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        roster_tables_that_do_not_parse_change_nothing_and_cut_the_worker_off,
        roster_rows_are_judged_whatever_the_worker_calls_them,
        a_roster_that_three_workers_die_of_is_unusable,
        an_answer_without_a_name_is_kept_and_waits_for_the_roster,
        an_out_without_a_name_erases_too,
        lines_of_one_child_that_contradict_each_other_are_all_refused,
        notes_and_what_is_said_of_the_header_stand_in_the_report,
        lookups_and_others_are_decided_between_the_slices_of_a_roster,
        two_rosters_of_the_same_children_are_both_applied,
        a_roster_cut_off_by_kills_is_whole_and_sent_again_ends_its_erasing,
    };

    return rig_suite("vault_roster", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
