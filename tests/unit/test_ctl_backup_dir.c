/* The manifest of a backup, and who wrote it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/base/text.h"
#include "photod/ctl/backup_dir.h"
#include "tests/unit/ctl_fixture.h"
#include "tests/unit/suite.h"

static struct fixture_key key;
static struct vkey vkey;
static char *dir;
static int dir_fd;
static struct manifest made;
static struct fault fault;

static void set_up(void)
{
    fixture_key_make(&key, "test.example/log");
    ck_assert_int_eq(vkey_parse(&vkey, key.vkey), OK);
    dir = fixture_dir();
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(dir_fd, 0);
    made = (struct manifest){.origin = "test.example/log",
                             .position = 77,
                             .leaves = 19,
                             .made_ms = 1795000000000,
                             .photos_count = 1,
                             .keys_count = 1,
                             .checkpoint = "test.example/log\n19\nAAAA\n\n- test.example/log BBBB\n"};
    made.photos[0] = (struct backup_file){.name = "photos-0-77.age", .bytes = 12, .sha256 = {1}};
    made.keys[0] = (struct backup_file){.name = "keys-77-20261127T010203Z.age", .bytes = 34, .sha256 = {2}};
    ck_assert_int_eq(manifest_hash(&made), OK);
}

static void tear_down(void)
{
    (void)close(dir_fd);
    fixture_remove(dir);
    free(dir);
    fixture_key_clear(&key);
}

/* Written with the proof of a leaf of these words; and read again. */
static void write_with(const struct fixture_key *k, const char *type, uint64_t position, uint64_t leaves,
                       const unsigned char *hash)
{
    char hex[2 * HASH_BYTES + 1], leaf[300], *proof;
    struct fixture_log log = {.size = 20, .special = 19, .text = leaf};

    hex_encode(hex, hash, HASH_BYTES);
    (void)snprintf(
        leaf, sizeof leaf,
        "{\"v\":1,\"t\":\"2026-11-27T03:05:00.000Z\",\"type\":\"%s\",\"position\":%llu,\"leaves\":%llu,"
        "\"manifest\":\"%s\"}",
        type, (unsigned long long)position, (unsigned long long)leaves, hex);
    proof = fixture_receipt(k, &log, NULL);
    ck_assert_int_eq(text_copy(made.proof, sizeof made.proof, proof), OK);
    free(proof);
    ck_assert_int_eq(manifest_write(&made, dir_fd), CTL_OK);
}

static enum err read_and_prove(void)
{
    static struct manifest m;

    TRY(manifest_read(&m, &fault, dir_fd));
    return manifest_prove(&m, &fault, &vkey);
}

START_TEST(a_manifest_that_the_log_knows_is_proven)
{
    static struct manifest m;

    write_with(&key, "backup", 77, 19, made.hash);
    ck_assert_int_eq(manifest_read(&m, &fault, dir_fd), OK);
    ck_assert_int_eq(manifest_prove(&m, &fault, &vkey), OK);
    ck_assert_str_eq(m.checkpoint, made.checkpoint);
    ck_assert_mem_eq(m.hash, made.hash, sizeof m.hash);
}
END_TEST

/* In place: a file system may sync what is written anew, thousands of times. */
static void put_byte(int fd, size_t at, unsigned char byte)
{
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
}

START_TEST(a_flipped_bit_in_any_byte_of_a_manifest_is_found)
{
    CLEANUP(fd) int fd = -1;
    unsigned char *bytes;
    unsigned found = 0;
    size_t len;

    write_with(&key, "backup", 77, 19, made.hash);
    bytes = fixture_read(dir, "manifest", &len);
    fd = openat(dir_fd, "manifest", O_WRONLY | O_CLOEXEC);
    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            put_byte(fd, i, bytes[i] ^ (unsigned char)(1 << bit));
            ck_assert_msg(read_and_prove() != OK, "bit %d of byte %zu was not missed", bit, i);
            put_byte(fd, i, bytes[i]);
            found++;
        }
    ck_assert_int_eq(read_and_prove(), OK);
    free(bytes);
    (void)printf("%u flipped bits found\n", found);
}
END_TEST

START_TEST(a_leaf_that_says_something_else_proves_nothing)
{
    unsigned char other[HASH_BYTES];

    memcpy(other, made.hash, sizeof other);
    other[31] ^= 1;
    write_with(&key, "backup", 77, 19, other);
    ck_assert_int_eq(read_and_prove(), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(fault.text, "the log knows another one"));
    write_with(&key, "release", 77, 19, made.hash);
    ck_assert_int_eq(read_and_prove(), ERR_CORRUPT);
    write_with(&key, "backup", 78, 19, made.hash);
    ck_assert_int_eq(read_and_prove(), ERR_CORRUPT);
    write_with(&key, "backup", 77, 18, made.hash);
    ck_assert_int_eq(read_and_prove(), ERR_CORRUPT);
}
END_TEST

START_TEST(another_log_proves_nothing)
{
    struct fixture_key other, same_name;

    fixture_key_make(&same_name, "test.example/log");
    write_with(&same_name, "backup", 77, 19, made.hash);
    ck_assert_int_eq(read_and_prove(), ERR_CORRUPT);
    fixture_key_clear(&same_name);
    fixture_key_make(&other, "test.example/other");
    write_with(&other, "backup", 77, 19, made.hash);
    ck_assert_int_eq(read_and_prove(), ERR_CORRUPT);
    ck_assert_int_eq(vkey_parse(&vkey, other.vkey), OK);
    ck_assert_int_eq(read_and_prove(), ERR_DENIED); /* which is how a restored photod sees the one before */
    fixture_key_clear(&other);
}
END_TEST

SUITE_IN("ctl_backup_dir", set_up, tear_down, a_manifest_that_the_log_knows_is_proven,
         a_flipped_bit_in_any_byte_of_a_manifest_is_found, a_leaf_that_says_something_else_proves_nothing,
         another_log_proves_nothing)
