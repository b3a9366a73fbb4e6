#include <check.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "keys/inside.h"

static struct secret *root;
static struct share made[SHARES_MADE];
static char texts[SHARES_MADE][SHARE_TEXT];

static enum err split(struct share list[static SHARES_MADE])
{
    char set[SHARES_SET_TEXT];

    shares_set_new(set);
    return shares_split(list, root, set);
}

static void start(void)
{
    ck_assert_int_eq(keys_init(), OK);
    ck_assert_int_eq(secret_random(&root, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(split(made), OK);
    for (unsigned i = 0; i < SHARES_MADE; i++)
        share_print(texts[i], &made[i]);
}

static void stop(void)
{
    secret_free(root);
}

static int file_of(const char *text)
{
    int fd = memfd_create("shares", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static enum err read_text(struct shares *all, struct share_fault *fault, const char *text)
{
    CLEANUP(fd) int fd = file_of(text);

    return shares_read(all, fault, fd);
}

/* The shares whose bits are set in mask, and what they combine to. */
static enum err combine(struct secret **key, struct share_fault *fault, unsigned mask)
{
    CLEANUP(shares) struct shares *all = NULL;

    ck_assert_int_eq(shares_new(&all), OK);
    for (unsigned i = 0; i < SHARES_MADE; i++)
        if (mask & 1u << i)
            ck_assert_int_eq(read_text(all, fault, texts[i]), OK);
    return shares_combine(key, fault, all);
}

START_TEST(any_three_and_any_more_make_the_key)
{
    unsigned threes = 0;

    for (unsigned mask = 0; mask < 1u << SHARES_MADE; mask++) {
        CLEANUP(secret) struct secret *key = NULL;
        struct share_fault fault;

        if (__builtin_popcount(mask) < SHARES_NEEDED)
            continue;
        threes += __builtin_popcount(mask) == SHARES_NEEDED;
        ck_assert_int_eq(combine(&key, &fault, mask), OK);
        ck_assert_mem_eq(secret_peek(key), secret_peek(root), ROOT_KEY_BYTES);
    }
    ck_assert_uint_eq(threes, 10);
}
END_TEST

START_TEST(fewer_than_three_are_refused_and_make_another_key)
{
    for (unsigned mask = 0; mask < 1u << SHARES_MADE; mask++) {
        CLEANUP(secret) struct secret *key = NULL;
        struct share_fault fault;
        struct share few[2];
        unsigned count = 0;

        if (__builtin_popcount(mask) >= SHARES_NEEDED)
            continue;
        ck_assert_int_eq(combine(&key, &fault, mask), ERR_LIMIT);
        ck_assert_ptr_null(key);
        ck_assert_ptr_nonnull(strstr(fault.text, "but 3 are needed"));
        for (unsigned i = 0; i < SHARES_MADE; i++)
            if (mask & 1u << i)
                few[count++] = made[i];
        if (count == 0)
            continue;
        ck_assert_int_eq(shares_interpolate(&key, few, count), OK);
        ck_assert_mem_ne(secret_peek(key), secret_peek(root), ROOT_KEY_BYTES);
    }
}
END_TEST

START_TEST(a_set_is_read_from_one_text_in_any_case_with_blanks)
{
    CLEANUP(shares) struct shares *all = NULL;
    CLEANUP(secret) struct secret *key = NULL;
    struct share_fault fault;
    char text[SHARES_MADE * SHARE_TEXT * 2] = "\r\n\n";
    size_t n = strlen(text);

    for (unsigned i = 0; i < 3; i++)
        for (const char *c = texts[i]; *c; c++) {
            if (*c == '\n')
                n += (size_t)sprintf(text + n, " \t\r\n\n");
            else
                text[n++] = (char)toupper((unsigned char)*c);
        }
    text[n] = '\0';
    ck_assert_int_eq(shares_new(&all), OK);
    ck_assert_int_eq(read_text(all, &fault, text), OK);
    ck_assert_uint_eq(all->count, 3);
    ck_assert_int_eq(shares_combine(&key, &fault, all), OK);
    ck_assert_mem_eq(secret_peek(key), secret_peek(root), ROOT_KEY_BYTES);
}
END_TEST

/* ---- Typing errors ---- */

/* Whether text is refused, or (blanks aside) says the very same. */
static bool is_found(const char *text, const struct share *was, struct share_fault *fault)
{
    CLEANUP(shares) struct shares *all = NULL;
    enum err e;

    ck_assert_int_eq(shares_new(&all), OK);
    e = read_text(all, fault, text);
    return e ? e == ERR_MALFORMED && fault->text[0] : memcmp(&all->list[0], was, sizeof *was) == 0;
}

static bool is_refused(const char *text, struct share_fault *fault)
{
    CLEANUP(shares) struct shares *all = NULL;

    ck_assert_int_eq(shares_new(&all), OK);
    return read_text(all, fault, text) == ERR_MALFORMED;
}

/* Where a character stands: line 0 is the first; group 0 is what is no group. */
static void place_of(unsigned *line, unsigned *group, const char *text, size_t at)
{
    unsigned column = 0;

    *line = 0;
    for (size_t i = 0; i < at; i++) {
        column = text[i] == '\n' ? 0 : column + 1;
        *line += text[i] == '\n';
    }
    *group = *line && column >= 3 ? (column - 3) / 6 + 1 : 0;
}

START_TEST(every_single_character_typo_is_found_and_named)
{
    const char *right = texts[_i];
    char text[SHARE_TEXT], expected[64];
    struct share_fault fault;
    unsigned tried = 0, line, group;

    for (size_t at = 0; right[at + 1]; at++) /* not the last newline */
        for (char c = ' '; c <= '~'; c++) {
            strcpy(text, right);
            if (tolower((unsigned char)c) == tolower((unsigned char)right[at]))
                continue;
            text[at] = c;
            tried++;
            ck_assert_msg(is_refused(text, &fault), "place %zu as `%c`", at, c);
            place_of(&line, &group, right, at);
            if (right[at] == ' ' || right[at] == '\n' || c == ' ')
                continue; /* words are joined or parted: the line is named, the group may be the next */
            (void)snprintf(expected, sizeof expected,
                           group ? "share %d: line %u, group %u has a typing error" : "", _i + 1, line,
                           group);
            ck_assert_msg(strstr(fault.text, expected), "place %zu as `%c`: %s", at, c, fault.text);
        }
    ck_assert_uint_gt(tried, 20000);
}
END_TEST

START_TEST(exchanged_neighbours_a_missing_and_a_doubled_character_are_found)
{
    const char *right = texts[_i];
    char text[SHARE_TEXT + 1];
    struct share_fault fault;
    size_t len = strlen(right);

    for (size_t at = 0; at + 1 < len; at++) {
        strcpy(text, right);
        text[at] = right[at + 1];
        text[at + 1] = right[at];
        ck_assert_msg(is_found(text, &made[_i], &fault), "place %zu exchanged", at);
        strcpy(text, right);
        memmove(text + at, right + at + 1, len - at);
        ck_assert_msg(is_found(text, &made[_i], &fault), "place %zu missing", at);
        strcpy(text, right);
        memmove(text + at + 1, right + at, len - at + 1);
        ck_assert_msg(is_found(text, &made[_i], &fault), "place %zu doubled", at);
    }
}
END_TEST

START_TEST(a_cut_text_and_mixed_lines_are_found)
{
    struct share_fault fault;
    char text[SHARE_TEXT];

    for (size_t len = 1; len + 1 < strlen(texts[0]); len++) {
        memcpy(text, texts[0], len);
        text[len] = '\0';
        ck_assert_msg(is_refused(text, &fault), "cut at %zu", len);
    }
    /* Lines 1 to 4 of one share, 5 and 6 of another: each line is right. */
    strcpy(text, texts[0]);
    strcpy(strstr(text, "\n5  "), strstr(texts[1], "\n5  "));
    ck_assert(is_refused(text, &fault));
    ck_assert_ptr_nonnull(
        strstr(fault.text, "share 1: each group is well formed but together they are no share"));
}
END_TEST

START_TEST(no_shares_and_too_much_text_are_refused)
{
    static char much[20000];
    struct share_fault fault;

    ck_assert(is_refused("", &fault));
    ck_assert_str_eq(fault.text, "no shares: the text is empty");
    memset(much, '\n', sizeof much - 1);
    ck_assert(is_refused(much, &fault));
    ck_assert(is_refused("what is this?\n", &fault));
    ck_assert_str_eq(fault.text, "the share in place 1: line 1 is missing");
}
END_TEST

/* ---- Shares that do not belong together ---- */

START_TEST(the_same_share_twice_is_refused)
{
    CLEANUP(shares) struct shares *all = NULL;
    struct share_fault fault;

    ck_assert_int_eq(shares_new(&all), OK);
    ck_assert_int_eq(read_text(all, &fault, texts[3]), OK);
    ck_assert_int_eq(read_text(all, &fault, texts[3]), ERR_EXISTS);
    ck_assert_str_eq(fault.text, "share 4 was given twice: 3 different ones are needed");
}
END_TEST

START_TEST(a_share_of_another_set_is_refused_even_of_the_same_key)
{
    CLEANUP(shares) struct shares *all = NULL;
    struct share other[SHARES_MADE];
    struct share_fault fault;
    char text[SHARE_TEXT];

    ck_assert_int_eq(split(other), OK);
    share_print(text, &other[1]);
    ck_assert_int_eq(shares_new(&all), OK);
    ck_assert_int_eq(read_text(all, &fault, texts[0]), OK);
    ck_assert_int_eq(read_text(all, &fault, text), ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(fault.text, "they do not belong together"));
}
END_TEST

START_TEST(a_share_that_was_altered_makes_no_key)
{
    CLEANUP(shares) struct shares *all = NULL;
    CLEANUP(secret) struct secret *key = NULL;
    struct share altered = made[2];
    struct share_fault fault;

    altered.bytes[31] ^= 1;
    share_print(texts[2], &altered); /* well formed, with checks of its own */
    ck_assert_int_eq(shares_new(&all), OK);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(read_text(all, &fault, texts[i]), OK);
    ck_assert_int_eq(shares_combine(&key, &fault, all), ERR_CORRUPT);
    ck_assert_ptr_null(key);
    ck_assert_ptr_nonnull(strstr(fault.text, "one of them was altered"));
}
END_TEST

START_TEST(a_share_of_another_threshold_is_a_later_photods)
{
    CLEANUP(shares) struct shares *all = NULL;
    struct share_fault fault;

    made[0].needed = 2;
    share_print(texts[0], &made[0]);
    ck_assert_int_eq(shares_new(&all), OK);
    ck_assert_int_eq(read_text(all, &fault, texts[0]), ERR_DENIED);
}
END_TEST

START_TEST(two_splittings_of_a_key_differ)
{
    struct share other[SHARES_MADE];

    ck_assert_int_eq(split(other), OK);
    ck_assert_mem_ne(other[0].set, made[0].set, SHARE_SET_BYTES);
    for (unsigned i = 0; i < SHARES_MADE; i++)
        ck_assert_mem_ne(other[i].bytes, made[i].bytes, ROOT_KEY_BYTES);
}
END_TEST

START_TEST(what_is_written_is_read)
{
    CLEANUP(shares) struct shares *all = NULL;
    CLEANUP(secret) struct secret *key = NULL;
    CLEANUP(fd) int fd = file_of("");
    CLEANUP(fd) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct share_fault fault;

    ck_assert_int_eq(shares_write(root, "7f3a91c2", fd), OK);
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    ck_assert_int_eq(shares_new(&all), OK);
    ck_assert_int_eq(shares_read(all, &fault, fd), OK);
    ck_assert_uint_eq(all->count, SHARES_MADE);
    ck_assert_uint_eq(strlen(shares_set(all)), 8);
    ck_assert_int_eq(shares_combine(&key, &fault, all), OK);
    ck_assert_mem_eq(secret_peek(key), secret_peek(root), ROOT_KEY_BYTES);
    ck_assert_int_eq(shares_write(root, "7f3a91c2", full), ERR_FULL);
}
END_TEST

/* Shares with some characters exchanged, lines dropped or doubled, or noise: read as they were made, or
 * refused with a reason. */
START_TEST(random_texts_are_refused_or_are_the_shares)
{
    unsigned read = 0, refused = 0;

    for (unsigned round = 0; round < 20000; round++) {
        CLEANUP(shares) struct shares *all = NULL;
        CLEANUP(fd) int fd = -1;
        char text[4 * SHARE_TEXT] = "";
        struct share_fault fault = {.text = ""};
        size_t len;

        for (unsigned n = randombytes_uniform(3) + 1; n; n--) {
            strcat(text, texts[randombytes_uniform(SHARES_MADE)]);
            strcat(text, "\n");
        }
        len = strlen(text);
        for (unsigned n = randombytes_uniform(4); n; n--)
            text[randombytes_uniform((uint32_t)len)] = (char)(1 + randombytes_uniform(255));
        if (round % 5 == 0)
            text[randombytes_uniform((uint32_t)len)] = '\0';
        fd = file_of(text);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        ck_assert_int_eq(shares_new(&all), OK);
        if (shares_read(all, &fault, fd)) {
            ck_assert_str_ne(fault.text, "");
            refused++;
            continue;
        }
        for (unsigned i = 0; i < all->count; i++)
            ck_assert_mem_eq(&all->list[i], &made[all->list[i].index - 1], sizeof made[0]);
        read++;
    }
    printf("20000 random share texts: %u read, as they were made, %u refused\n", read, refused);
    ck_assert(read && refused);
}
END_TEST

/* ---- A person ---- */

/* The six lines of a share without their numbers, as typed. */
static void type_share(FILE *f, const char *text)
{
    for (const char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1)
        ck_assert_int_ge(fprintf(f, "%.*s\n", (int)strcspn(line + 3, "\n"), line + 3), 0);
}

START_TEST(a_person_is_asked_again_until_each_line_is_right)
{
    CLEANUP(shares) struct shares *all = NULL;
    CLEANUP(secret) struct secret *key = NULL;
    CLEANUP(file) FILE *typed = tmpfile();
    CLEANUP(fd) int out = file_of("");
    struct share_fault fault;
    char said[8192];
    ssize_t n;

    ck_assert_ptr_nonnull(typed);
    ck_assert_int_ge(fprintf(typed, "0000x 00000 00000 00000\n\n1 12\n%s", texts[4]), 0);
    type_share(typed, texts[4]); /* twice */
    type_share(typed, texts[0]);
    type_share(typed, texts[2]);
    ck_assert_int_eq(fflush(typed), 0);
    ck_assert_int_eq(lseek(fileno(typed), 0, SEEK_SET), 0);
    ck_assert_int_eq(shares_new(&all), OK);
    ck_assert_int_eq(shares_ask(all, &fault, fileno(typed), out), OK);
    ck_assert_int_eq(shares_combine(&key, &fault, all), OK);
    ck_assert_mem_eq(secret_peek(key), secret_peek(root), ROOT_KEY_BYTES);
    n = pread(out, said, sizeof said - 1, 0);
    ck_assert_int_gt(n, 0);
    said[n] = '\0';
    ck_assert_ptr_nonnull(strstr(said, "line 1, group 1 has a typing error; again:"));
    ck_assert_ptr_nonnull(strstr(said, "Not taken: share 5 was given twice"));
    ck_assert_ptr_nonnull(strstr(said, "Share 1 is taken."));
}
END_TEST

START_TEST(a_person_who_leaves_is_told)
{
    CLEANUP(shares) struct shares *all = NULL;
    CLEANUP(fd) int in = file_of(texts[0]);
    CLEANUP(fd) int out = file_of("");
    struct share_fault fault;

    ck_assert_int_eq(shares_new(&all), OK);
    ck_assert_int_eq(shares_ask(all, &fault, in, out), ERR_CLOSED);
    ck_assert_str_eq(fault.text, "no more shares: the input ended");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shares");
    TCase *c = tcase_create("shares");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, start, stop);
    tcase_add_test(c, any_three_and_any_more_make_the_key);
    tcase_add_test(c, fewer_than_three_are_refused_and_make_another_key);
    tcase_add_test(c, a_set_is_read_from_one_text_in_any_case_with_blanks);
    tcase_add_loop_test(c, every_single_character_typo_is_found_and_named, 0, SHARES_MADE);
    tcase_add_loop_test(c, exchanged_neighbours_a_missing_and_a_doubled_character_are_found, 0, SHARES_MADE);
    tcase_add_test(c, a_cut_text_and_mixed_lines_are_found);
    tcase_add_test(c, no_shares_and_too_much_text_are_refused);
    tcase_add_test(c, the_same_share_twice_is_refused);
    tcase_add_test(c, a_share_of_another_set_is_refused_even_of_the_same_key);
    tcase_add_test(c, a_share_that_was_altered_makes_no_key);
    tcase_add_test(c, a_share_of_another_threshold_is_a_later_photods);
    tcase_add_test(c, two_splittings_of_a_key_differ);
    tcase_add_test(c, what_is_written_is_read);
    tcase_add_test(c, random_texts_are_refused_or_are_the_shares);
    tcase_add_test(c, a_person_is_asked_again_until_each_line_is_right);
    tcase_add_test(c, a_person_who_leaves_is_told);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
