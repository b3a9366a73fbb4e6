#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "keys/inside.h"
#include "photod/base/text.h"

#define COUNT(a)  (sizeof(a) / sizeof(a)[0])
#define BYTES_MAX 256

/*
 * Stands in the way of libsodium's own, so that a CPU without AES can be
 * had; it is asked by our code only, never by libsodium's.
 */
static bool aes_is_hidden;

int crypto_aead_aes256gcm_is_available(void)
{
    return !aes_is_hidden && sodium_runtime_has_aesni() && sodium_runtime_has_pclmul();
}

static const enum suite suites[] = {SUITE_AES_256_GCM, SUITE_XCHACHA20_POLY1305};

static bool has(enum suite s)
{
    return s != SUITE_AES_256_GCM || crypto_aead_aes256gcm_is_available();
}

/* ---- envelopes ---- */

static const struct binding binding = {
    .class = SEAL_RENDITION,
    .rendition = 2,
    .generation = 0x0102030405060708,
    .subject = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae,
                0xaf},
};

static const char plain[] = "a picture of a child";

#define PLAIN_LEN (sizeof plain - 1)

static struct dek *key, *other_key;
static struct buf *sealed, *opened;

static void start(void)
{
    ck_assert_int_eq(keys_init(), OK);
    ck_assert_int_eq(dek_new(&key), OK);
    ck_assert_int_eq(dek_new(&other_key), OK);
    ck_assert_int_eq(buf_new(&sealed, 4096), OK);
    ck_assert_int_eq(buf_new(&opened, 4096), OK);
}

static void stop(void)
{
    dek_free(key);
    dek_free(other_key);
    buf_free(sealed);
    buf_free(opened);
}

/* Seals `plain` under the suite of this round; false when the CPU lacks it. */
static bool seal(int round)
{
    if (!has(suites[round]))
        return false;
    ck_assert_int_eq(envelope_seal_suite(sealed, suites[round], key, &binding, plain, PLAIN_LEN), OK);
    return true;
}

static enum err open_bytes(const struct dek *with, const struct binding *b, const void *bytes, size_t len)
{
    return envelope_open(opened, with, b, bytes, len);
}

START_TEST(what_was_sealed_opens)
{
    ck_assert_int_eq(buf_append(opened, "before", 6), OK);
    if (!seal(_i))
        return;
    ck_assert_int_eq(open_bytes(key, &binding, buf_bytes(sealed), buf_len(sealed)), OK);
    ck_assert_str_eq(buf_text(opened), "beforea picture of a child");
}
END_TEST

START_TEST(the_layout_is_the_documented_one)
{
    static const unsigned char head[] = {'P', 'H', 'D', '1', 1, 0, SEAL_RENDITION, 2};
    static const unsigned char generation[] = {8, 7, 6, 5, 4, 3, 2, 1};
    const unsigned char *at;

    if (!seal(_i))
        return;
    at = buf_bytes(sealed);
    ck_assert_mem_eq(at, head, 5);
    ck_assert_uint_eq(at[5], suites[_i]);
    ck_assert_mem_eq(at + 6, head + 6, 2);
    ck_assert_mem_eq(at + 8, key->id, KEY_ID_BYTES);
    ck_assert_mem_eq(at + 16, generation, 8);
    ck_assert_uint_eq(buf_len(sealed), 24 + (suites[_i] == SUITE_AES_256_GCM ? 12u : 24u) + PLAIN_LEN + 16);
}
END_TEST

/* Made here by hand from the header's comment: what old versions wrote must open for ever. */
START_TEST(an_envelope_made_elsewhere_by_the_documentation_opens)
{
    unsigned char bytes[24 + 24 + PLAIN_LEN + 16] = "PHD1\x01\x02\x06\x02", additional[40];

    memcpy(bytes + 8, key->id, 8);
    memcpy(bytes + 16, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    memset(bytes + 24, 0x5a, 24);
    memcpy(additional, bytes, 24);
    memcpy(additional + 24, binding.subject, 16);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + 48, NULL, (const unsigned char *)plain,
                                                     PLAIN_LEN, additional, sizeof additional, NULL,
                                                     bytes + 24, key->bytes);
    ck_assert_int_eq(open_bytes(key, &binding, bytes, sizeof bytes), OK);
    ck_assert_str_eq(buf_text(opened), plain);
}
END_TEST

START_TEST(every_flipped_bit_is_corrupt)
{
    unsigned char copy[BYTES_MAX];
    size_t len;

    if (!seal(_i))
        return;
    len = buf_len(sealed);
    memcpy(copy, buf_bytes(sealed), len);
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            copy[i] ^= (unsigned char)bit;
            ck_assert_msg(open_bytes(key, &binding, copy, len) == ERR_CORRUPT, "byte %zu bit %x", i, bit);
            copy[i] ^= (unsigned char)bit;
        }
    }
    ck_assert_uint_eq(buf_len(opened), 0);
    ck_assert_int_eq(open_bytes(key, &binding, copy, len), OK);
}
END_TEST

START_TEST(the_other_suites_number_is_corrupt)
{
    unsigned char copy[BYTES_MAX];

    if (!seal(_i) || !has(SUITE_AES_256_GCM))
        return;
    memcpy(copy, buf_bytes(sealed), buf_len(sealed));
    copy[5] ^= SUITE_AES_256_GCM ^ SUITE_XCHACHA20_POLY1305;
    ck_assert_int_eq(open_bytes(key, &binding, copy, buf_len(sealed)), ERR_CORRUPT);
}
END_TEST

START_TEST(an_envelope_cut_short_or_lengthened_is_corrupt)
{
    if (!seal(_i))
        return;
    for (size_t len = 0; len < buf_len(sealed); len++) {
        /* A copy of just that length: reading past it is the sanitizer's to find. */
        CLEANUP(heap) unsigned char *part = malloc(len + 1);

        memcpy(part, buf_bytes(sealed), len);
        ck_assert_int_eq(open_bytes(key, &binding, part, len), ERR_CORRUPT);
    }
    ck_assert_int_eq(buf_append(sealed, "", 1), OK);
    ck_assert_int_eq(open_bytes(key, &binding, buf_bytes(sealed), buf_len(sealed)), ERR_CORRUPT);
}
END_TEST

START_TEST(every_field_of_the_binding_binds)
{
    struct binding wrong[3 + SUBJECT_BYTES];

    if (!seal(_i))
        return;
    for (size_t i = 0; i < COUNT(wrong); i++)
        wrong[i] = binding;
    wrong[0].class = SEAL_STUDENT;
    wrong[1].rendition = 1;
    wrong[2].generation++;
    for (size_t i = 0; i < SUBJECT_BYTES; i++)
        wrong[3 + i].subject[i] ^= 1;
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(open_bytes(key, &wrong[i], buf_bytes(sealed), buf_len(sealed)) == ERR_CORRUPT,
                      "field %zu", i);
    ck_assert_uint_eq(buf_len(opened), 0);
}
END_TEST

START_TEST(another_key_does_not_open)
{
    if (!seal(_i))
        return;
    ck_assert_int_eq(open_bytes(other_key, &binding, buf_bytes(sealed), buf_len(sealed)), ERR_CORRUPT);
    /* Not even when it goes by the same id. */
    memcpy(other_key->id, key->id, KEY_ID_BYTES);
    ck_assert_int_eq(open_bytes(other_key, &binding, buf_bytes(sealed), buf_len(sealed)), ERR_CORRUPT);
}
END_TEST

START_TEST(nothing_seals_to_the_same_bytes_twice)
{
    size_t len;

    if (!seal(_i))
        return;
    len = buf_len(sealed);
    ck_assert(seal(_i));
    ck_assert_uint_eq(buf_len(sealed), 2 * len);
    ck_assert_mem_ne(buf_bytes(sealed), buf_bytes(sealed) + len, len);
}
END_TEST

START_TEST(no_bytes_can_be_sealed_too)
{
    ck_assert_int_eq(envelope_seal(sealed, key, &binding, "", 0), OK);
    ck_assert_uint_eq(buf_len(sealed), envelope_len(0));
    ck_assert_int_eq(open_bytes(key, &binding, buf_bytes(sealed), buf_len(sealed)), OK);
    ck_assert_uint_eq(buf_len(opened), 0);
}
END_TEST

START_TEST(a_mebibyte_goes_through)
{
    CLEANUP(heap) unsigned char *chunk = malloc(1 << 20);
    CLEANUP(buf) struct buf *in = NULL;
    CLEANUP(buf) struct buf *out = NULL;

    randombytes_buf(chunk, 1 << 20);
    ck_assert_int_eq(buf_new(&in, envelope_len(1 << 20)), OK);
    ck_assert_int_eq(buf_new(&out, 1 << 20), OK);
    ck_assert_int_eq(envelope_seal(in, key, &binding, chunk, 1 << 20), OK);
    ck_assert_int_eq(envelope_open(out, key, &binding, buf_bytes(in), buf_len(in)), OK);
    ck_assert_uint_eq(buf_len(out), 1 << 20);
    ck_assert_mem_eq(buf_bytes(out), chunk, 1 << 20);
}
END_TEST

START_TEST(a_full_buffer_is_a_limit_and_stays_as_it_was)
{
    CLEANUP(buf) struct buf *small = NULL;

    ck_assert_int_eq(buf_new(&small, PLAIN_LEN - 1), OK);
    ck_assert_int_eq(envelope_seal(sealed, key, &binding, plain, PLAIN_LEN), OK);
    ck_assert_int_eq(envelope_open(small, key, &binding, buf_bytes(sealed), buf_len(sealed)), ERR_LIMIT);
    ck_assert_int_eq(envelope_seal(small, key, &binding, plain, PLAIN_LEN), ERR_LIMIT);
    ck_assert_uint_eq(buf_len(small), 0);
}
END_TEST

START_TEST(a_cpu_without_aes_seals_with_the_other_suite_and_refuses_aes)
{
    bool had_aes = seal(0);

    aes_is_hidden = true;
    ck_assert_int_eq(envelope_suite(), SUITE_XCHACHA20_POLY1305);
    ck_assert_uint_eq(envelope_len(100), 24 + 24 + 100 + 16);
    if (had_aes)
        ck_assert_int_eq(open_bytes(key, &binding, buf_bytes(sealed), buf_len(sealed)), ERR_DENIED);
    buf_truncate(sealed, 0);
    ck_assert_int_eq(envelope_seal(sealed, key, &binding, plain, PLAIN_LEN), OK);
    ck_assert_uint_eq(buf_len(sealed), envelope_len(PLAIN_LEN));
    aes_is_hidden = false;
    ck_assert_int_eq(open_bytes(key, &binding, buf_bytes(sealed), buf_len(sealed)), OK);
    ck_assert_str_eq(buf_text(opened), plain);
}
END_TEST

START_TEST(a_digest_is_of_its_key_and_its_bytes)
{
    unsigned char first[DEK_DIGEST_BYTES], second[DEK_DIGEST_BYTES];
    CLEANUP(dek) struct dek *other = NULL;

    ck_assert_int_eq(dek_new(&other), OK);
    dek_digest(first, key, plain, PLAIN_LEN);
    dek_digest(second, key, plain, PLAIN_LEN);
    ck_assert_mem_eq(first, second, sizeof first);
    dek_digest(second, key, plain, PLAIN_LEN - 1);
    ck_assert_mem_ne(first, second, sizeof first);
    dek_digest(second, other, plain, PLAIN_LEN);
    ck_assert_mem_ne(first, second, sizeof first);
}
END_TEST

START_TEST(suites_have_names)
{
    ck_assert_str_eq(suite_name(SUITE_AES_256_GCM), "AES-256-GCM");
    ck_assert_str_eq(suite_name(SUITE_XCHACHA20_POLY1305), "XChaCha20-Poly1305");
    ck_assert_ptr_null(suite_name((enum suite)0));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("envelope");
    TCase *c = tcase_create("envelope");
    SRunner *r = srunner_create(s);
    int failed, both = (int)COUNT(suites);

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, start, stop);
    tcase_add_loop_test(c, what_was_sealed_opens, 0, both);
    tcase_add_loop_test(c, the_layout_is_the_documented_one, 0, both);
    tcase_add_test(c, an_envelope_made_elsewhere_by_the_documentation_opens);
    tcase_add_loop_test(c, every_flipped_bit_is_corrupt, 0, both);
    tcase_add_loop_test(c, the_other_suites_number_is_corrupt, 0, both);
    tcase_add_loop_test(c, an_envelope_cut_short_or_lengthened_is_corrupt, 0, both);
    tcase_add_loop_test(c, every_field_of_the_binding_binds, 0, both);
    tcase_add_loop_test(c, another_key_does_not_open, 0, both);
    tcase_add_loop_test(c, nothing_seals_to_the_same_bytes_twice, 0, both);
    tcase_add_test(c, no_bytes_can_be_sealed_too);
    tcase_add_test(c, a_mebibyte_goes_through);
    tcase_add_test(c, a_full_buffer_is_a_limit_and_stays_as_it_was);
    tcase_add_test(c, a_cpu_without_aes_seals_with_the_other_suite_and_refuses_aes);
    tcase_add_test(c, a_digest_is_of_its_key_and_its_bytes);
    tcase_add_test(c, suites_have_names);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
