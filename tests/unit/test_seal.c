#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "keys/inside.h"
#include "keys/seal.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define DIGITS   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void start(void)
{
    ck_assert_int_eq(keys_init(), OK);
}

static int file_of(const char *text, size_t len)
{
    int fd = memfd_create("root", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    return fd;
}

START_TEST(a_key_file_is_its_digits_and_a_newline)
{
    CLEANUP(secret) struct secret *root = NULL;
    CLEANUP(fd) int fd = file_of(DIGITS "\n", 65);

    ck_assert_int_eq(seal_key_file_read(&root, fd), OK);
    ck_assert_uint_eq(secret_len(root), ROOT_KEY_BYTES);
    for (unsigned i = 0; i < ROOT_KEY_BYTES; i++)
        ck_assert_uint_eq(secret_peek(root)[i], i);
}
END_TEST

START_TEST(reading_leaves_the_offset_alone)
{
    CLEANUP(secret) struct secret *root = NULL;
    CLEANUP(fd) int fd = file_of(DIGITS "\n", 65);

    ck_assert_int_eq(lseek(fd, 7, SEEK_SET), 7);
    ck_assert_int_eq(seal_key_file_read(&root, fd), OK);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 7);
}
END_TEST

static const struct {
    const char *what, *text;
    size_t len;
} wrong[] = {
    {"empty", "", 0},
    {"without its newline", DIGITS, 64},
    {"one digit short", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0\n", 64},
    {"one digit more", "0" DIGITS "\n", 66},
    {"a digit for the newline", DIGITS "0", 65},
    {"two newlines", DIGITS "\n\n", 66},
    {"a NUL behind", DIGITS "\n\0", 66},
    {"CR LF", DIGITS "\r\n", 66},
    {"a NUL within", "0001020304050607\0008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n", 65},
    {"letters past f", "00010203040506070809gg0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 65},
};

START_TEST(another_file_is_malformed)
{
    struct secret *root = NULL;
    CLEANUP(fd) int fd = file_of(wrong[_i].text, wrong[_i].len);

    ck_assert_msg(seal_key_file_read(&root, fd) == ERR_MALFORMED, "%s", wrong[_i].what);
    ck_assert_ptr_null(root);
}
END_TEST

START_TEST(what_was_written_is_read)
{
    CLEANUP(secret) struct secret *written = NULL;
    CLEANUP(secret) struct secret *read = NULL;
    CLEANUP(fd) int fd = file_of("", 0);

    ck_assert_int_eq(seal_key_file_write(&written, fd), OK);
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), 65);
    ck_assert_int_eq(seal_key_file_read(&read, fd), OK);
    ck_assert_mem_eq(secret_peek(written), secret_peek(read), ROOT_KEY_BYTES);
}
END_TEST

START_TEST(a_full_disk_is_told_from_a_broken_one)
{
    struct secret *root;
    CLEANUP(fd) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(full, 0);
    ck_assert_int_eq(seal_key_file_write(&root, full), ERR_FULL);
    ck_assert_int_eq(seal_key_file_write(&root, -1), ERR_IO);
    ck_assert_int_eq(seal_key_file_read(&root, -1), ERR_IO);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("seal");
    TCase *c = tcase_create("seal");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, start, NULL);
    tcase_add_test(c, a_key_file_is_its_digits_and_a_newline);
    tcase_add_test(c, reading_leaves_the_offset_alone);
    tcase_add_loop_test(c, another_file_is_malformed, 0, (int)COUNT(wrong));
    tcase_add_test(c, what_was_written_is_read);
    tcase_add_test(c, a_full_disk_is_told_from_a_broken_one);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
