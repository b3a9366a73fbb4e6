/* photod-unseal's root key file, and its note of a refused PIN; the token itself is tests/e2e/token.sh. */
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include "photod/unseal/refused.h"
#include "photod/unseal/sealed.h"
#include "tests/unit/suite.h"

#define TOKEN "pkcs11:model=SoftHSM%20v2;serial=6e3f2bb6e57f6b7e;token=photod"

static struct sealed_root example(void)
{
    struct sealed_root s = {.token = TOKEN, .key_id = {0x01, 0xa0, 0xff}, .key_id_len = 3};

    memset(s.iv, 0x11, sizeof s.iv);
    memset(s.sealed, 0xc5, sizeof s.sealed);
    return s;
}

static bool is_same(const struct sealed_root *a, const struct sealed_root *b)
{
    return strcmp(a->token, b->token) == 0 && a->key_id_len == b->key_id_len &&
           memcmp(a->key_id, b->key_id, a->key_id_len) == 0 && memcmp(a->iv, b->iv, sizeof a->iv) == 0 &&
           memcmp(a->sealed, b->sealed, sizeof a->sealed) == 0;
}

START_TEST(what_was_printed_is_read)
{
    struct sealed_root s = example(), read;
    char text[SEALED_TEXT_MAX], bound[SEALED_TEXT_MAX];
    size_t len = sealed_print(text, &s);

    ck_assert_int_eq(sealed_parse(&read, text, len), OK);
    ck_assert(is_same(&s, &read));
    ck_assert_ptr_nonnull(strstr(text, "\nkey 01a0ff\naes-256-gcm 111111111111111111111111c5c5"));
    ck_assert_uint_eq(sealed_bound(bound, &read),
                      (size_t)(strstr(text, "aes-256-gcm") - text)); /* the lines above are what binds */
    ck_assert_mem_eq(bound, text, strlen(bound));
}
END_TEST

START_TEST(the_longest_token_and_id_fit)
{
    struct sealed_root s = example(), read;
    char text[SEALED_TEXT_MAX];

    memset(s.token, 'x', sizeof s.token - 1);
    s.key_id_len = sizeof s.key_id;
    ck_assert_int_eq(sealed_parse(&read, text, sealed_print(text, &s)), OK);
    ck_assert(is_same(&s, &read));
}
END_TEST

START_TEST(every_flipped_bit_cut_or_addition_is_malformed)
{
    struct sealed_root s = example(), read;
    char text[SEALED_TEXT_MAX + 1] = "";
    size_t len = sealed_print(text, &s);

    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            text[i] = (char)(text[i] ^ (int)bit);
            ck_assert_msg(sealed_parse(&read, text, len) == ERR_MALFORMED, "byte %zu bit %x", i, bit);
            text[i] = (char)(text[i] ^ (int)bit);
        }
        ck_assert_int_eq(sealed_parse(&read, text, i), ERR_MALFORMED);
    }
    text[len] = '\n';
    ck_assert_int_eq(sealed_parse(&read, text, len + 1), ERR_MALFORMED);
    ck_assert_int_eq(sealed_parse(&read, text, len), OK);
}
END_TEST

/* Lines in any order, of any length, some with a right check: whatever is read prints as it was. */
START_TEST(random_files_are_refused_or_read_as_they_are)
{
    static const char *const parts[] = {"photod root key, sealed by a PKCS#11 token (1)\n",
                                        "token " TOKEN "\n",
                                        "token \n",
                                        "key 01\n",
                                        "key \n",
                                        "key 0g\n",
                                        "aes-256-gcm 00\n",
                                        "check 00000000\n",
                                        "\n",
                                        "\0",
                                        "token",
                                        " "};
    struct sealed_root s = example(), read;
    char text[4 * SEALED_TEXT_MAX], again[SEALED_TEXT_MAX], whole[SEALED_TEXT_MAX];
    size_t whole_len = sealed_print(whole, &s);
    unsigned taken = 0;

    for (unsigned round = 0; round < 200000; round++) {
        size_t len = 0;

        if (round % 4 == 0) {
            memcpy(text, whole, len = whole_len);
            for (unsigned n = randombytes_uniform(3); n; n--)
                text[randombytes_uniform((uint32_t)len)] = (char)randombytes_uniform(256);
        } else
            for (unsigned n = randombytes_uniform(12); n; n--) {
                const char *part = parts[randombytes_uniform(12)];
                size_t part_len = *part ? strlen(part) : 1;

                memcpy(text + len, part, part_len);
                len += part_len;
            }
        if (sealed_parse(&read, text, len))
            continue;
        taken++;
        ck_assert_uint_eq(sealed_print(again, &read), len);
        ck_assert_mem_eq(again, text, len);
    }
    printf("200000 random root key files: %u read, as they are\n", taken);
    ck_assert_uint_gt(taken, 0);
}
END_TEST

static struct secret *pin_of(const char *text)
{
    struct secret *pin;

    ck_assert_int_ge(sodium_init(), 0);
    ck_assert_int_eq(secret_new(&pin, strlen(text)), OK);
    memcpy(secret_bytes(pin), text, strlen(text));
    return pin;
}

START_TEST(a_refused_pin_is_known_again_and_no_other)
{
    CLEANUP(fd) int note = memfd_create("note", MFD_CLOEXEC);
    CLEANUP(secret) struct secret *wrong = pin_of("123456");
    CLEANUP(secret) struct secret *other = pin_of("1234567");
    bool refused;

    ck_assert_int_eq(refused_is(&refused, note, wrong), OK);
    ck_assert(!refused);
    ck_assert_int_eq(refused_note(note, wrong), OK);
    ck_assert_int_eq(refused_is(&refused, note, wrong), OK);
    ck_assert(refused);
    ck_assert_int_eq(refused_is(&refused, note, other), OK);
    ck_assert(!refused);
    ck_assert_int_eq(refused_note(note, other), OK); /* the last one is what counts */
    ck_assert_int_eq(refused_is(&refused, note, other), OK);
    ck_assert(refused);
    refused_forget(note);
    ck_assert_int_eq(refused_is(&refused, note, other), OK);
    ck_assert(!refused);
    ck_assert_int_eq(lseek(note, 0, SEEK_END), 0);
}
END_TEST

START_TEST(without_a_note_nothing_is_noted)
{
    CLEANUP(secret) struct secret *pin = pin_of("123456");
    bool refused = true;

    ck_assert_int_eq(refused_note(-1, pin), OK);
    ck_assert_int_eq(refused_is(&refused, -1, pin), OK);
    ck_assert(!refused);
    refused_forget(-1);
}
END_TEST

SUITE("unseal", what_was_printed_is_read, the_longest_token_and_id_fit,
      every_flipped_bit_cut_or_addition_is_malformed, random_files_are_refused_or_read_as_they_are,
      a_refused_pin_is_known_again_and_no_other, without_a_note_nothing_is_noted)
