#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "photod/base/text.h"
#include "photod/ctl/receipt.h"
#include "tests/unit/ctl_fixture.h"
#include "tests/unit/suite.h"

static const char picture[] = "\xff\xd8\xff\xe0 not a real JPEG, but the bytes that were sent";
static const char salt[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";

static struct fixture_key key;
static struct vkey vkey;
static char leaf[300];

static void set_up(void)
{
    unsigned char salted[64], digest[32];
    char hex[65];

    fixture_key_make(&key, "test.example/log");
    ck_assert_int_eq(vkey_parse(&vkey, key.vkey), OK);
    ck_assert_int_eq(hex_decode(salted, 32, salt), OK);
    hash_sha256(salted + 32, picture, sizeof picture);
    hash_sha256(digest, salted, sizeof salted);
    hex_encode(hex, digest, sizeof digest);
    (void)snprintf(leaf, sizeof leaf,
                   "{\"v\":1,\"t\":\"2026-11-23T03:05:00.000Z\",\"type\":\"release\",\"photo\":\"%s\"}", hex);
}

static void tear_down(void)
{
    fixture_key_clear(&key);
}

static struct fixture_log log_of(uint64_t size, uint64_t index)
{
    return (struct fixture_log){.size = size, .special = index, .text = leaf};
}

static enum err verify(const char *receipt, const void *bytes, size_t len, struct fault *fault)
{
    struct receipt r = {.index = 0};
    enum err e = receipt_verify(&r, fault, receipt, strlen(receipt), bytes, len, &vkey);

    if (!e)
        ck_assert_str_eq(r.leaf, leaf);
    receipt_clear(&r);
    return e;
}

START_TEST(a_receipt_verifies_at_every_place_of_every_tree)
{
    struct fault fault;

    for (uint64_t size = 1; size <= 40; size++)
        for (uint64_t i = 0; i < size; i++) {
            struct fixture_log log = log_of(size, i);
            char *receipt = fixture_receipt(&key, &log, salt);

            ck_assert_int_eq(verify(receipt, picture, sizeof picture, &fault), OK);
            free(receipt);
        }
}
END_TEST

START_TEST(another_picture_is_told_apart_plainly)
{
    struct fixture_log log = log_of(20, 7);
    char *receipt = fixture_receipt(&key, &log, salt), other[sizeof picture];
    struct fault fault;

    for (size_t i = 0; i < sizeof picture; i++) {
        memcpy(other, picture, sizeof other);
        other[i] ^= 1;
        ck_assert_int_eq(verify(receipt, other, sizeof other, &fault), ERR_NOTFOUND);
        ck_assert_ptr_nonnull(strstr(fault.text, "this receipt is for another picture"));
    }
    ck_assert_int_eq(verify(receipt, picture, sizeof picture - 1, &fault), ERR_NOTFOUND);
    ck_assert_int_eq(verify(receipt, "", 0, &fault), ERR_NOTFOUND);
    free(receipt);
}
END_TEST

START_TEST(every_flipped_bit_of_a_receipt_is_found)
{
    struct fixture_log log = log_of(20, 7);
    char *receipt = fixture_receipt(&key, &log, salt);
    size_t len = strlen(receipt);
    struct fault fault;

    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct receipt r = {.index = 0};

            receipt[i] = (char)(receipt[i] ^ 1 << bit);
            if (!receipt_verify(&r, &fault, receipt, len, picture, sizeof picture, &vkey))
                ck_abort_msg("bit %d of byte %d was not missed", bit, (int)i);
            receipt[i] = (char)(receipt[i] ^ 1 << bit);
        }
    ck_assert_int_eq(verify(receipt, picture, sizeof picture, &fault), OK);
    free(receipt);
}
END_TEST

START_TEST(every_shortened_receipt_is_refused)
{
    struct fixture_log log = log_of(20, 7);
    char *receipt = fixture_receipt(&key, &log, salt);
    struct fault fault;

    for (size_t len = 0; len < strlen(receipt); len++) {
        struct receipt r = {.index = 0};

        ck_assert_int_ne(receipt_verify(&r, &fault, receipt, len, picture, sizeof picture, &vkey), OK);
    }
    free(receipt);
}
END_TEST

START_TEST(a_receipt_of_another_key_is_refused)
{
    struct fixture_log log = log_of(20, 7);
    struct fixture_key other;
    struct fault fault;
    char *receipt;

    fixture_key_make(&other, "test.example/log");
    receipt = fixture_receipt(&other, &log, salt);
    ck_assert_int_eq(verify(receipt, picture, sizeof picture, &fault), ERR_DENIED);
    free(receipt);
    fixture_key_clear(&other);
}
END_TEST

START_TEST(a_proof_of_the_wrong_length_is_refused)
{
    struct fixture_log log = log_of(20, 7);
    char *receipt = fixture_receipt(&key, &log, salt), *more, *end = strstr(receipt, "\n\n");
    struct fault fault;

    ck_assert_int_gt(asprintf(&more, "%.*s\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=%s",
                              (int)(end - receipt), receipt, end),
                     0);
    ck_assert_int_eq(verify(more, picture, sizeof picture, &fault), ERR_MALFORMED);
    free(more);
    ck_assert_int_gt(asprintf(&more, "%.*s%s", (int)(end - 45 - receipt), receipt, end), 0);
    ck_assert_int_eq(verify(more, picture, sizeof picture, &fault), ERR_MALFORMED);
    free(more);
    free(receipt);
}
END_TEST

START_TEST(an_entry_that_is_no_release_is_refused)
{
    struct fixture_log log = {.size = 20, .special = 7, .text = "{\"v\":1,\"type\":\"start\"}"};
    char *receipt = fixture_receipt(&key, &log, salt);
    struct fault fault;

    ck_assert_int_eq(verify(receipt, picture, sizeof picture, &fault), ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(fault.text, "not the release of a picture"));
    free(receipt);
}
END_TEST

START_TEST(a_receipt_without_its_extra_line_is_refused)
{
    struct fixture_log log = log_of(20, 7);
    char *receipt = fixture_receipt(&key, &log, salt), *without;
    struct fault fault;

    ck_assert_int_gt(asprintf(&without, "c2sp.org/tlog-proof@v1\n%s", strstr(receipt, "index ")), 0);
    ck_assert_int_eq(verify(without, picture, sizeof picture, &fault), ERR_MALFORMED);
    ck_assert_int_eq(verify("", picture, sizeof picture, &fault), ERR_MALFORMED);
    ck_assert_int_eq(verify("\xff\xd8\xff", picture, sizeof picture, &fault), ERR_MALFORMED);
    free(without);
    free(receipt);
}
END_TEST

SUITE_IN("ctl_receipt", set_up, tear_down, a_receipt_verifies_at_every_place_of_every_tree,
         another_picture_is_told_apart_plainly, every_flipped_bit_of_a_receipt_is_found,
         every_shortened_receipt_is_refused, a_receipt_of_another_key_is_refused,
         a_proof_of_the_wrong_length_is_refused, an_entry_that_is_no_release_is_refused,
         a_receipt_without_its_extra_line_is_refused)
