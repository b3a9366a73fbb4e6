#include <stdlib.h>
#include <string.h>
#include "ingest/charset.h"
#include "tests/unit/suite.h"

static void expect(enum charset charset, const char *bytes, size_t len, const char *text)
{
    CLEANUP(charset_text) struct charset_text got = {.copy = NULL};

    ck_assert_int_eq(charset_read(&got, bytes, len), OK);
    ck_assert_int_eq(got.charset, charset);
    ck_assert_uint_eq((size_t)(got.end - got.at), strlen(text));
    ck_assert_int_eq(memcmp(got.at, text, strlen(text)), 0);
}

#define EXPECT(charset, literal, text) expect(charset, literal, sizeof literal - 1, text)

START_TEST(plain_ascii_is_utf_8)
{
    EXPECT(CHARSET_UTF_8, "SD\t0123\n", "SD\t0123\n");
}
END_TEST

START_TEST(utf_8_is_known_by_its_form_and_by_its_mark)
{
    EXPECT(CHARSET_UTF_8,
           "Pe\xc3\xb1"
           "a",
           "Peña");
    EXPECT(CHARSET_UTF_8,
           "\xef\xbb\xbfPe\xc3\xb1"
           "a",
           "Peña");
}
END_TEST

START_TEST(a_mark_of_utf_8_holds_even_when_a_byte_does_not)
{
    EXPECT(CHARSET_UTF_8,
           "\xef\xbb\xbfPe\xf1"
           "a",
           "Pe" CHARSET_UNDEFINED "a");
}
END_TEST

START_TEST(utf_16_is_known_by_its_mark)
{
    EXPECT(CHARSET_UTF_16LE, "\xff\xfeP\0\xf1\0", "Pñ");
    EXPECT(CHARSET_UTF_16BE, "\xfe\xff\0P\0\xf1", "Pñ");
}
END_TEST

START_TEST(utf_16_without_mark_is_known_by_its_nuls)
{
    EXPECT(CHARSET_UTF_16LE, "H\0D\0\t\0001\0\n\0\xf1\0", "HD\t1\nñ");
    EXPECT(CHARSET_UTF_16BE, "\0H\0D\0\t\0001\0\n\0\xf1", "HD\t1\nñ");
}
END_TEST

START_TEST(an_unpaired_surrogate_is_undefined)
{
    EXPECT(CHARSET_UTF_16LE, "\xff\xfe\x00\xd8P\0", CHARSET_UNDEFINED "P");
}
END_TEST

START_TEST(the_rest_is_windows_1252)
{
    EXPECT(CHARSET_WINDOWS_1252,
           "Pe\xf1"
           "a \x80\x92",
           "Peña €’");
}
END_TEST

START_TEST(bytes_that_windows_1252_leaves_open_become_controls)
{
    EXPECT(CHARSET_WINDOWS_1252, "a\x81\xf1", "a\xc2\x81ñ");
}
END_TEST

START_TEST(overlong_and_surrogate_forms_are_no_utf_8)
{
    ck_assert(!charset_is_utf_8("\xc0\x80", 2));
    ck_assert(!charset_is_utf_8("\xed\xa0\x80", 3));
    ck_assert(!charset_is_utf_8("\xf4\x90\x80\x80", 4));
    ck_assert(!charset_is_utf_8("\xe2\x82", 2));
    ck_assert(charset_is_utf_8("\xf0\x9f\x98\x80", 4));
    ck_assert(charset_is_utf_8("", 0));
}
END_TEST

START_TEST(a_text_longer_than_the_converters_buffers_comes_out_whole)
{
    CLEANUP(charset_text) struct charset_text got = {.copy = NULL};
    size_t len = 100001;
    char *bytes = malloc(len);

    memset(bytes, 0xf1, len);
    ck_assert_int_eq(charset_read(&got, bytes, len), OK);
    ck_assert_uint_eq((size_t)(got.end - got.at), 2 * len);
    ck_assert_int_eq(memcmp(got.end - 4, "ññ", 4), 0);
    free(bytes);
}
END_TEST

START_TEST(no_encoding_grows_past_the_room_for_it)
{
    EXPECT(CHARSET_WINDOWS_1252, "\x80\x80", "€€");
    EXPECT(CHARSET_UTF_8, "\xef\xbb\xbf\xf1\xf1", CHARSET_UNDEFINED CHARSET_UNDEFINED);
    EXPECT(CHARSET_UTF_16LE, "\xff\xfe\xac\x20x", "€" CHARSET_UNDEFINED);
    EXPECT(CHARSET_UTF_16LE, "\xff\xfe", "");
}
END_TEST

START_TEST(utf_8_is_read_where_it_lies)
{
    static const char bytes[] = "\xef\xbb\xbfPeña";
    CLEANUP(charset_text) struct charset_text got = {.copy = NULL};

    ck_assert_int_eq(charset_read(&got, bytes, sizeof bytes - 1), OK);
    ck_assert_ptr_eq(got.at, bytes + 3);
    ck_assert_ptr_eq(got.end, bytes + sizeof bytes - 1);
    ck_assert_ptr_null(got.copy);
}
END_TEST

START_TEST(every_charset_has_a_name)
{
    ck_assert_str_eq(charset_name(CHARSET_UTF_8), "UTF-8");
    ck_assert_str_eq(charset_name(CHARSET_WINDOWS_1252), "Windows-1252");
}
END_TEST

SUITE("charset", plain_ascii_is_utf_8, utf_8_is_known_by_its_form_and_by_its_mark,
      a_mark_of_utf_8_holds_even_when_a_byte_does_not, utf_16_is_known_by_its_mark,
      utf_16_without_mark_is_known_by_its_nuls, an_unpaired_surrogate_is_undefined, the_rest_is_windows_1252,
      bytes_that_windows_1252_leaves_open_become_controls, overlong_and_surrogate_forms_are_no_utf_8,
      a_text_longer_than_the_converters_buffers_comes_out_whole, no_encoding_grows_past_the_room_for_it,
      utf_8_is_read_where_it_lies, every_charset_has_a_name)
