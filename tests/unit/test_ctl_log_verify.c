#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/log_verify.h"
#include "tests/unit/ctl_fixture.h"

static struct fixture_key key;
static struct vkey vkey;
static char *dir;

static void set_up(void)
{
    fixture_key_make(&key, "test.example/log");
    ck_assert_int_eq(vkey_parse(&vkey, key.vkey), OK);
    dir = fixture_dir();
}

static void tear_down(void)
{
    fixture_remove(dir);
    free(dir);
    fixture_key_clear(&key);
}

static void write_log(uint64_t size)
{
    struct fixture_log log = {.size = size};

    fixture_write_log(dir, &key, &log);
}

static void verify(struct log_report *r, const struct checkpoint *older)
{
    CLEANUP(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(log_verify(r, fd, &vkey, older), OK);
}

static void assert_good(uint64_t size)
{
    CLEANUP(log_report) struct log_report r = {.count = 0};

    verify(&r, NULL);
    if (r.count)
        ck_abort_msg("size %d: %s %s", (int)size, r.findings[0].file, r.findings[0].what);
    ck_assert(r.head_ok);
    ck_assert_uint_eq(r.head.size, size);
}

/* There are findings, and all of them name this file. */
static void assert_only(const char *file)
{
    CLEANUP(log_report) struct log_report r = {.count = 0};

    verify(&r, NULL);
    if (!r.count)
        ck_abort_msg("a fault in %s was not found", file);
    for (size_t i = 0; i < r.count; i++)
        if (strcmp(r.findings[i].file, file) != 0)
            ck_abort_msg("a fault in %s named %s %s", file, r.findings[i].file, r.findings[i].what);
}

static void assert_names(const char *file)
{
    CLEANUP(log_report) struct log_report r = {.count = 0};

    verify(&r, NULL);
    for (size_t i = 0; i < r.count; i++)
        if (strcmp(r.findings[i].file, file) == 0)
            return;
    ck_abort_msg("%s was not named", file);
}

START_TEST(a_log_of_every_size_up_to_600_verifies)
{
    /* Every third process of the loop takes every third size. */
    for (uint64_t size = (uint64_t)_i; size <= 600; size += 3) {
        write_log(size);
        assert_good(size);
        fixture_remove(dir);
        ck_assert_int_eq(mkdir(dir, 0700), 0);
    }
}
END_TEST

START_TEST(first_and_last_times_are_those_of_the_entries)
{
    CLEANUP(log_report) struct log_report r = {.count = 0};

    write_log(300);
    verify(&r, NULL);
    ck_assert_uint_eq(r.count, 0);
    ck_assert_str_eq(r.first_time, "2026-11-23T00:00:00.000Z");
    ck_assert_str_eq(r.last_time, "2026-11-23T00:00:59.000Z");
}
END_TEST

START_TEST(a_log_with_two_levels_of_full_tiles_verifies)
{
    write_log(65536 + 300);
    assert_good(65536 + 300);
    fixture_write(dir, "tile/1/000", "x", 1);
    assert_only("tile/1/000");
}
END_TEST

static void flip_every_byte(const char *in, const char *path, void *context)
{
    size_t len, step = *(const size_t *)context;
    unsigned char *bytes = fixture_read(in, path, &len);

    for (size_t i = 0; i < len; i += step) {
        bytes[i] ^= (unsigned char)(1 << i % 8);
        fixture_write(in, path, bytes, len);
        assert_only(path);
        bytes[i] ^= (unsigned char)(1 << i % 8);
    }
    fixture_write(in, path, bytes, len);
    free(bytes);
}

START_TEST(every_flipped_byte_of_a_small_log_is_found_and_named)
{
    size_t step = 1;

    write_log(7);
    fixture_each(dir, flip_every_byte, &step);
    assert_good(7);
}
END_TEST

START_TEST(flips_in_full_and_partial_tiles_are_found_and_named)
{
    size_t step = 97;

    write_log(600);
    fixture_each(dir, flip_every_byte, &step);
    assert_good(600);
}
END_TEST

START_TEST(flips_in_a_log_without_partial_entries_are_found_and_named)
{
    size_t step = 211;

    write_log(512);
    fixture_each(dir, flip_every_byte, &step);
    assert_good(512);
}
END_TEST

static void cut_and_extend(const char *in, const char *path, void *context)
{
    size_t len;
    unsigned char *bytes = fixture_read(in, path, &len);

    (void)context;
    for (size_t less = 0; less < 40 && less < len; less++) {
        fixture_write(in, path, bytes, less * len / 40);
        assert_only(path);
    }
    bytes[len] = 0;
    fixture_write(in, path, bytes, len + 1);
    assert_only(path);
    fixture_write(in, path, bytes, len);
    free(bytes);
}

START_TEST(every_truncated_or_lengthened_file_is_found_and_named)
{
    write_log(300);
    fixture_each(dir, cut_and_extend, NULL);
    assert_good(300);
}
END_TEST

static void take_away(const char *in, const char *path, void *context)
{
    size_t len;
    unsigned char *bytes = fixture_read(in, path, &len);
    char full[1000];

    (void)context;
    (void)snprintf(full, sizeof full, "%s/%s", in, path);
    ck_assert_int_eq(unlink(full), 0);
    assert_only(path);
    fixture_write(in, path, bytes, len);
    free(bytes);
}

START_TEST(every_missing_file_is_named)
{
    write_log(600);
    fixture_each(dir, take_away, NULL);
    assert_good(600);
}
END_TEST

START_TEST(every_extra_file_is_named)
{
    static const char *const extra[] = {
        "note",         "checkpoint.new",   "tile/0/000",       "tile/0/000.p/43",      "tile/0/001.p/1",
        "tile/0/00",    "tile/0/0000",      "tile/0/x000/000",  "tile/1/000.p/1",       "tile/8/000.p/1",
        "tile/00/x",    "tile/entries/000", "tile/entries/001", "tile/entries/000.p/1", "tile/data/000",
        "tile/0/.p/44", "tile/0/000.p/044", "tile/0/000.p/300", "tile/.hidden",         ".hidden/file",
    };

    write_log(44);
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
        char full[1000];

        fixture_write(dir, extra[i], "x", 1);
        assert_only(extra[i]);
        (void)snprintf(full, sizeof full, "%s/%s", dir, extra[i]);
        ck_assert_int_eq(unlink(full), 0);
    }
    assert_good(44);
}
END_TEST

START_TEST(scratch_files_of_the_writer_are_no_fault)
{
    write_log(44);
    fixture_write(dir, ".partial-0", "x", 1);
    fixture_write(dir, ".checkpoint", "x", 1);
    assert_good(44);
}
END_TEST

START_TEST(a_link_in_place_of_a_file_is_named)
{
    char from[1000], to[1000];

    write_log(44);
    (void)snprintf(from, sizeof from, "%s/tile/0/000.p/44", dir);
    (void)snprintf(to, sizeof to, "%s.elsewhere", dir);
    ck_assert_int_eq(rename(from, to), 0);
    ck_assert_int_eq(symlink(to, from), 0);
    assert_only("tile/0/000.p/44");
    (void)unlink(to);
}
END_TEST

START_TEST(a_log_of_another_key_is_refused)
{
    struct fixture_key other;
    struct fixture_log log = {.size = 3};

    fixture_key_make(&other, "test.example/log");
    fixture_write_log(dir, &other, &log);
    assert_only("checkpoint");
    fixture_key_clear(&other);
}
END_TEST

START_TEST(a_consistent_rewrite_without_the_key_is_found)
{
    struct fixture_log honest = {.size = 44}, forged = {.size = 44, .special = 7, .text = "{\"forged\":1}"};
    char *checkpoint;

    fixture_write_log(dir, &key, &forged);
    checkpoint = fixture_checkpoint(&key, &honest);
    fixture_write(dir, "checkpoint", checkpoint, strlen(checkpoint));
    assert_names("checkpoint");
    free(checkpoint);
}
END_TEST

START_TEST(an_older_checkpoint_must_be_a_part_of_the_log)
{
    struct checkpoint older = {.size = 0};
    struct fixture_log log = {.size = 600}, other = {.size = 600, .special = 3, .text = "{}"};

    write_log(600);
    for (uint64_t size = 0; size <= 600; size += 37) {
        CLEANUP(log_report) struct log_report r = {.count = 0};

        older.size = size;
        fixture_root(older.root, &log, 0, size);
        verify(&r, &older);
        ck_assert_uint_eq(r.count, 0);
        log_report_clear(&r);
        older.root[5] ^= 1;
        verify(&r, &older);
        ck_assert_uint_eq(r.count, 1);
    }
    CLEANUP(log_report) struct log_report r = {.count = 0};
    older.size = 300;
    fixture_root(older.root, &other, 0, 300);
    verify(&r, &older);
    ck_assert_uint_eq(r.count, 1);
    log_report_clear(&r);
    older.size = 601;
    verify(&r, &older);
    ck_assert_uint_ge(r.count, 1);
}
END_TEST

START_TEST(a_vast_signed_size_ends_after_a_thousand_findings)
{
    CLEANUP(log_report) struct log_report r = {.count = 0};
    char *note = fixture_note(
        &key, "test.example/log\n9000000000000000000\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");

    fixture_write(dir, "checkpoint", note, strlen(note));
    verify(&r, NULL);
    ck_assert_uint_eq(r.count, LOG_FINDINGS_MAX);
    free(note);
}
END_TEST

START_TEST(paths_are_those_of_the_specification)
{
    char path[LOG_PATH];

    log_file_path(path, (struct log_file){0, 1234067, 256});
    ck_assert_str_eq(path, "tile/0/x001/x234/067");
    log_file_path(path, (struct log_file){LOG_ENTRIES, 5, 3});
    ck_assert_str_eq(path, "tile/entries/005.p/3");
    /* A tree of 70,000: 273 full tiles, one of 112, one full level 1, one of 17, one level 2 of 1. */
    ck_assert_uint_eq(log_file_width(70000, 0, 272), 256);
    ck_assert_uint_eq(log_file_width(70000, 0, 273), 112);
    ck_assert_uint_eq(log_file_width(70000, 0, 274), 0);
    ck_assert_uint_eq(log_file_width(70000, 1, 0), 256);
    ck_assert_uint_eq(log_file_width(70000, 1, 1), 17);
    ck_assert_uint_eq(log_file_width(70000, 2, 0), 1);
    ck_assert_uint_eq(log_file_width(70000, 3, 0), 0);
    ck_assert_uint_eq(log_file_width(256, 1, 0), 1);
    ck_assert(log_has_file(70000, "tile/0/272"));
    ck_assert(!log_has_file(70000, "tile/0/273"));
    ck_assert(log_has_file(70000, "tile/0/273.p/112"));
}
END_TEST

START_TEST(an_entry_is_read_by_its_index)
{
    CLEANUP(fd) int fd = -1;

    write_log(300);
    fd = open(dir, O_RDONLY | O_DIRECTORY);
    for (uint64_t i = 0; i < 300; i += 13) {
        CLEANUP(buf) struct buf *b = NULL;
        char expected[200];

        ck_assert_int_eq(buf_new(&b, 1000), OK);
        ck_assert_int_eq(log_entry_read(b, fd, 300, i), OK);
        (void)fixture_entry(expected, sizeof expected, i);
        ck_assert_str_eq(buf_text(b), expected);
        ck_assert_int_eq(log_entry_read(b, fd, 300, 300), ERR_NOTFOUND);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ctl_log_verify");
    TCase *t = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, a_log_of_every_size_up_to_600_verifies, 0, 3);
    tcase_add_test(t, first_and_last_times_are_those_of_the_entries);
    tcase_add_test(t, a_log_with_two_levels_of_full_tiles_verifies);
    tcase_add_test(t, every_flipped_byte_of_a_small_log_is_found_and_named);
    tcase_add_test(t, flips_in_full_and_partial_tiles_are_found_and_named);
    tcase_add_test(t, flips_in_a_log_without_partial_entries_are_found_and_named);
    tcase_add_test(t, every_truncated_or_lengthened_file_is_found_and_named);
    tcase_add_test(t, every_missing_file_is_named);
    tcase_add_test(t, every_extra_file_is_named);
    tcase_add_test(t, scratch_files_of_the_writer_are_no_fault);
    tcase_add_test(t, a_link_in_place_of_a_file_is_named);
    tcase_add_test(t, a_log_of_another_key_is_refused);
    tcase_add_test(t, a_consistent_rewrite_without_the_key_is_found);
    tcase_add_test(t, an_older_checkpoint_must_be_a_part_of_the_log);
    tcase_add_test(t, a_vast_signed_size_ends_after_a_thousand_findings);
    tcase_add_test(t, paths_are_those_of_the_specification);
    tcase_add_test(t, an_entry_is_read_by_its_index);
    tcase_set_timeout(t, 100);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
