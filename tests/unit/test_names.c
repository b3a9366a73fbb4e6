/* The identifiers of the field (lawapi/names), and the case they make up (lawapi/case). */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "lawapi/case.h"
#include "lawapi/names.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct {
    bool (*is)(const char *text);
    const char *text;
    bool holds;
} shapes[] = {
    {is_state_id, "012345678", true},
    {is_state_id, "12345678", false},
    {is_state_id, "0123456789", false},
    {is_state_id, "01234567a", false},
    {is_state_id, " 12345678", false},
    {is_state_id, "", false},
    {is_district, "0207", true},
    {is_district, "207", false},
    {is_district, "00207", false},
    {is_district, "020A", false},
    {is_ori, "MT0250100", true},
    {is_ori, "MTMHP0000", true},
    {is_ori, "MT02501", false},
    {is_ori, "MT02501000", false},
    {is_ori, "M00250100", false},
    {is_ori, "mt0250100", false},
    {is_ori, "MT025-100", false},
    {is_ori, "", false},
    {is_oca, "A", true},
    {is_oca, "26-1123-a", true},
    {is_oca, "12345678901234567890", true},
    {is_oca, "123456789012345678901", false},
    {is_oca, "26 1123", false},
    {is_oca, "26/1123", false},
    {is_oca, "26\xc3\xa9", false},
    {is_oca, "", false},
    {is_nic, "M123456789", true},
    {is_nic, "m123456789", false},
    {is_nic, "M12345678", false},
    {is_nic, "M1234567890", false},
    {is_nic, "MM23456789", false},
    {is_nic, "", false},
    {is_operator, "J. Doe #214", true},
    {is_operator, "Ren\xc3\xa9 \xe2\x80\x93 \xf0\x9f\x9a\x93", true},
    {is_operator, "1234567890123456789012345678901234567890123456789012345678901234", true},
    {is_operator, "12345678901234567890123456789012345678901234567890123456789012345", false},
    {is_operator, "", false},
    {is_operator, "   ", false},
    {is_operator, "\xc2\xa0", false}, /* a blank of another kind */
    {is_operator, "Doe\n", false},    /* a line of its own in a log */
    {is_operator, "Doe\x7f", false},
    {is_operator, "Doe\xc2\x85", false},     /* C1: next line */
    {is_operator, "Doe\xe2\x80\xa8", false}, /* line separator */
    {is_operator,
     "Doe\xe2\x80\xae"
     "eoD",
     false},                                 /* right-to-left override */
    {is_operator, "Doe\xe2\x81\xa6", false}, /* isolate */
    {is_operator,
     "\xef\xbb\xbf"
     "Doe",
     false},                         /* byte order mark */
    {is_operator, "Doe\xff", false}, /* no UTF-8 */
    {is_operator, "Doe\xc3", false}, /* cut short */
    {is_operator, "Doe\xe2\x80", false},
    {is_operator, "Doe\xf0\x9f\x9a", false},
    {is_operator, "Doe\x80", false},         /* a continuation of nothing */
    {is_operator, "Doe\xc0\x8a", false},     /* a newline, too long */
    {is_operator, "Doe\xe0\x81\x81", false}, /* an A, too long */
    {is_operator, "Doe\xf0\x80\x81\x81", false},
    {is_operator, "Doe\xed\xa0\x80", false},     /* a surrogate */
    {is_operator, "Doe\xf4\x90\x80\x80", false}, /* past U+10FFFF */
};

START_TEST(identifiers_have_exactly_their_shape)
{
    ck_assert_msg(shapes[_i].is(shapes[_i].text) == shapes[_i].holds, "%s", shapes[_i].text);
}
END_TEST

/* 2026-11-23T10:00:00Z, "now" for all reports. */
#define NOW_MS INT64_C(1795428000000)

static const struct {
    const char *text;
    enum err expected;
    int64_t before_now_ms;
} times[] = {
    {"2026-11-23T10:00:00Z", OK, 0},
    {"2026-11-23t10:00:00z", OK, 0},
    {"2026-11-23T03:00:00-07:00", OK, 0},
    {"2026-11-23T15:30:00+05:30", OK, 0},
    {"2026-11-23T10:00:00-00:00", OK, 0},
    {"2026-11-22T23:59:59Z", OK, 36001000},
    {"2026-11-23T09:59:59.9Z", OK, 100},
    {"2026-11-23T09:59:59.123456789Z", OK, 877},
    {"2026-11-23T10:05:00Z", OK, -300000}, /* as far as clocks may differ */
    {"2026-11-23T10:05:01Z", ERR_DENIED, 0},
    {"2026-11-24T00:00:00Z", ERR_DENIED, 0},
    {"9999-12-31T23:59:59-23:59", ERR_DENIED, 0},
    {"1969-12-31T23:59:59Z", ERR_DENIED, 0},
    {"1970-01-01T00:00:00+00:01", ERR_DENIED, 0},
    {"0001-01-01T00:00:00Z", ERR_DENIED, 0},
    {"2026-11-23T10:00:00", ERR_MALFORMED, 0}, /* whose time? */
    {"2026-11-23 10:00:00Z", ERR_MALFORMED, 0},
    {"2026-11-23T10:00Z", ERR_MALFORMED, 0},
    {"2026-11-31T10:00:00Z", ERR_MALFORMED, 0},
    {"2026-02-29T10:00:00Z", ERR_MALFORMED, 0},
    {"2026-11-23T24:00:00Z", ERR_MALFORMED, 0},
    {"2026-11-23T10:60:00Z", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:60Z", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00.Z", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00,5Z", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00Zulu", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00-7:00", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00-0700", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00-24:00", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00-07:60", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00.5", ERR_MALFORMED, 0},
    {"2026-11-23T10:00:00 ", ERR_MALFORMED, 0},
    {" 2026-11-23T10:00:00Z", ERR_MALFORMED, 0},
    {"26-11-23T10:00:00Z", ERR_MALFORMED, 0},
    {"yesterday at three in the night", ERR_MALFORMED, 0},
    {"", ERR_MALFORMED, 0},
};

START_TEST(the_time_of_a_report_is_rfc_3339_and_not_of_the_future)
{
    int64_t ms = -1;

    ck_assert_msg(case_parse_time(&ms, times[_i].text, NOW_MS) == times[_i].expected, "%s", times[_i].text);
    ck_assert_int_eq(ms, times[_i].expected ? -1 : NOW_MS - times[_i].before_now_ms);
}
END_TEST

/* Every shorter text is refused, and none is read past its end (the sanitizer's to say). */
START_TEST(a_time_cut_short_is_malformed)
{
    static const char whole[] = "2026-11-23T02:00:00.125-07:00";
    int64_t ms;

    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *part = strndup(whole, len);

        ck_assert_int_eq(case_parse_time(&ms, part, NOW_MS), ERR_MALFORMED);
        free(part);
    }
    ck_assert_int_eq(case_parse_time(&ms, whole, NOW_MS), OK);
}
END_TEST

START_TEST(a_case_is_due_two_hours_after_its_report)
{
    ck_assert_int_eq(case_due_ms(NOW_MS), NOW_MS + 7200000);
}
END_TEST

START_TEST(the_law_knows_one_basis)
{
    ck_assert(case_basis_is_known("missing-child-report"));
    ck_assert(!case_basis_is_known("Missing-Child-Report"));
    ck_assert(!case_basis_is_known("missing-child-report "));
    ck_assert(!case_basis_is_known("welfare-check"));
    ck_assert(!case_basis_is_known(""));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("names");
    TCase *c = tcase_create("names");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_loop_test(c, identifiers_have_exactly_their_shape, 0, (int)COUNT(shapes));
    tcase_add_loop_test(c, the_time_of_a_report_is_rfc_3339_and_not_of_the_future, 0, (int)COUNT(times));
    tcase_add_test(c, a_time_cut_short_is_malformed);
    tcase_add_test(c, a_case_is_due_two_hours_after_its_report);
    tcase_add_test(c, the_law_knows_one_basis);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
