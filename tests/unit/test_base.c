/* buf, text, date, clock. */
#include <string.h>
#include "photod/base/buf.h"
#include "photod/base/clock.h"
#include "photod/base/date.h"
#include "photod/base/text.h"
#include "tests/unit/suite.h"

START_TEST(a_buf_refuses_to_pass_its_ceiling_and_stays_as_it_was)
{
    CLEANUP(buf) struct buf *b = NULL;
    char big[200] = {0};

    ck_assert(!buf_new(&b, 150));
    ck_assert(!buf_append(b, "hello", 5));
    ck_assert_int_eq(buf_append(b, big, 146), ERR_LIMIT);
    ck_assert_uint_eq(buf_len(b), 5);
    ck_assert(!buf_append(b, big, 145));
    ck_assert_uint_eq(buf_len(b), 150);
    ck_assert(!memcmp(buf_bytes(b), "hello", 5));
}
END_TEST

START_TEST(a_buf_is_always_followed_by_a_nul)
{
    CLEANUP(buf) struct buf *b = NULL;

    ck_assert(!buf_new(&b, 1000));
    ck_assert_str_eq(buf_text(b), "");
    for (int i = 0; i < 100; i++) {
        ck_assert(!buf_printf(b, "%d", i % 10));
        ck_assert_uint_eq(strlen(buf_text(b)), (size_t)i + 1);
    }
    buf_truncate(b, 3);
    ck_assert_str_eq(buf_text(b), "012");
}
END_TEST

START_TEST(hex_goes_both_ways_and_refuses_anything_else)
{
    unsigned char bytes[3];
    char text[7];

    hex_encode(text, "\x00\x7f\xff", 3);
    ck_assert_str_eq(text, "007fff");
    ck_assert(!hex_decode(bytes, 3, "007FfF"));
    ck_assert(!memcmp(bytes, "\x00\x7f\xff", 3));
    ck_assert_int_eq(hex_decode(bytes, 3, "007ff"), ERR_MALFORMED);
    ck_assert_int_eq(hex_decode(bytes, 3, "007ffg"), ERR_MALFORMED);
    ck_assert_int_eq(hex_decode(bytes, 3, "007fff0"), ERR_MALFORMED);
}
END_TEST

START_TEST(numbers_are_plain_decimals_in_range)
{
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"0", OK},
        {"10", OK},
        {"18446744073709551615", OK},
        {"18446744073709551616", ERR_LIMIT},
        {"", ERR_MALFORMED},
        {"01", ERR_MALFORMED},
        {"-1", ERR_MALFORMED},
        {"1 ", ERR_MALFORMED},
        {"0x1", ERR_MALFORMED},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t n;

        ck_assert_msg(u64_parse(&n, rows[i].text, UINT64_MAX) == rows[i].err, "%s", rows[i].text);
    }
}
END_TEST

START_TEST(every_day_of_four_centuries_survives_the_round_trip)
{
    struct date d = {1900, 1, 1}, next;
    int64_t days = date_to_days(d);

    ck_assert_int_eq(date_to_days((struct date){1970, 1, 1}), 0);
    for (; d.year < 2300; days++, d = next) {
        ck_assert(date_is_valid(d));
        ck_assert_int_eq(date_to_days(d), days);
        next = date_from_days(days + 1);
        ck_assert_int_lt(date_compare(d, next), 0);
    }
}
END_TEST

START_TEST(a_date_is_a_day_that_exists)
{
    static const char *const bad[] = {"2025-02-29", "2026-13-01", "2026-00-01", "2026-01-32", "2026-1-1",
                                      "2026/01/01", "",           "0000-01-01", "2026-01-0x", "2026-01-011"};
    struct date d;
    char text[DATE_TEXT];

    ck_assert(!date_parse(&d, "2024-02-29"));
    date_format(text, d);
    ck_assert_str_eq(text, "2024-02-29");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(date_parse(&d, bad[i]) == ERR_MALFORMED, "%s", bad[i]);
    date_format(text, (struct date){0});
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(the_clock_can_be_faked_in_one_place_and_prints_rfc_3339)
{
    char text[CLOCK_TEXT];

    clock_fake_wall_ms(1795463769123);
    ck_assert_int_eq(clock_wall_ms(), 1795463769123);
    clock_format(text, clock_wall_ms());
    ck_assert_str_eq(text, "2026-11-23T19:56:09.123Z");
    clock_fake_wall_ms(-1);
    ck_assert_int_gt(clock_wall_ms(), 1600000000000);
}
END_TEST

SUITE("base", a_buf_refuses_to_pass_its_ceiling_and_stays_as_it_was, a_buf_is_always_followed_by_a_nul,
      hex_goes_both_ways_and_refuses_anything_else, numbers_are_plain_decimals_in_range,
      every_day_of_four_centuries_survives_the_round_trip, a_date_is_a_day_that_exists,
      the_clock_can_be_faked_in_one_place_and_prints_rfc_3339)
