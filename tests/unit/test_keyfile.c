/* The key file and what its keys do (keys/keyfile), and the wrapping of data keys (keys/ring). */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "keys/inside.h"
#include "keys/note.h"
#include "keys/seal.h"
#include "photod/base/text.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define ORIGIN   "photod.example/demo"
#define HUNDRED                                                                                              \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

/* In place of libsodium's own, for a CPU without AES; only our code asks it. */
static bool aes_is_hidden;

int crypto_aead_aes256gcm_is_available(void)
{
    return !aes_is_hidden && sodium_runtime_has_aesni() && sodium_runtime_has_pclmul();
}

static struct secret *root;
static struct keys *keys;
static struct buf *file;

static void start(void)
{
    ck_assert_int_eq(keys_init(), OK);
    ck_assert_int_eq(secret_random(&root, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(keys_create(&keys, ORIGIN, "7f3a91c2"), OK);
    ck_assert_int_eq(buf_new(&file, 4096), OK);
    ck_assert_int_eq(keys_seal(file, keys, root), OK);
}

static void stop(void)
{
    secret_free(root);
    keys_free(keys);
    buf_free(file);
}

/* ---- the file ---- */

START_TEST(what_was_created_opens_the_same)
{
    CLEANUP(keys) struct keys *again = NULL;
    unsigned char a[SID_BYTES], b[SID_BYTES];

    ck_assert_int_eq(keys_open(&again, root, buf_bytes(file), buf_len(file)), OK);
    ck_assert_mem_eq(keys_content(again), keys_content(keys), sizeof(struct key_content));
    ck_assert_str_eq(keys_origin(again), ORIGIN);
    ck_assert_uint_eq(keys_ring_epoch(again), 1);
    keys_sid(a, keys, "012345678");
    keys_sid(b, again, "012345678");
    ck_assert_mem_eq(a, b, SID_BYTES);
}
END_TEST

START_TEST(another_root_key_does_not_open)
{
    CLEANUP(secret) struct secret *wrong = NULL;
    struct keys *k = NULL;

    ck_assert_int_eq(secret_random(&wrong, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(keys_open(&k, wrong, buf_bytes(file), buf_len(file)), ERR_CORRUPT);
    ck_assert_ptr_null(k);
}
END_TEST

START_TEST(a_root_key_of_another_length_does_not_open)
{
    CLEANUP(secret) struct secret *wrong = NULL;
    struct keys *k;

    ck_assert_int_eq(secret_random(&wrong, ROOT_KEY_BYTES - 1), OK);
    ck_assert_int_eq(keys_open(&k, wrong, buf_bytes(file), buf_len(file)), ERR_CORRUPT);
    ck_assert_int_eq(keys_seal(file, keys, wrong), ERR_CORRUPT);
}
END_TEST

START_TEST(the_root_key_itself_seals_nothing)
{
    CLEANUP(dek) struct dek *raw = NULL;
    CLEANUP(buf) struct buf *out = NULL;

    ck_assert_int_eq(buf_new(&out, 4096), OK);
    ck_assert_int_eq(dek_copy(&raw, secret_peek(root)), OK);
    ck_assert_int_eq(envelope_open(out, raw, &key_file_binding, buf_bytes(file), buf_len(file)), ERR_CORRUPT);
}
END_TEST

START_TEST(every_damaged_byte_of_the_file_is_corrupt)
{
    CLEANUP(heap) unsigned char *copy = malloc(buf_len(file));
    struct keys *k;

    memcpy(copy, buf_bytes(file), buf_len(file));
    for (size_t i = 0; i < buf_len(file); i++) {
        copy[i] ^= 0x80;
        ck_assert_msg(keys_open(&k, root, copy, buf_len(file)) == ERR_CORRUPT, "byte %zu", i);
        copy[i] ^= 0x80;
    }
}
END_TEST

START_TEST(a_file_cut_short_is_corrupt)
{
    struct keys *k;

    for (size_t len = 0; len < buf_len(file); len++)
        ck_assert_int_eq(keys_open(&k, root, buf_bytes(file), len), ERR_CORRUPT);
}
END_TEST

START_TEST(a_file_sealed_by_aes_is_refused_not_called_corrupt_where_the_cpu_has_none)
{
    CLEANUP(keys) struct keys *k = NULL;
    bool has_aes = crypto_aead_aes256gcm_is_available();

    aes_is_hidden = true;
    ck_assert_int_eq(keys_open(&k, root, buf_bytes(file), buf_len(file)), has_aes ? ERR_DENIED : OK);
    buf_truncate(file, 0);
    ck_assert_int_eq(keys_seal(file, keys, root), OK); /* by the other suite */
    ck_assert_int_eq(keys_open(&k, root, buf_bytes(file), buf_len(file)), OK);
    aes_is_hidden = false;
}
END_TEST

/* ---- Two root keys, while one follows the other ---- */

static struct keys *open_by(const struct secret *with)
{
    struct keys *k = NULL;

    return keys_open(&k, with, buf_bytes(file), buf_len(file)) ? NULL : k;
}

static void seal_again(const struct keys *k, const struct secret *with)
{
    buf_truncate(file, 0);
    ck_assert_int_eq(keys_seal(file, k, with), OK);
}

START_TEST(until_a_root_key_is_replaced_both_open_and_then_the_new_one_only)
{
    CLEANUP(secret) struct secret *next = NULL;
    CLEANUP(keys) struct keys *by_old = NULL;
    CLEANUP(keys) struct keys *by_next = NULL;
    CLEANUP(keys) struct keys *ended = NULL;
    char set[9];

    ck_assert_int_eq(secret_random(&next, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(keys_root_begin(keys, next, "0badcafe"), OK);
    seal_again(keys, root);
    by_old = open_by(root);
    by_next = open_by(next);
    ck_assert(by_old && by_next);
    ck_assert_mem_eq(keys_content(by_old), keys_content(by_next), sizeof(struct key_content));
    ck_assert(keys_root_is_changing(by_old) && !keys_root_is_next(by_old, root));
    ck_assert(keys_root_is_next(by_next, next));
    ck_assert_uint_eq(keys_root_epoch(by_old), 1);
    seal_again(by_old, root); /* who was started by the old one writes both */
    keys_free(by_next);
    by_next = open_by(next);
    ck_assert_ptr_nonnull(by_next);

    keys_root_end(by_next);
    seal_again(by_next, next);
    ended = open_by(next);
    ck_assert_ptr_nonnull(ended);
    ck_assert_ptr_null(open_by(root));
    ck_assert(!keys_root_is_changing(ended) && !keys_root_is_next(ended, next));
    ck_assert_uint_eq(keys_root_epoch(ended), 2);
    keys_share_set(set, ended);
    ck_assert_str_eq(set, "0badcafe");
    keys_root_end(ended);
    ck_assert_uint_eq(keys_root_epoch(ended), 2); /* once */
}
END_TEST

START_TEST(a_replacement_that_is_given_up_or_begun_again_leaves_nothing_of_the_first)
{
    CLEANUP(secret) struct secret *first = NULL;
    CLEANUP(secret) struct secret *second = NULL;
    CLEANUP(keys) struct keys *k = NULL;

    ck_assert_int_eq(secret_random(&first, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(secret_random(&second, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(keys_root_begin(keys, first, "not a set"), ERR_MALFORMED);
    ck_assert(!keys_root_is_changing(keys));
    ck_assert_int_eq(keys_root_begin(keys, first, "00000001"), OK);
    ck_assert_int_eq(keys_root_begin(keys, second, "00000002"), OK);
    seal_again(keys, root);
    ck_assert_ptr_null(open_by(first));
    k = open_by(second);
    ck_assert_ptr_nonnull(k);
    keys_root_cancel(keys);
    seal_again(keys, root);
    ck_assert_ptr_null(open_by(second));
    keys_free(k);
    k = open_by(root);
    ck_assert_ptr_nonnull(k);
    for (size_t i = 0; i < ROOT_KEY_BYTES; i++)
        ck_assert_uint_eq(keys_content(k)->next_root[i], 0);
}
END_TEST

START_TEST(a_file_of_two_that_is_damaged_is_corrupt_and_opens_by_what_is_whole)
{
    CLEANUP(secret) struct secret *next = NULL;
    unsigned char *bytes;
    size_t len;

    ck_assert_int_eq(secret_random(&next, ROOT_KEY_BYTES), OK);
    ck_assert_int_eq(keys_root_begin(keys, next, "0badcafe"), OK);
    seal_again(keys, root);
    len = buf_len(file);
    bytes = malloc(len);
    memcpy(bytes, buf_bytes(file), len);
    for (size_t i = 0; i < len; i++) {
        struct keys *by_old = NULL, *by_next = NULL;
        bool old, new;

        bytes[i] ^= 1;
        old = keys_open(&by_old, root, bytes, len) == OK;
        new = keys_open(&by_next, next, bytes, len) == OK;
        ck_assert_msg(!(old && new), "byte %zu", i);
        ck_assert_msg(i < len / 2 ? !old : old, "byte %zu", i);
        keys_free(by_old);
        keys_free(by_next);
        bytes[i] ^= 1;
    }
    for (size_t cut = 0; cut < len; cut++) {
        struct keys *k = NULL;

        if (cut != len / 2) /* which is a file of one */
            ck_assert_int_eq(keys_open(&k, root, bytes, cut), ERR_CORRUPT);
    }
    free(bytes);
}
END_TEST

/* Seals a content that keys_seal() never would, as another version might. */
static enum err open_content(const void *content, size_t len)
{
    CLEANUP(dek) struct dek *key = NULL;
    CLEANUP(buf) struct buf *other = NULL;
    CLEANUP(keys) struct keys *k = NULL;

    ck_assert_int_eq(root_dek(&key, root), OK);
    ck_assert_int_eq(buf_new(&other, 16384), OK);
    ck_assert_int_eq(envelope_seal(other, key, &key_file_binding, content, len), OK);
    return keys_open(&k, root, buf_bytes(other), buf_len(other));
}

START_TEST(a_file_of_a_later_photod_is_refused_not_called_corrupt)
{
    struct key_content c = *keys_content(keys);
    unsigned char longer[sizeof c + 100] = {0};

    c.format[0]++;
    memcpy(longer, &c, sizeof c);
    ck_assert_int_eq(open_content(&c, sizeof c), ERR_DENIED);
    ck_assert_int_eq(open_content(longer, sizeof longer), ERR_DENIED);
}
END_TEST

START_TEST(an_authentic_file_that_makes_no_sense_is_corrupt)
{
    struct key_content c = *keys_content(keys);
    static const unsigned char large[5000];

    ck_assert_int_eq(open_content(&c, sizeof c), OK);
    ck_assert_int_eq(open_content(&c, sizeof c - 1), ERR_CORRUPT);
    ck_assert_int_eq(open_content(&c, 3), ERR_CORRUPT);
    ck_assert_int_eq(open_content(&c, 0), ERR_CORRUPT);
    ck_assert_int_eq(open_content(large, sizeof large), ERR_CORRUPT);
    c.format[0] = 0;
    ck_assert_int_eq(open_content(&c, sizeof c), ERR_CORRUPT);
    c = *keys_content(keys);
    c.ring_count[0] = 0;
    ck_assert_int_eq(open_content(&c, sizeof c), ERR_CORRUPT);
    c.ring_count[0] = RING_KEY_MAX + 1;
    ck_assert_int_eq(open_content(&c, sizeof c), ERR_CORRUPT);
    c = *keys_content(keys);
    memset(c.origin, 'a', sizeof c.origin);
    ck_assert_int_eq(open_content(&c, sizeof c), ERR_CORRUPT);
    memset(c.origin, 0, sizeof c.origin);
    ck_assert_int_eq(open_content(&c, sizeof c), ERR_CORRUPT);
}
END_TEST

static const struct {
    const char *origin;
    enum err expected;
} origins[] = {
    {"a", OK},
    {HUNDRED, OK},
    {"", ERR_MALFORMED},
    {HUNDRED "0", ERR_MALFORMED},
    {"a b", ERR_MALFORMED},
    {"a+b", ERR_MALFORMED},
    {"a\n", ERR_MALFORMED},
    {"caf\xc3\xa9", ERR_MALFORMED},
    {"a\x7f", ERR_MALFORMED},
};

START_TEST(an_origin_is_one_printable_word)
{
    CLEANUP(keys) struct keys *k = NULL;
    CLEANUP(keys) struct keys *again = NULL;

    ck_assert_msg(keys_create(&k, origins[_i].origin, "7f3a91c2") == origins[_i].expected, "%s",
                  origins[_i].origin);
    if (!k)
        return;
    buf_truncate(file, 0);
    ck_assert_int_eq(keys_seal(file, k, root), OK);
    ck_assert_int_eq(keys_open(&again, root, buf_bytes(file), buf_len(file)), OK);
    ck_assert_str_eq(keys_origin(again), origins[_i].origin);
}
END_TEST

/* ---- what the keys do ---- */

START_TEST(domains_are_kept_apart)
{
    unsigned char sid[SID_BYTES], same[SID_BYTES], other[SID_BYTES], commitment[COMMITMENT_BYTES];

    keys_sid(sid, keys, "012345678");
    keys_sid(same, keys, "012345678");
    ck_assert_mem_eq(sid, same, SID_BYTES);
    keys_sid(other, keys, "012345679");
    ck_assert_mem_ne(sid, other, SID_BYTES);
    keys_index(other, keys, "case", "012345678", 9);
    ck_assert_mem_ne(sid, other, SID_BYTES);
    keys_index(sid, keys, "ab", "c", 1);
    keys_index(other, keys, "a", "bc", 2);
    ck_assert_mem_ne(sid, other, SID_BYTES);
    keys_commit(commitment, keys, "ab", "c", 1);
    ck_assert_mem_ne(sid, commitment, SID_BYTES);
}
END_TEST

START_TEST(another_state_gives_the_same_student_another_name)
{
    CLEANUP(keys) struct keys *elsewhere = NULL;
    unsigned char here[SID_BYTES], there[SID_BYTES];

    ck_assert_int_eq(keys_create(&elsewhere, ORIGIN, "7f3a91c2"), OK);
    keys_sid(here, keys, "012345678");
    keys_sid(there, elsewhere, "012345678");
    ck_assert_mem_ne(here, there, SID_BYTES);
}
END_TEST

/* On disk for ever: a change of how names are made would lose every student. */
START_TEST(a_name_is_the_keyed_hash_of_its_domain_and_bytes)
{
    static const char message[] = "\x08"
                                  "state-id012345678";
    unsigned char sid[SID_BYTES], expected[SID_BYTES];

    keys_sid(sid, keys, "012345678");
    (void)crypto_generichash(expected, sizeof expected, (const unsigned char *)message, sizeof message - 1,
                             keys_content(keys)->index, 32);
    ck_assert_mem_eq(sid, expected, SID_BYTES);
}
END_TEST

/* ---- the ring ---- */

static const struct binding binding = {.class = SEAL_DEK, .generation = 3, .subject = {1, 2, 3}};

START_TEST(a_wrapped_key_is_the_same_when_unwrapped)
{
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(dek) struct dek *back = NULL;
    CLEANUP(buf) struct buf *wrapped = NULL;

    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_int_eq(buf_new(&wrapped, 200), OK);
    ck_assert_int_eq(keys_wrap(wrapped, keys, d, &binding), OK);
    ck_assert_uint_eq(buf_len(wrapped), envelope_len(DEK_BYTES));
    ck_assert_int_eq(keys_unwrap(&back, keys, &binding, buf_bytes(wrapped), buf_len(wrapped)), OK);
    ck_assert_ptr_ne(back, d);
    ck_assert_mem_eq(back->bytes, d->bytes, DEK_BYTES);
    ck_assert_mem_eq(back->id, d->id, KEY_ID_BYTES);
}
END_TEST

START_TEST(the_class_of_a_wrapped_key_is_always_the_same)
{
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(dek) struct dek *back = NULL;
    CLEANUP(buf) struct buf *wrapped = NULL;
    struct binding batch = binding;

    batch.class = SEAL_BATCH;
    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_int_eq(buf_new(&wrapped, 200), OK);
    ck_assert_int_eq(keys_wrap(wrapped, keys, d, &batch), OK);
    ck_assert_uint_eq(buf_bytes(wrapped)[6], SEAL_DEK);
    ck_assert_int_eq(keys_unwrap(&back, keys, &binding, buf_bytes(wrapped), buf_len(wrapped)), OK);
}
END_TEST

START_TEST(a_key_wrapped_for_one_child_does_not_unwrap_for_another)
{
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(buf) struct buf *wrapped = NULL;
    struct dek *back;
    struct binding child = binding, generation = binding, rendition = binding;

    child.subject[15] = 1;
    generation.generation = 4;
    rendition.rendition = 1;
    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_int_eq(buf_new(&wrapped, 200), OK);
    ck_assert_int_eq(keys_wrap(wrapped, keys, d, &binding), OK);
    ck_assert_int_eq(keys_unwrap(&back, keys, &child, buf_bytes(wrapped), buf_len(wrapped)), ERR_CORRUPT);
    ck_assert_int_eq(keys_unwrap(&back, keys, &generation, buf_bytes(wrapped), buf_len(wrapped)),
                     ERR_CORRUPT);
    ck_assert_int_eq(keys_unwrap(&back, keys, &rendition, buf_bytes(wrapped), buf_len(wrapped)), ERR_CORRUPT);
    for (size_t len = 0; len < buf_len(wrapped); len++)
        ck_assert_int_eq(keys_unwrap(&back, keys, &binding, buf_bytes(wrapped), len), ERR_CORRUPT);
}
END_TEST

START_TEST(a_failed_unwrap_holds_no_slot)
{
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(buf) struct buf *wrapped = NULL;
    struct dek *back;
    struct binding child = {.subject = {9}};

    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_int_eq(buf_new(&wrapped, 200), OK);
    ck_assert_int_eq(keys_wrap(wrapped, keys, d, &binding), OK);
    for (int i = 0; i < 2 * DEK_SLOTS; i++)
        ck_assert_int_eq(keys_unwrap(&back, keys, &child, buf_bytes(wrapped), buf_len(wrapped)), ERR_CORRUPT);
}
END_TEST

/* The state that rotation passes through: an old ring key unwraps, the last one wraps, a gone one does
 * nothing. */
START_TEST(while_two_ring_keys_are_held_both_unwrap_and_the_last_wraps)
{
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(buf) struct buf *old = NULL;
    CLEANUP(buf) struct buf *new = NULL;
    struct key_content *c = (struct key_content *)secret_bytes(keys->content);
    CLEANUP(keys) struct keys *both = NULL;
    CLEANUP(dek) struct dek *from_old = NULL;
    CLEANUP(dek) struct dek *from_new = NULL;
    struct dek *none;

    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_int_eq(buf_new(&old, 200), OK);
    ck_assert_int_eq(buf_new(&new, 200), OK);
    ck_assert_int_eq(keys_wrap(old, keys, d, &binding), OK);
    c->ring_count[0] = 2;
    c->ring_epoch[0] = 2;
    randombytes_buf(c->ring[1], DEK_BYTES);
    buf_truncate(file, 0);
    ck_assert_int_eq(keys_seal(file, keys, root), OK);
    ck_assert_int_eq(keys_open(&both, root, buf_bytes(file), buf_len(file)), OK);
    ck_assert_uint_eq(keys_ring_epoch(both), 2);
    ck_assert_int_eq(keys_wrap(new, both, d, &binding), OK);
    ck_assert_int_eq(keys_unwrap(&from_old, both, &binding, buf_bytes(old), buf_len(old)), OK);
    ck_assert_int_eq(keys_unwrap(&from_new, both, &binding, buf_bytes(new), buf_len(new)), OK);
    ck_assert_mem_eq(from_old->bytes, from_new->bytes, DEK_BYTES);
    ck_assert_int_eq(keys_unwrap(&none, keys, &binding, buf_bytes(new), buf_len(new)), ERR_CORRUPT);
}
END_TEST

START_TEST(a_rotation_ends_what_the_old_ring_key_wrapped)
{
    CLEANUP(buf) struct buf *old = NULL;
    CLEANUP(buf) struct buf *new = NULL;
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(dek) struct dek *again = NULL;
    CLEANUP(dek) struct dek *none = NULL;
    CLEANUP(keys) struct keys *reopened = NULL;
    struct binding b = {.class = SEAL_DEK, .generation = 3};

    ck_assert_int_eq(buf_new(&old, 256), OK);
    ck_assert_int_eq(buf_new(&new, 256), OK);
    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_int_eq(keys_wrap(old, keys, d, &b), OK);
    ck_assert(keys_is_current(keys, buf_bytes(old), buf_len(old)));
    ck_assert_int_eq(keys_ring_begin(keys), OK);
    ck_assert_int_eq(keys_ring_begin(keys), ERR_BUSY);
    ck_assert(keys_ring_is_rotating(keys));
    ck_assert(!keys_is_current(keys, buf_bytes(old), buf_len(old)));
    ck_assert_int_eq(keys_wrap(new, keys, d, &b), OK);
    ck_assert(keys_is_current(keys, buf_bytes(new), buf_len(new)));
    keys_ring_end(keys);
    ck_assert(!keys_ring_is_rotating(keys));
    ck_assert_uint_eq(keys_ring_epoch(keys), 2);
    ck_assert_int_eq(keys_unwrap(&none, keys, &b, buf_bytes(old), buf_len(old)), ERR_CORRUPT);
    buf_truncate(file, 0);
    ck_assert_int_eq(keys_seal(file, keys, root), OK);
    ck_assert_int_eq(keys_open(&reopened, root, buf_bytes(file), buf_len(file)), OK);
    ck_assert_int_eq(keys_unwrap(&none, reopened, &b, buf_bytes(old), buf_len(old)), ERR_CORRUPT);
    ck_assert_int_eq(keys_unwrap(&again, reopened, &b, buf_bytes(new), buf_len(new)), OK);
    ck_assert_mem_eq(again->bytes, d->bytes, DEK_BYTES);
}
END_TEST

START_TEST(a_rotation_cut_off_by_a_crash_is_seen_when_opened)
{
    CLEANUP(keys) struct keys *reopened = NULL;

    ck_assert_int_eq(keys_ring_begin(keys), OK);
    buf_truncate(file, 0);
    ck_assert_int_eq(keys_seal(file, keys, root), OK);
    ck_assert_int_eq(keys_open(&reopened, root, buf_bytes(file), buf_len(file)), OK);
    ck_assert(keys_ring_is_rotating(reopened));
    keys_ring_end(reopened);
    ck_assert(!keys_ring_is_rotating(reopened));
}
END_TEST

START_TEST(a_cancelled_rotation_changes_nothing)
{
    CLEANUP(buf) struct buf *wrapped = NULL;
    CLEANUP(dek) struct dek *d = NULL;
    CLEANUP(dek) struct dek *again = NULL;
    struct binding b = {.class = SEAL_DEK};

    ck_assert_int_eq(buf_new(&wrapped, 256), OK);
    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_int_eq(keys_wrap(wrapped, keys, d, &b), OK);
    ck_assert_int_eq(keys_ring_begin(keys), OK);
    keys_ring_cancel(keys);
    ck_assert_uint_eq(keys_ring_epoch(keys), 1);
    ck_assert(keys_is_current(keys, buf_bytes(wrapped), buf_len(wrapped)));
    ck_assert_int_eq(keys_unwrap(&again, keys, &b, buf_bytes(wrapped), buf_len(wrapped)), OK);
}
END_TEST

START_TEST(opening_and_freeing_leaves_no_slot_taken)
{
    for (int i = 0; i < DEK_SLOTS; i++) {
        struct keys *k;

        ck_assert_int_eq(keys_open(&k, root, buf_bytes(file), buf_len(file)), OK);
        keys_free(k);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("keyfile");
    TCase *c = tcase_create("keyfile");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, start, stop);
    tcase_add_test(c, what_was_created_opens_the_same);
    tcase_add_test(c, another_root_key_does_not_open);
    tcase_add_test(c, a_root_key_of_another_length_does_not_open);
    tcase_add_test(c, the_root_key_itself_seals_nothing);
    tcase_add_test(c, every_damaged_byte_of_the_file_is_corrupt);
    tcase_add_test(c, a_file_cut_short_is_corrupt);
    tcase_add_test(c, a_file_sealed_by_aes_is_refused_not_called_corrupt_where_the_cpu_has_none);
    tcase_add_test(c, until_a_root_key_is_replaced_both_open_and_then_the_new_one_only);
    tcase_add_test(c, a_replacement_that_is_given_up_or_begun_again_leaves_nothing_of_the_first);
    tcase_add_test(c, a_file_of_two_that_is_damaged_is_corrupt_and_opens_by_what_is_whole);
    tcase_add_test(c, a_file_of_a_later_photod_is_refused_not_called_corrupt);
    tcase_add_test(c, an_authentic_file_that_makes_no_sense_is_corrupt);
    tcase_add_loop_test(c, an_origin_is_one_printable_word, 0, (int)COUNT(origins));
    tcase_add_test(c, domains_are_kept_apart);
    tcase_add_test(c, another_state_gives_the_same_student_another_name);
    tcase_add_test(c, a_name_is_the_keyed_hash_of_its_domain_and_bytes);
    tcase_add_test(c, a_wrapped_key_is_the_same_when_unwrapped);
    tcase_add_test(c, the_class_of_a_wrapped_key_is_always_the_same);
    tcase_add_test(c, a_key_wrapped_for_one_child_does_not_unwrap_for_another);
    tcase_add_test(c, a_failed_unwrap_holds_no_slot);
    tcase_add_test(c, while_two_ring_keys_are_held_both_unwrap_and_the_last_wraps);
    tcase_add_test(c, a_rotation_ends_what_the_old_ring_key_wrapped);
    tcase_add_test(c, a_rotation_cut_off_by_a_crash_is_seen_when_opened);
    tcase_add_test(c, a_cancelled_rotation_changes_nothing);
    tcase_add_test(c, opening_and_freeing_leaves_no_slot_taken);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
