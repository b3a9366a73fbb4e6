#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "keys/inside.h"
#include "keys/note.h"
#include "photod/base/text.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define ORIGIN   "photod.example/demo"

/* ---- published vectors ---- */

/* RFC 8032 section 7.1. */
static const struct {
    const char *seed, *public_key, *message, *signature;
} ed25519[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

START_TEST(ed25519_agrees_with_rfc_8032)
{
    unsigned char seed[32], expected_key[32], message[8], expected[64], public_key[32], secret_key[64];
    unsigned char signature[64];
    size_t len = strlen(ed25519[_i].message) / 2;

    ck_assert_int_eq(hex_decode(seed, sizeof seed, ed25519[_i].seed), OK);
    ck_assert_int_eq(hex_decode(expected_key, sizeof expected_key, ed25519[_i].public_key), OK);
    ck_assert_int_eq(hex_decode(message, len, ed25519[_i].message), OK);
    ck_assert_int_eq(hex_decode(expected, sizeof expected, ed25519[_i].signature), OK);
    ck_assert_int_eq(crypto_sign_seed_keypair(public_key, secret_key, seed), 0);
    ck_assert_mem_eq(public_key, expected_key, sizeof public_key);
    ck_assert_int_eq(crypto_sign_detached(signature, NULL, message, len, secret_key), 0);
    ck_assert_mem_eq(signature, expected, sizeof signature);
}
END_TEST

/* FIPS 180-4 examples. */
static const struct {
    const char *message, *hash;
} sha256[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

START_TEST(sha_256_agrees_with_fips_180_4)
{
    unsigned char hash[32], expected[32];

    ck_assert_int_eq(hex_decode(expected, sizeof expected, sha256[_i].hash), OK);
    ck_assert_int_eq(
        crypto_hash_sha256(hash, (const unsigned char *)sha256[_i].message, strlen(sha256[_i].message)), 0);
    ck_assert_mem_eq(hash, expected, sizeof hash);
}
END_TEST

/* ---- reading notes, as a verifier would: nothing here is shared with note.c ---- */

#define DASH "\xe2\x80\x94"

static size_t from_base64(unsigned char *to, size_t size, const char *text, size_t len)
{
    size_t bytes;
    const char *end;

    ck_assert_int_eq(
        sodium_base642bin(to, size, text, len, NULL, &bytes, &end, sodium_base64_VARIANT_ORIGINAL), 0);
    ck_assert_ptr_eq(end, text + len);
    return bytes;
}

struct vkey {
    char name[128];
    unsigned char id[4], public_key[32];
};

static void parse_vkey(struct vkey *k, const char *text)
{
    const char *id = strchr(text, '+') + 1;
    unsigned char typed[33];
    char id_text[9] = "";

    ck_assert_ptr_nonnull(id);
    memcpy(k->name, text, (size_t)(id - 1 - text));
    k->name[id - 1 - text] = '\0';
    memcpy(id_text, id, 8);
    ck_assert_int_eq(hex_decode(k->id, 4, id_text), OK);
    ck_assert_int_eq(id[8], '+');
    ck_assert_uint_eq(from_base64(typed, sizeof typed, id + 9, strlen(id + 9)), sizeof typed);
    ck_assert_uint_eq(typed[0], 1);
    memcpy(k->public_key, typed + 1, 32);
}

/* Whether the note ends in one signature of that key over the text before it. */
static bool verifies(const char *note, const struct vkey *k)
{
    const char *blank = NULL;
    unsigned char signature[68];
    char opening[160];
    size_t opening_len, text_len, line_len;

    for (const char *at = note; (at = strstr(at, "\n\n")); at++)
        blank = at;
    ck_assert_ptr_nonnull(blank);
    text_len = (size_t)(blank + 1 - note); /* the text has its last newline, not the blank line */
    opening_len = (size_t)snprintf(opening, sizeof opening, DASH " %s ", k->name);
    line_len = strlen(blank + 2);
    ck_assert_int_eq(strncmp(blank + 2, opening, opening_len), 0);
    ck_assert_int_eq(blank[2 + line_len - 1], '\n');
    ck_assert_ptr_eq(strchr(blank + 2, '\n'), blank + 2 + line_len - 1);
    ck_assert_uint_eq(
        from_base64(signature, sizeof signature, blank + 2 + opening_len, line_len - 1 - opening_len),
        sizeof signature);
    return memcmp(signature, k->id, 4) == 0 &&
           crypto_sign_verify_detached(signature + 4, (const unsigned char *)note, text_len, k->public_key) ==
               0;
}

static struct keys *keys;
static struct buf *out;

static void start(void)
{
    ck_assert_int_eq(keys_init(), OK);
    ck_assert_int_eq(keys_create(&keys, ORIGIN), OK);
    ck_assert_int_eq(buf_new(&out, 4096), OK);
}

static void stop(void)
{
    keys_free(keys);
    buf_free(out);
}

/* ---- the format's own examples ---- */

/* C2SP signed-note, and golang.org/x/mod/sumdb/note. */
static const struct {
    const char *vkey, *note;
} notes[] = {
    {"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     "This is an example message.\n\n" DASH
     " example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72"
     "IneyaQM=\n"},
    {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
     "If you think cryptography is the answer to your problem,\nthen you don't know what your problem "
     "is.\n\n" DASH
     " PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJ"
     "nAM=\n"},
};

START_TEST(the_verifier_keys_of_the_format_come_out_the_same)
{
    struct vkey k;

    parse_vkey(&k, notes[_i].vkey);
    ck_assert_int_eq(note_verifier(out, k.name, k.public_key), OK);
    ck_assert_str_eq(buf_text(out), notes[_i].vkey);
    ck_assert(verifies(notes[_i].note, &k));
}
END_TEST

START_TEST(the_go_librarys_example_is_signed_to_the_byte)
{
    static const char signer[] = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    unsigned char typed[33], public_key[32], secret_key[64];

    ck_assert_uint_eq(from_base64(typed, sizeof typed, signer, strlen(signer)), sizeof typed);
    ck_assert_int_eq(crypto_sign_seed_keypair(public_key, secret_key, typed + 1), 0);
    ck_assert_int_eq(note_sign(out, "PeterNeumann", secret_key,
                               "If you think cryptography is the answer to your problem,\n"
                               "then you don't know what your problem is.\n"),
                     OK);
    ck_assert_str_eq(buf_text(out), notes[1].note);
}
END_TEST

/* ---- checkpoints ---- */

static const unsigned char roots[2][32] = {{0x0a, 0xc5, 0x18}, {0xff, 0xee, 0xdd}};

static const struct {
    uint64_t size;
    const char *text;
} checkpoints[] = {
    {0, ORIGIN "\n0\nCsUYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"},
    {20852163, ORIGIN "\n20852163\nCsUYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"},
    {UINT64_MAX, ORIGIN "\n18446744073709551615\nCsUYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"},
};

START_TEST(a_checkpoint_is_origin_size_and_root_and_verifies)
{
    CLEANUP(buf) struct buf *vkey = NULL;
    struct vkey k;

    ck_assert_int_eq(buf_new(&vkey, 300), OK);
    ck_assert_int_eq(keys_verifier(vkey, keys), OK);
    parse_vkey(&k, buf_text(vkey));
    ck_assert_str_eq(k.name, ORIGIN);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, checkpoints[_i].size, roots[0]), OK);
    ck_assert_int_eq(strncmp(buf_text(out), checkpoints[_i].text, strlen(checkpoints[_i].text)), 0);
    ck_assert(verifies(buf_text(out), &k));
    k.public_key[0] ^= 1;
    ck_assert(!verifies(buf_text(out), &k));
}
END_TEST

START_TEST(a_changed_checkpoint_does_not_verify)
{
    CLEANUP(buf) struct buf *vkey = NULL;
    CLEANUP(heap) char *forged = NULL;
    struct vkey k;

    ck_assert_int_eq(buf_new(&vkey, 300), OK);
    ck_assert_int_eq(keys_verifier(vkey, keys), OK);
    parse_vkey(&k, buf_text(vkey));
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 41, roots[0]), OK);
    forged = strdup(buf_text(out));
    *strstr(forged, "41") = '5';
    ck_assert(!verifies(forged, &k));
}
END_TEST

START_TEST(a_checkpoint_is_appended)
{
    ck_assert_int_eq(buf_append(out, "before", 6), OK);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 1, roots[0]), OK);
    ck_assert_int_eq(strncmp(buf_text(out), "before" ORIGIN "\n1\n", strlen("before" ORIGIN "\n1\n")), 0);
}
END_TEST

START_TEST(another_root_for_a_signed_size_is_refused)
{
    size_t len;

    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[0]), OK);
    len = buf_len(out);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[1]), ERR_DENIED);
    ck_assert_uint_eq(buf_len(out), len);
}
END_TEST

START_TEST(a_smaller_size_than_signed_is_refused)
{
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[0]), OK);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 6, roots[0]), ERR_DENIED);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 0, roots[1]), ERR_DENIED);
}
END_TEST

START_TEST(a_refusal_changes_nothing)
{
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[0]), OK);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 6, roots[1]), ERR_DENIED);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[1]), ERR_DENIED);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[0]), OK);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 8, roots[1]), OK);
}
END_TEST

START_TEST(the_same_checkpoint_again_is_the_same_bytes)
{
    size_t len;

    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[0]), OK);
    len = buf_len(out);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[0]), OK);
    ck_assert_uint_eq(buf_len(out), 2 * len);
    ck_assert_mem_eq(buf_bytes(out), buf_bytes(out) + len, len);
}
END_TEST

/* What could not be handed out may have been seen: it counts as signed. */
START_TEST(a_checkpoint_without_room_is_a_limit_and_still_counts)
{
    CLEANUP(buf) struct buf *small = NULL;

    ck_assert_int_eq(buf_new(&small, 40), OK);
    ck_assert_int_eq(keys_sign_checkpoint(small, keys, 7, roots[0]), ERR_LIMIT);
    ck_assert_uint_eq(buf_len(small), 0);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[1]), ERR_DENIED);
    ck_assert_int_eq(keys_sign_checkpoint(out, keys, 7, roots[0]), OK);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("note");
    TCase *c = tcase_create("note");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, start, stop);
    tcase_add_loop_test(c, ed25519_agrees_with_rfc_8032, 0, (int)COUNT(ed25519));
    tcase_add_loop_test(c, sha_256_agrees_with_fips_180_4, 0, (int)COUNT(sha256));
    tcase_add_loop_test(c, the_verifier_keys_of_the_format_come_out_the_same, 0, (int)COUNT(notes));
    tcase_add_test(c, the_go_librarys_example_is_signed_to_the_byte);
    tcase_add_loop_test(c, a_checkpoint_is_origin_size_and_root_and_verifies, 0, (int)COUNT(checkpoints));
    tcase_add_test(c, a_changed_checkpoint_does_not_verify);
    tcase_add_test(c, a_checkpoint_is_appended);
    tcase_add_test(c, another_root_for_a_signed_size_is_refused);
    tcase_add_test(c, a_smaller_size_than_signed_is_refused);
    tcase_add_test(c, a_refusal_changes_nothing);
    tcase_add_test(c, the_same_checkpoint_again_is_the_same_bytes);
    tcase_add_test(c, a_checkpoint_without_room_is_a_limit_and_still_counts);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
