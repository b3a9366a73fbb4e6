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

    ck_assert_int_eq(seal_open(&root, "key-file", fd), OK);
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
    ck_assert_int_eq(seal_open(&root, "key-file", fd), OK);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 7);
}
END_TEST

/* What photod-unseal hands over through a pipe: in pieces, once, and then the end. */
static int pipe_of(const char *text, size_t len)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(write(ends[1], text + i, 1), 1);
    (void)close(ends[1]);
    return ends[0];
}

START_TEST(a_token_hands_its_key_over_by_a_pipe_and_nothing_stays_in_it)
{
    CLEANUP(secret) struct secret *root = NULL;
    CLEANUP(fd) int fd = pipe_of(DIGITS "\n", 65);
    char rest;

    ck_assert_int_eq(seal_open(&root, "pkcs11", fd), OK);
    for (unsigned i = 0; i < ROOT_KEY_BYTES; i++)
        ck_assert_uint_eq(secret_peek(root)[i], i);
    ck_assert_int_eq(read(fd, &rest, 1), 0);
}
END_TEST

START_TEST(a_pipe_that_ends_early_is_told_apart_from_one_that_ends_at_once)
{
    struct secret *root = NULL;

    for (size_t len = 0; len < 65; len++) {
        CLEANUP(fd) int fd = pipe_of(DIGITS "\n", len);

        ck_assert_int_eq(seal_open(&root, "pkcs11", fd), len ? ERR_MALFORMED : ERR_CLOSED);
    }
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

    ck_assert_msg(seal_open(&root, "key-file", fd) == ERR_MALFORMED, "%s", wrong[_i].what);
    ck_assert_msg(seal_open(&root, "credential", fd) == ERR_MALFORMED, "%s", wrong[_i].what);
    ck_assert_msg(seal_open(&root, "passphrase", fd) == ERR_MALFORMED, "%s", wrong[_i].what);
    ck_assert_ptr_null(root);
}
END_TEST

START_TEST(what_was_written_is_read)
{
    static const char *const methods[] = {"key-file", "credential"};
    CLEANUP(secret) struct secret *written = NULL;
    CLEANUP(secret) struct secret *read = NULL;
    CLEANUP(fd) int fd = file_of("", 0);

    ck_assert_int_eq(secret_random(&written, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(seal_make(written, methods[_i], fd, -1), OK);
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), 65);
    ck_assert_int_eq(seal_open(&read, methods[_i], fd), OK);
    ck_assert_mem_eq(secret_peek(written), secret_peek(read), ROOT_KEY_BYTES);
}
END_TEST

START_TEST(a_full_disk_is_told_from_a_broken_one)
{
    CLEANUP(secret) struct secret *key = NULL;
    struct secret *root;
    CLEANUP(fd) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(full, 0);
    ck_assert_int_eq(secret_random(&key, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(seal_make(key, "key-file", full, -1), ERR_FULL);
    ck_assert_int_eq(seal_make(key, "key-file", -1, -1), ERR_IO);
    ck_assert_int_eq(seal_open(&root, "key-file", -1), ERR_IO);
    ck_assert_int_eq(seal_open(&root, "passphrase", -1), ERR_IO);
}
END_TEST

START_TEST(an_unknown_method_is_refused)
{
    CLEANUP(secret) struct secret *key = NULL;
    struct secret *root;

    ck_assert_int_eq(secret_random(&key, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(seal_open(&root, "sticky-note", 0), ERR_NOTFOUND);
    ck_assert_int_eq(seal_make(key, "sticky-note", 1, -1), ERR_NOTFOUND);
    ck_assert(!seal_is_method("sticky-note") && !seal_needs_passphrase("sticky-note"));
    ck_assert(seal_is_method("credential") && !seal_needs_passphrase("credential"));
    ck_assert(seal_is_method("passphrase") && seal_needs_passphrase("passphrase"));
}
END_TEST

/* ---- passphrase ---- */

#define PHRASE "correct horse battery staple"

static const struct seal_cost cheap = {1, 64};
static struct secret *sealed_key;
static char sealed[2048]; /* a root key file, without the passphrase */

static void seal_by_phrase(void)
{
    CLEANUP(fd) int phrase = file_of(PHRASE "\n", sizeof PHRASE);
    CLEANUP(fd) int fd = file_of("", 0);

    start();
    ck_assert_int_eq(secret_random(&sealed_key, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(seal_passphrase_make_at(sealed_key, fd, phrase, cheap), OK);
    memset(sealed, 0, sizeof sealed);
    ck_assert_int_gt(pread(fd, sealed, sizeof sealed - 1, 0), 200);
}

static void forget(void)
{
    secret_free(sealed_key);
}

static enum err open_with(struct secret **root, const char *file, const char *phrase)
{
    char text[sizeof sealed + 2048];
    CLEANUP(fd) int fd = -1;

    (void)snprintf(text, sizeof text, "%s%s", file, phrase);
    fd = file_of(text, strlen(text));
    return seal_open(root, "passphrase", fd);
}

START_TEST(the_passphrase_opens_whatever_ends_its_line)
{
    static const char *const ends[] = {"", "\n", "\r\n", "\nanother line\n"};
    CLEANUP(secret) struct secret *root = NULL;
    char phrase[100];

    (void)snprintf(phrase, sizeof phrase, PHRASE "%s", ends[_i]);
    ck_assert_int_eq(open_with(&root, sealed, phrase), OK);
    ck_assert_mem_eq(secret_peek(root), secret_peek(sealed_key), ROOT_KEY_BYTES);
}
END_TEST

START_TEST(another_passphrase_is_denied)
{
    static const char *const others[] = {"correct horse battery stapl", " " PHRASE, PHRASE " ", "x"};
    struct secret *root = NULL;

    ck_assert_int_eq(open_with(&root, sealed, others[_i]), ERR_DENIED);
    ck_assert_ptr_null(root);
}
END_TEST

START_TEST(no_passphrase_is_told_from_a_wrong_one)
{
    struct secret *root = NULL;

    ck_assert_int_eq(open_with(&root, sealed, ""), ERR_MALFORMED);
    ck_assert_int_eq(open_with(&root, sealed, "\n" PHRASE), ERR_MALFORMED);
}
END_TEST

START_TEST(a_damaged_file_is_told_from_a_wrong_passphrase)
{
    char text[sizeof sealed];
    struct secret *root = NULL;

    for (size_t at = 0; sealed[at]; at++) {
        strcpy(text, sealed);
        text[at] ^= 1;
        ck_assert_msg(open_with(&root, text, PHRASE) == ERR_MALFORMED, "place %zu", at);
        strcpy(text, sealed);
        text[at] = '\0';
        ck_assert_msg(open_with(&root, text, PHRASE) == ERR_MALFORMED, "cut at %zu", at);
    }
}
END_TEST

START_TEST(the_file_holds_the_parameters_and_not_the_key)
{
    char hex[2 * ROOT_KEY_BYTES + 1];

    ck_assert_ptr_nonnull(strstr(sealed, "\nargon2id 1 64 "));
    sodium_bin2hex(hex, sizeof hex, secret_peek(sealed_key), ROOT_KEY_BYTES);
    ck_assert_ptr_null(strstr(sealed, hex));
}
END_TEST

/* The check is right, what it covers is not ours. */
static void forge(char text[static 600], const char *cost)
{
    unsigned char hash[crypto_generichash_BYTES];
    const char *rest = strchr(strchr(sealed, '\n') + 1, '\n');
    size_t len = (size_t)snprintf(text, 600, "photod root key, sealed by a passphrase (1)\n%s%.*s", cost,
                                  (int)(strstr(rest, "check") - rest), rest);
    char hex[9];

    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)text, len, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, hash, 4);
    (void)snprintf(text + len, 600 - len, "check %s\n", hex);
}

START_TEST(parameters_out_of_bounds_are_malformed)
{
    static const char *const costs[] = {
        "argon2id 0 64 00112233445566778899aabbccddeeff",
        "argon2id 33 64 00112233445566778899aabbccddeeff",
        "argon2id 1 7 00112233445566778899aabbccddeeff",
        "argon2id 1 4294967296 00112233445566778899aabbccddeeff",
        "argon2id 1 64 00112233445566778899aabbccddee",
        "argon2id 1 64 00112233445566778899aabbccddeeff x",
        "argon2i 1 64 00112233445566778899aabbccddeeff",
    };
    struct secret *root = NULL;
    char text[600];

    forge(text, costs[_i]);
    ck_assert_int_eq(open_with(&root, text, PHRASE), ERR_MALFORMED);
    /* Within bounds it is only another key: the forging itself is sound. */
    forge(text, "argon2id 2 64 00112233445566778899aabbccddeeff");
    ck_assert_int_eq(open_with(&root, text, PHRASE), ERR_DENIED);
}
END_TEST

START_TEST(a_short_or_endless_passphrase_seals_nothing)
{
    char phrase[1100];
    CLEANUP(fd) int fd = file_of("", 0);
    CLEANUP(fd) int phrase_fd = file_of("elevenbytes\nand more\n", 21);
    CLEANUP(fd) int endless = -1;

    memset(phrase, 'x', sizeof phrase);
    endless = file_of(phrase, sizeof phrase);
    ck_assert_int_eq(seal_passphrase_make_at(sealed_key, fd, phrase_fd, cheap), ERR_DENIED);
    ck_assert_int_eq(seal_passphrase_make_at(sealed_key, fd, endless, cheap), ERR_MALFORMED);
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
}
END_TEST

START_TEST(by_default_a_passphrase_costs_what_libsodium_calls_moderate)
{
    CLEANUP(fd) int phrase = file_of(PHRASE, sizeof PHRASE - 1);
    CLEANUP(fd) int fd = file_of("", 0);
    char text[600] = "";
    CLEANUP(secret) struct secret *root = NULL;

    ck_assert_int_eq(seal_make(sealed_key, "passphrase", fd, phrase), OK);
    ck_assert_int_gt(pread(fd, text, sizeof text - 1, 0), 200);
    ck_assert_ptr_nonnull(strstr(text, "\nargon2id 3 262144 "));
    ck_assert_int_eq(open_with(&root, text, PHRASE "\n"), OK);
    ck_assert_mem_eq(secret_peek(root), secret_peek(sealed_key), ROOT_KEY_BYTES);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("seal");
    TCase *c = tcase_create("seal"), *phrase = tcase_create("passphrase");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, start, NULL);
    tcase_add_test(c, a_key_file_is_its_digits_and_a_newline);
    tcase_add_test(c, reading_leaves_the_offset_alone);
    tcase_add_test(c, a_token_hands_its_key_over_by_a_pipe_and_nothing_stays_in_it);
    tcase_add_test(c, a_pipe_that_ends_early_is_told_apart_from_one_that_ends_at_once);
    tcase_add_loop_test(c, another_file_is_malformed, 0, (int)COUNT(wrong));
    tcase_add_loop_test(c, what_was_written_is_read, 0, 2);
    tcase_add_test(c, a_full_disk_is_told_from_a_broken_one);
    tcase_add_test(c, an_unknown_method_is_refused);
    suite_add_tcase(s, phrase);
    tcase_set_timeout(phrase, 60);
    tcase_add_checked_fixture(phrase, seal_by_phrase, forget);
    tcase_add_loop_test(phrase, the_passphrase_opens_whatever_ends_its_line, 0, 4);
    tcase_add_loop_test(phrase, another_passphrase_is_denied, 0, 4);
    tcase_add_test(phrase, no_passphrase_is_told_from_a_wrong_one);
    tcase_add_test(phrase, a_damaged_file_is_told_from_a_wrong_passphrase);
    tcase_add_test(phrase, the_file_holds_the_parameters_and_not_the_key);
    tcase_add_loop_test(phrase, parameters_out_of_bounds_are_malformed, 0, 7);
    tcase_add_test(phrase, a_short_or_endless_passphrase_seals_nothing);
    tcase_add_test(phrase, by_default_a_passphrase_costs_what_libsodium_calls_moderate);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
