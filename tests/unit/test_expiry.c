#include <check.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include "lawapi/expiry.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Dates as texts, "" for none. */
static struct date on(const char *text)
{
    struct date d = {0};

    if (*text)
        ck_assert_int_eq(date_parse(&d, text), OK);
    return d;
}

static int64_t utc_ms(const char *day, int hour, int minute, int second)
{
    return ((date_to_days(on(day)) * 24 + hour) * 60 + minute) * INT64_C(60000) + second * INT64_C(1000);
}

/* An instant in UTC, and the day it is in Montana. */
static const struct {
    const char *utc_day;
    int hour, minute, second;
    const char *montana;
} instants[] = {
    {"2026-01-16", 6, 59, 59, "2026-01-15"}, /* 23:59:59 MST */
    {"2026-01-16", 7, 0, 0, "2026-01-16"},   /* 00:00:00 MST */
    {"2026-07-16", 5, 59, 59, "2026-07-15"}, /* 23:59:59 MDT */
    {"2026-07-16", 6, 0, 0, "2026-07-16"},   /* 00:00:00 MDT */
    {"2026-03-08", 6, 59, 59, "2026-03-07"}, /* the night the clocks go forward */
    {"2026-03-08", 7, 0, 0, "2026-03-08"},
    {"2026-03-09", 5, 59, 59, "2026-03-08"}, /* that day has 23 hours */
    {"2026-03-09", 6, 0, 0, "2026-03-09"},
    {"2026-11-01", 5, 59, 59, "2026-10-31"}, /* the night the clocks go back */
    {"2026-11-01", 6, 0, 0, "2026-11-01"},
    {"2026-11-02", 6, 59, 59, "2026-11-01"}, /* that day has 25 hours */
    {"2026-11-02", 7, 0, 0, "2026-11-02"},
    {"2028-03-01", 6, 59, 59, "2028-02-29"},
    {"2027-01-01", 0, 0, 0, "2026-12-31"},
    {"2040-07-01", 6, 0, 0, "2040-07-01"}, /* past 32-bit seconds, by the rule at the file's end */
    {"1970-01-01", 0, 0, 0, "1969-12-31"},
};

START_TEST(a_day_ends_at_midnight_in_montana)
{
    int64_t ms = utc_ms(instants[_i].utc_day, instants[_i].hour, instants[_i].minute, instants[_i].second);

    ck_assert_int_eq(law_zone_open(), OK);
    ck_assert_int_eq(date_compare(law_today(ms), on(instants[_i].montana)), 0);
}
END_TEST

START_TEST(the_last_millisecond_belongs_to_the_day_that_ends)
{
    ck_assert_int_eq(law_zone_open(), OK);
    ck_assert_int_eq(date_compare(law_today(utc_ms("2026-01-16", 7, 0, 0) - 1), on("2026-01-15")), 0);
    ck_assert_int_eq(date_compare(law_today(utc_ms("1969-12-31", 7, 0, 0) - 1), on("1969-12-30")), 0);
}
END_TEST

/* With no descriptor to be had a second look at the zone file would fail, and the zone become UTC. */
START_TEST(today_opens_no_file_once_the_zone_is_open)
{
    struct rlimit none, given;
    struct date winter, summer;

    ck_assert_int_eq(law_zone_open(), OK);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &given), 0);
    none = (struct rlimit){0, given.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    winter = law_today(utc_ms("2026-01-16", 6, 59, 59));
    summer = law_today(utc_ms("2026-07-16", 5, 59, 59));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &given), 0); /* the leak sanitizer wants to open files */
    ck_assert_int_eq(date_compare(winter, on("2026-01-15")), 0);
    ck_assert_int_eq(date_compare(summer, on("2026-07-15")), 0);
}
END_TEST

START_TEST(a_missing_zone_file_is_found_out)
{
    ck_assert_int_eq(setenv("TZDIR", "/nonexistent", 1), 0);
    (void)setenv("TZ", "UTC", 1);
    tzset(); /* or a zone that is loaded already would stay */
    ck_assert_int_eq(law_zone_open(), ERR_NOTFOUND);
    (void)unsetenv("TZDIR");
    (void)setenv("TZ", "UTC", 1);
    tzset();
    ck_assert_int_eq(law_zone_open(), OK);
}
END_TEST

static const struct {
    const char *taken_on, *ends_on, *eve;
} lives[] = {
    {"2024-10-15", "2026-10-15", "2026-10-14"},
    {"2024-02-28", "2026-02-28", "2026-02-27"},
    {"2024-02-29", "2026-02-28", "2026-02-27"}, /* leap day */
    {"2024-03-01", "2026-03-01", "2026-02-28"},
    {"2026-02-28", "2028-02-28", "2028-02-27"}, /* into a leap year: its 29th is too late */
    {"2024-12-31", "2026-12-31", "2026-12-30"},
    {"2025-01-01", "2027-01-01", "2026-12-31"},
};

START_TEST(a_photo_ends_on_its_second_anniversary)
{
    struct date taken_on = on(lives[_i].taken_on);

    ck_assert_int_eq(date_compare(photo_ends_on(taken_on), on(lives[_i].ends_on)), 0);
    ck_assert(photo_is_servable(taken_on, taken_on));
    ck_assert(photo_is_servable(taken_on, on(lives[_i].eve)));
    ck_assert(!photo_is_servable(taken_on, on(lives[_i].ends_on)));
}
END_TEST

START_TEST(a_photo_becomes_unservable_with_the_stroke_of_midnight_in_montana)
{
    struct date taken_on = on("2024-10-15");

    ck_assert_int_eq(law_zone_open(), OK);
    ck_assert(photo_is_servable(taken_on, law_today(utc_ms("2026-10-15", 5, 59, 59))));
    ck_assert(!photo_is_servable(taken_on, law_today(utc_ms("2026-10-15", 6, 0, 0))));
}
END_TEST

/* MCA 44-2-502: a missing child is anyone under 21, so only the photo has an age here. */
START_TEST(the_age_of_the_child_plays_no_part)
{
    struct date born = on("2006-10-16"), today = on("2027-10-15");

    ck_assert_int_gt(date_to_days(today) - date_to_days(born), 20 * 365);
    ck_assert(photo_is_servable(on("2025-10-16"), today));
}
END_TEST

START_TEST(a_photo_without_a_date_is_not_servable)
{
    ck_assert(!photo_is_servable((struct date){0}, on("2026-10-15")));
}
END_TEST

START_TEST(the_age_is_counted_in_whole_days)
{
    ck_assert_uint_eq(photo_age_days(on("2024-02-28"), on("2024-03-01")), 2);
    ck_assert_uint_eq(photo_age_days(on("2024-10-15"), on("2026-10-14")), 729);
    ck_assert_uint_eq(photo_age_days(on("2026-10-15"), on("2026-10-15")), 0);
    ck_assert_uint_eq(photo_age_days(on("2026-10-16"), on("2026-10-15")), 0);
    ck_assert_uint_eq(photo_age_days((struct date){0}, on("2026-10-15")), 0);
}
END_TEST

/* Today is 2026-11-23 for all. */
static const struct {
    const char *declared, *exif, *counts;
} dates[] = {
    {"2026-10-15", "", "2026-10-15"},
    {"2026-10-15", "2026-10-14", "2026-10-14"}, /* earlier wins */
    {"2026-10-15", "2025-10-14", "2025-10-14"}, /* last year's pictures */
    {"2026-10-15", "2026-10-15", "2026-10-15"},
    {"2026-10-15", "2026-10-16", "2026-10-15"}, /* later does not */
    {"2026-10-15", "2000-01-01", "2000-01-01"},
    {"2026-10-15", "1999-12-31", "2026-10-15"}, /* a camera without a clock */
    {"", "2026-10-14", "2026-10-14"},
    {"", "2026-11-23", "2026-11-23"},
    {"", "2026-11-24", "2026-07-01"}, /* of tomorrow: no date */
    {"", "1980-01-01", "2026-07-01"},
    {"", "", "2026-07-01"}, /* unknown: the school year's start */
};

START_TEST(the_earliest_plausible_date_counts)
{
    struct date counts = photo_taken_on(on(dates[_i].declared), on(dates[_i].exif), on("2026-11-23"));

    ck_assert_int_eq(date_compare(counts, on(dates[_i].counts)), 0);
}
END_TEST

START_TEST(an_exif_date_that_is_no_day_is_passed_over)
{
    struct date exif = {2026, 2, 30};

    ck_assert_int_eq(date_compare(photo_taken_on(on("2026-10-15"), exif, on("2026-11-23")), on("2026-10-15")),
                     0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("expiry");
    TCase *c = tcase_create("expiry");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_loop_test(c, a_day_ends_at_midnight_in_montana, 0, (int)COUNT(instants));
    tcase_add_test(c, the_last_millisecond_belongs_to_the_day_that_ends);
    tcase_add_loop_test(c, a_photo_ends_on_its_second_anniversary, 0, (int)COUNT(lives));
    tcase_add_test(c, a_photo_becomes_unservable_with_the_stroke_of_midnight_in_montana);
    tcase_add_test(c, the_age_of_the_child_plays_no_part);
    tcase_add_test(c, a_photo_without_a_date_is_not_servable);
    tcase_add_test(c, the_age_is_counted_in_whole_days);
    tcase_add_loop_test(c, the_earliest_plausible_date_counts, 0, (int)COUNT(dates));
    tcase_add_test(c, an_exif_date_that_is_no_day_is_passed_over);
    tcase_add_test(c, today_opens_no_file_once_the_zone_is_open);
    tcase_add_test(c, a_missing_zone_file_is_found_out);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
