#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "keys/api_key.h"
#include "photod/base/text.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Made by another program (Python's hashlib): keys that were handed out must stay good. */
#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KNOWN  "phk_0a1b2c3d_" SECRET "_ca4bdd52"

static char kid[API_KEY_KID_TEXT];
static unsigned char hash[API_KEY_HASH_BYTES];

static void start(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    memset(kid, 0, sizeof kid);
    memset(hash, 0, sizeof hash);
}

START_TEST(a_known_key_is_what_it_was)
{
    unsigned char expected[API_KEY_HASH_BYTES];

    ck_assert_int_eq(hex_decode(expected, sizeof expected,
                                "8a1d40229be56990e26933a27d6c077cb01809414a11c6428512952c11373cc8"),
                     OK);
    ck_assert_int_eq(api_key_parse(KNOWN, kid, hash), OK);
    ck_assert_str_eq(kid, "0a1b2c3d");
    ck_assert_mem_eq(hash, expected, sizeof hash);
}
END_TEST

START_TEST(a_new_key_parses_to_what_was_kept)
{
    char text[API_KEY_TEXT], new_kid[API_KEY_KID_TEXT];
    unsigned char new_hash[API_KEY_HASH_BYTES];

    api_key_new(text, new_kid, new_hash);
    ck_assert_uint_eq(strlen(text), API_KEY_TEXT - 1);
    ck_assert_int_eq(api_key_parse(text, kid, hash), OK);
    ck_assert_str_eq(kid, new_kid);
    ck_assert_int_eq(api_key_compare(hash, new_hash), OK);
}
END_TEST

START_TEST(no_two_keys_are_the_same)
{
    char a[API_KEY_TEXT], b[API_KEY_TEXT];
    unsigned char other[API_KEY_HASH_BYTES];

    api_key_new(a, kid, hash);
    api_key_new(b, kid, other);
    ck_assert_mem_ne(a + 13, b + 13, 64);
    ck_assert_int_eq(api_key_compare(hash, other), ERR_DENIED);
}
END_TEST

START_TEST(hashes_that_differ_in_one_bit_differ)
{
    unsigned char other[API_KEY_HASH_BYTES];

    ck_assert_int_eq(api_key_parse(KNOWN, kid, hash), OK);
    for (size_t bit = 0; bit < 8 * sizeof other; bit++) {
        memcpy(other, hash, sizeof other);
        other[bit / 8] ^= (unsigned char)(1u << bit % 8);
        ck_assert_int_eq(api_key_compare(hash, other), ERR_DENIED);
    }
}
END_TEST

START_TEST(one_wrong_character_is_found)
{
    static const char others[] = "0123456789abcdefghpkO_- ";
    char text[API_KEY_TEXT] = KNOWN;

    for (size_t i = 0; i < sizeof text - 1; i++) {
        char right = text[i];

        for (const char *c = others; *c; c++) {
            text[i] = *c;
            ck_assert_msg(*c == right || api_key_parse(text, kid, hash) == ERR_MALFORMED, "%s", text);
        }
        text[i] = right;
    }
    ck_assert_str_eq(kid, ""); /* and nothing was handed out */
    ck_assert_int_eq(api_key_parse(text, kid, hash), OK);
}
END_TEST

START_TEST(two_characters_swapped_are_found)
{
    char text[API_KEY_TEXT] = KNOWN;

    for (size_t i = 0; i + 2 < sizeof text; i++) {
        char first = text[i];

        text[i] = text[i + 1];
        text[i + 1] = first;
        ck_assert_int_eq(api_key_parse(text, kid, hash), strcmp(text, KNOWN) == 0 ? OK : ERR_MALFORMED);
        text[i + 1] = text[i];
        text[i] = first;
    }
}
END_TEST

START_TEST(a_key_cut_short_is_found)
{
    static const char whole[] = KNOWN;

    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *part = strndup(whole, len);

        ck_assert_int_eq(api_key_parse(part, kid, hash), ERR_MALFORMED);
        free(part);
    }
}
END_TEST

static const char *const wrong[] = {
    KNOWN "0",
    KNOWN "\n",
    " " KNOWN,
    "Bearer " KNOWN,
    "PHK_0a1b2c3d_" SECRET "_ca4bdd52",
    "phk_0A1B2C3D_" SECRET "_ca4bdd52",
    "phk_0A1B2C3D_" SECRET "_de11f2df", /* its check is right, its letters are not */
    "phk_0a1b2c3d_" SECRET "_CA4BDD52",
    "phk-0a1b2c3d-" SECRET "-ca4bdd52",
};

START_TEST(what_only_looks_like_a_key_is_none)
{
    ck_assert_msg(api_key_parse(wrong[_i], kid, hash) == ERR_MALFORMED, "%s", wrong[_i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("api_key");
    TCase *c = tcase_create("api_key");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, start, NULL);
    tcase_add_test(c, a_known_key_is_what_it_was);
    tcase_add_test(c, a_new_key_parses_to_what_was_kept);
    tcase_add_test(c, no_two_keys_are_the_same);
    tcase_add_test(c, hashes_that_differ_in_one_bit_differ);
    tcase_add_test(c, one_wrong_character_is_found);
    tcase_add_test(c, two_characters_swapped_are_found);
    tcase_add_test(c, a_key_cut_short_is_found);
    tcase_add_loop_test(c, what_only_looks_like_a_key_is_none, 0, (int)COUNT(wrong));
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
