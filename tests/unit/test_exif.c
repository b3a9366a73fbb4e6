/* A camera's notes: what is believed, and what is as if it were not there. */
#include <check.h>
#include <string.h>
#include "ingest/exif.h"
#include "photod/base/clock.h"
#include "tests/unit/suite.h"

#define NOW_MS 1795400000000 /* 2026-11-22 */

/* Orientation 6 and 2025-10-03, least significant byte first. */
static const unsigned char little[] = {
    'I',  'I',  42,   0,    8,   0,   0,   0,   2,   0,           /* two entries from byte 8 */
    0x12, 0x01, 3,    0,    1,   0,   0,   0,   6,   0,   0,   0, /* orientation */
    0x69, 0x87, 4,    0,    1,   0,   0,   0,   38,  0,   0,   0,   0,   0,   0,   0, /* EXIF directory at 38
                                                                                       */
    1,    0,    0x03, 0x90, 2,   0,   20,  0,   0,   0,   56,  0,   0,   0,   0,   0,   0,   0, /* the day at
                                                                                                   56 */
    '2',  '0',  '2',  '5',  ':', '1', '0', ':', '0', '3', ' ', '0', '9', ':', '1', '5', ':', '2', '2', 0};
/* The same, most significant byte first. */
static const unsigned char big[] = {
    'M', 'M', 0,    42,   0,    0,   0,   8,   0,   2,   0x01, 0x12, 0,   3,   0,   0,   0,   1,   0,
    6,   0,   0,    0x87, 0x69, 0,   4,   0,   0,   0,   1,    0,    0,   0,   38,  0,   0,   0,   0,
    0,   1,   0x90, 0x03, 0,    2,   0,   0,   0,   20,  0,    0,    0,   56,  0,   0,   0,   0,   '2',
    '0', '2', '5',  ':',  '1',  '0', ':', '0', '3', ' ', '0',  '9',  ':', '1', '5', ':', '2', '2', 0};

#define ORIENTATION_AT 18
#define DIRECTORY_AT   30
#define DAY_AT         48
#define TEXT_AT        56

static void expect(const unsigned char *bytes, size_t len, unsigned orientation, const char *day)
{
    struct exif exif = exif_read(bytes, len);
    char text[DATE_TEXT];

    date_format(text, exif.taken_on);
    ck_assert_uint_eq(exif.orientation, orientation);
    ck_assert_str_eq(text, day);
}

START_TEST(both_orders_of_bytes_are_read)
{
    unsigned char prefixed[6 + sizeof big] = "Exif\0";

    clock_fake_wall_ms(NOW_MS);
    expect(little, sizeof little, 6, "2025-10-03");
    expect(big, sizeof big, 6, "2025-10-03");
    memcpy(prefixed + 6, big, sizeof big);
    expect(prefixed, sizeof prefixed, 6, "2025-10-03");
}
END_TEST

START_TEST(no_cut_leads_past_the_end)
{
    clock_fake_wall_ms(NOW_MS);
    for (size_t len = 0; len < sizeof little; len++) {
        unsigned char *cut = malloc(len ? len : 1);

        memcpy(cut, little, len);
        expect(cut, len, len >= 22 ? 6 : 1, "");
        free(cut);
    }
}
END_TEST

static void expect_changed(size_t at, unsigned char value, unsigned orientation, const char *day)
{
    unsigned char bytes[sizeof little];

    memcpy(bytes, little, sizeof bytes);
    bytes[at] = value;
    expect(bytes, sizeof bytes, orientation, day);
}

START_TEST(what_is_malformed_is_not_there)
{
    clock_fake_wall_ms(NOW_MS);
    expect_changed(2, 43, 1, "");
    expect_changed(4, 255, 1, "");
    expect_changed(7, 255, 1, "");
    expect_changed(ORIENTATION_AT, 0, 1, "2025-10-03");
    expect_changed(ORIENTATION_AT, 9, 1, "2025-10-03");
    expect_changed(ORIENTATION_AT - 6, 4, 1, "2025-10-03"); /* another type */
    expect_changed(DIRECTORY_AT, 255, 6, "");
    expect_changed(DIRECTORY_AT + 3, 255, 6, "");
    expect_changed(DAY_AT, 255, 6, "");
    expect_changed(DAY_AT + 3, 255, 6, "");
    expect_changed(DAY_AT - 4, 4, 6, "");  /* shorter than a day */
    expect_changed(DAY_AT - 4, 21, 6, ""); /* longer than the notes */
    expect_changed(TEXT_AT + 4, '-', 6, "");
    expect_changed(TEXT_AT + 3, '7', 6, ""); /* next year */
    expect_changed(TEXT_AT + 1, '9', 6, ""); /* 2925 */
    expect_changed(TEXT_AT, '1', 6, "");     /* 1025 */
    expect_changed(TEXT_AT + 5, '2', 6, ""); /* month 20 */
}
END_TEST

START_TEST(a_directory_may_claim_any_number_of_entries)
{
    clock_fake_wall_ms(NOW_MS);
    expect_changed(9, 255, 6, "2025-10-03");
    expect_changed(39, 255, 6, "2025-10-03");
}
END_TEST

SUITE("exif", both_orders_of_bytes_are_read, no_cut_leads_past_the_end, what_is_malformed_is_not_there,
      a_directory_may_claim_any_number_of_entries)
