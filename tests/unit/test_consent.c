#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "lawapi/consent.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Dates as texts, "" for none. */
static struct date on(const char *text)
{
    struct date d = {0};

    if (*text)
        ck_assert_int_eq(date_parse(&d, text), OK);
    return d;
}

#define ANSWERS_MAX 4

struct answer {
    enum consent_answer answer;
    const char *on, *filed, *district;
};

static size_t history(struct consent_entry *to, const struct answer *from)
{
    size_t n = 0;

    while (n < ANSWERS_MAX && from[n].district) {
        to[n] = (struct consent_entry){
            .answer = from[n].answer, .on = on(from[n].on), .filed = on(from[n].filed)};
        memcpy(to[n].district, from[n].district, sizeof to[n].district);
        n++;
    }
    return n;
}

/* Which entry stands; -1: none. */
static const struct {
    const char *what;
    struct answer answers[ANSWERS_MAX];
    int standing;
} standings[] = {
    {"nobody answered", {{0}}, -1},
    {"only blanks",
     {{CONSENT_BLANK, "", "2026-08-20", "0207"}, {CONSENT_BLANK, "", "2026-09-20", "0207"}},
     -1},
    {"one IN", {{CONSENT_IN, "2026-09-01", "2026-09-02", "0207"}}, 0},
    {"a blank after an IN changes nothing",
     {{CONSENT_IN, "2026-09-01", "2026-09-02", "0207"}, {CONSENT_BLANK, "2026-10-01", "2026-10-02", "0207"}},
     0},
    {"a blank after an OUT changes nothing",
     {{CONSENT_OUT, "2026-09-01", "2026-09-02", "0207"}, {CONSENT_BLANK, "", "2026-10-02", "0207"}},
     0},
    {"the newest wins",
     {{CONSENT_OUT, "2026-09-01", "2026-09-02", "0207"}, {CONSENT_IN, "2026-09-05", "2026-09-06", "0207"}},
     1},
    {"what came in late but was answered early does not win",
     {{CONSENT_OUT, "2026-09-05", "2026-09-06", "0207"}, {CONSENT_IN, "2026-09-01", "2026-10-01", "0207"}},
     0},
    {"two districts disagree: the newest answer, whoever sent it",
     {{CONSENT_IN, "2026-09-05", "2026-09-06", "0207"}, {CONSENT_OUT, "2026-08-25", "2026-09-10", "0966"}},
     0},
    {"two districts disagree on one day: OUT",
     {{CONSENT_OUT, "2026-09-05", "2026-09-06", "0966"}, {CONSENT_IN, "2026-09-05", "2026-09-10", "0207"}},
     0},
    {"OUT wins a tie in the other order too",
     {{CONSENT_IN, "2026-09-05", "2026-09-06", "0207"}, {CONSENT_OUT, "2026-09-05", "2026-09-06", "0966"}},
     1},
    {"of equals the last",
     {{CONSENT_IN, "2026-09-05", "", "0207"}, {CONSENT_IN, "2026-09-05", "", "0966"}},
     1},
    {"of equal OUTs the last too",
     {{CONSENT_OUT, "2026-09-05", "", "0207"}, {CONSENT_OUT, "2026-09-05", "", "0966"}},
     1},
    {"an undated answer is of the day it was filed",
     {{CONSENT_IN, "2026-09-01", "2026-09-02", "0207"}, {CONSENT_OUT, "", "2026-09-03", "0207"}},
     1},
    {"an IN dated after it was filed does not outrank a later OUT",
     {{CONSENT_IN, "2062-09-01", "2026-09-02", "0207"}, {CONSENT_OUT, "2026-10-01", "2026-10-01", "0207"}},
     1},
    {"an answer without any date yields to one with",
     {{CONSENT_OUT, "2026-09-01", "", "0207"}, {CONSENT_IN, "", "", "0207"}},
     0},
};

START_TEST(the_newest_answer_stands_and_out_wins_ties)
{
    struct consent_entry entries[ANSWERS_MAX];
    size_t count = history(entries, standings[_i].answers);
    const struct consent_entry *standing = consent_standing(entries, count);

    ck_assert_msg((standing ? (int)(standing - entries) : -1) == standings[_i].standing, "%s",
                  standings[_i].what);
}
END_TEST

#define CARRIED CONSENT_POLICY_CARRIED
#define ANNUAL  CONSENT_POLICY_ANNUAL

/* One answer, and what it amounts to on a day. */
static const struct {
    enum consent_answer answer;
    const char *on;
    enum consent_policy policy;
    const char *today;
    enum consent_state state;
} states[] = {
    {CONSENT_IN, "2026-09-01", ANNUAL, "2026-09-01", CONSENT_STATE_IN},
    {CONSENT_IN, "2026-09-01", ANNUAL, "2027-06-30", CONSENT_STATE_IN},
    {CONSENT_IN, "2026-07-01", ANNUAL, "2027-09-30", CONSENT_STATE_IN},
    {CONSENT_IN, "2027-06-30", ANNUAL, "2027-07-01", CONSENT_STATE_IN},
    {CONSENT_IN, "2026-09-01", ANNUAL, "2027-09-30", CONSENT_STATE_IN},
    {CONSENT_IN, "2026-09-01", ANNUAL, "2027-10-01", CONSENT_STATE_LAPSED},
    {CONSENT_IN, "2027-06-30", ANNUAL, "2027-10-01", CONSENT_STATE_LAPSED},
    {CONSENT_IN, "2026-06-30", ANNUAL, "2027-07-01", CONSENT_STATE_LAPSED},
    {CONSENT_IN, "2026-06-30", ANNUAL, "2027-01-15", CONSENT_STATE_LAPSED},
    {CONSENT_IN, "2025-09-01", ANNUAL, "2027-09-30", CONSENT_STATE_LAPSED},
    {CONSENT_IN, "2027-07-01", ANNUAL, "2027-06-30", CONSENT_STATE_LAPSED}, /* of a year to come */
    {CONSENT_IN, "2027-07-01", ANNUAL, "2026-08-01", CONSENT_STATE_LAPSED},
    {CONSENT_IN, "2019-09-01", CARRIED, "2027-10-01", CONSENT_STATE_IN},
    {CONSENT_OUT, "2019-09-01", CARRIED, "2027-10-01", CONSENT_STATE_OUT},
    {CONSENT_OUT, "2019-09-01", ANNUAL, "2027-10-01", CONSENT_STATE_OUT},
    {CONSENT_OUT, "2027-09-01", ANNUAL, "2027-10-01", CONSENT_STATE_OUT},
    {CONSENT_BLANK, "2027-09-01", ANNUAL, "2027-10-01", CONSENT_STATE_NONE},
    {CONSENT_BLANK, "2027-09-01", CARRIED, "2027-10-01", CONSENT_STATE_NONE},
};

START_TEST(an_answer_holds_as_long_as_the_policy_says)
{
    struct consent_entry e = {.answer = states[_i].answer, .on = on(states[_i].on)};

    ck_assert_int_eq(consent_state(&e, 1, states[_i].policy, on(states[_i].today)), states[_i].state);
}
END_TEST

START_TEST(an_out_of_an_earlier_year_is_not_outlived_by_a_blank_of_this)
{
    struct consent_entry entries[] = {
        {.answer = CONSENT_OUT, .on = on("2025-09-01")},
        {.answer = CONSENT_BLANK, .on = on("2026-09-01")},
    };

    ck_assert_int_eq(consent_state(entries, 2, ANNUAL, on("2026-09-02")), CONSENT_STATE_OUT);
    ck_assert_int_eq(consent_state(entries, 2, CARRIED, on("2026-09-02")), CONSENT_STATE_OUT);
}
END_TEST

START_TEST(no_history_is_no_consent)
{
    ck_assert_ptr_null(consent_standing(NULL, 0));
    ck_assert_int_eq(consent_state(NULL, 0, CARRIED, on("2026-09-02")), CONSENT_STATE_NONE);
}
END_TEST

static const struct {
    const char *day, *start;
} years[] = {
    {"2026-06-30", "2025-07-01"}, {"2026-07-01", "2026-07-01"}, {"2026-12-31", "2026-07-01"},
    {"2027-01-01", "2026-07-01"}, {"2028-02-29", "2027-07-01"},
};

START_TEST(the_school_year_opens_on_the_first_of_july)
{
    ck_assert_int_eq(date_compare(school_year_start(on(years[_i].day)), on(years[_i].start)), 0);
}
END_TEST

START_TEST(policies_have_names_and_there_is_no_default)
{
    enum consent_policy p;

    ck_assert_int_eq(consent_policy_parse(&p, "carried"), OK);
    ck_assert_int_eq(p, CARRIED);
    ck_assert_int_eq(consent_policy_parse(&p, "annual"), OK);
    ck_assert_int_eq(p, ANNUAL);
    ck_assert_int_eq(consent_policy_parse(&p, ""), ERR_MALFORMED);
    ck_assert_int_eq(consent_policy_parse(&p, "Annual"), ERR_MALFORMED);
    ck_assert_str_eq(consent_policy_name(CARRIED), "carried");
    ck_assert_str_eq(consent_policy_name(ANNUAL), "annual");
    ck_assert_ptr_null(consent_policy_name((enum consent_policy)0));
}
END_TEST

START_TEST(an_opt_in_of_last_year_is_to_be_renewed)
{
    const struct date today = {2026, 9, 15};
    struct consent_entry e = {.answer = CONSENT_IN, .on = {2026, 6, 30}, .filed = {2026, 6, 30}};

    ck_assert(consent_wants_renewal(&e, 1, CONSENT_POLICY_ANNUAL, today));
    ck_assert(!consent_wants_renewal(&e, 1, CONSENT_POLICY_CARRIED, today));
    ck_assert(!consent_wants_renewal(&e, 0, CONSENT_POLICY_ANNUAL, today));
    e.on = e.filed = (struct date){2026, 7, 1};
    ck_assert(!consent_wants_renewal(&e, 1, CONSENT_POLICY_ANNUAL, today));
    e.on = e.filed = (struct date){2025, 6, 30};
    ck_assert(!consent_wants_renewal(&e, 1, CONSENT_POLICY_ANNUAL, today));
    e.on = e.filed = (struct date){2025, 7, 1};
    ck_assert(consent_wants_renewal(&e, 1, CONSENT_POLICY_ANNUAL, today));
    e.answer = CONSENT_OUT;
    ck_assert(!consent_wants_renewal(&e, 1, CONSENT_POLICY_ANNUAL, today));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("consent");
    TCase *c = tcase_create("consent");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_loop_test(c, the_newest_answer_stands_and_out_wins_ties, 0, (int)COUNT(standings));
    tcase_add_loop_test(c, an_answer_holds_as_long_as_the_policy_says, 0, (int)COUNT(states));
    tcase_add_test(c, an_out_of_an_earlier_year_is_not_outlived_by_a_blank_of_this);
    tcase_add_test(c, an_opt_in_of_last_year_is_to_be_renewed);
    tcase_add_test(c, no_history_is_no_consent);
    tcase_add_loop_test(c, the_school_year_opens_on_the_first_of_july, 0, (int)COUNT(years));
    tcase_add_test(c, policies_have_names_and_there_is_no_default);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
