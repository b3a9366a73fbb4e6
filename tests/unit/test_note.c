#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "keys/inside.h"
#include "keys/note.h"
#include "photod/base/text.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define ORIGIN   "photod.example/demo"

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
    ck_assert_int_eq(keys_create(&keys, ORIGIN, "7f3a91c2"), OK);
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
