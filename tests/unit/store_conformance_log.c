#include "store/merkle.h"
#include "tests/unit/store_conformance.h"
#include "tests/unit/store_scene.h"

START_TEST(leaves_are_numbered_without_gaps)
{
    uint64_t next = 0;

    for (unsigned round = 0; round < 60; round++) {
        struct store_batch *b[5];
        struct store_outcome outcomes[5];

        for (unsigned i = 0; i < 5; i++) {
            b[i] = batch();
            for (unsigned n = 0; n < i; n++)
                leaf(b[i], "x");
            if (i == 3)
                expect(b[i], KIND_CASE, "none", "conflict");
        }
        commit_group(b, 5, outcomes);
        for (unsigned i = 0; i < 5; i++) {
            if (outcomes[i].result != STORE_COMMITTED)
                continue;
            ck_assert_uint_eq(outcomes[i].first_leaf, next);
            next += i;
        }
        ck_assert_uint_eq(log_size(), next);
    }
    ck_assert_uint_eq(count_of(KIND_LEAF), next);
    reopen();
    ck_assert_uint_eq(log_size(), next);
}
END_TEST

static void check_proofs(uint64_t size, const unsigned char *root)
{
    char text[24];
    unsigned char hash[MERKLE_HASH], found[MERKLE_HASH];

    for (uint64_t index = 0; index < size; index += index < 20 || index + 20 > size ? 1 : 37) {
        CLEANUP(buf) struct buf *proof = NULL;
        int len = snprintf(text, sizeof text, "leaf %u", (unsigned)index);

        ck_assert_int_eq(buf_new(&proof, 64 * MERKLE_HASH), OK);
        ck_assert_int_eq(store_log_proof(s, index, size, proof), OK);
        merkle_leaf_hash(hash, text, (size_t)len);
        ck_assert_int_eq(
            merkle_proof_root(found, hash, index, size, buf_bytes(proof), buf_len(proof) / MERKLE_HASH), OK);
        ck_assert_mem_eq(found, root, MERKLE_HASH);
    }
}

START_TEST(proofs_lead_to_the_head_also_after_reopen)
{
    struct store_head at300 = {0}, head;
    CLEANUP(buf) struct buf *proof = NULL;

    for (unsigned i = 0; i < 700; i++) {
        struct store_batch *b = batch();
        char text[24];

        for (; i % 7 != 6; i++) {
            (void)snprintf(text, sizeof text, "leaf %u", i);
            leaf(b, text);
        }
        (void)snprintf(text, sizeof text, "leaf %u", i);
        leaf(b, text);
        ck_commit(b);
        ck_assert_int_eq(store_log_head(s, &head), OK);
        if (head.size == 301)
            at300 = head;
    }
    ck_assert_uint_eq(head.size, 700);
    for (int round = 0; round < 2; round++, reopen()) {
        check_proofs(700, head.root);
        check_proofs(301, at300.root);
    }
    ck_assert_int_eq(buf_new(&proof, 4096), OK);
    ck_assert_int_eq(store_log_proof(s, 700, 700, proof), ERR_NOTFOUND);
    ck_assert_int_eq(store_log_proof(s, 0, 701, proof), ERR_NOTFOUND);
}
END_TEST

START_TEST(a_side_record_stands_beside_its_leaf)
{
    static const char index[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    CLEANUP(buf) struct buf *value = NULL;
    struct store_batch *b = batch();

    leaf(b, "without");
    ck_assert_int_eq(store_batch_leaf(b, "with", 4, "details", 7), OK);
    ck_commit(b);
    ck_assert_uint_eq(count_of(KIND_DETAIL), 1);
    ck_assert_int_eq(buf_new(&value, 100), OK);
    ck_assert_int_eq(store_get(s, KIND_DETAIL, index, 8, value), OK);
    ck_assert_str_eq(buf_text(value), "details");
    buf_truncate(value, 0);
    ck_assert_int_eq(store_get(s, KIND_LEAF, index, 8, value), OK);
    ck_assert_str_eq(buf_text(value), "with");
}
END_TEST

/* The leaf at index, as text. */
static void ck_leaf_is(uint64_t index, const char *text)
{
    CLEANUP(buf) struct buf *found = NULL;
    unsigned char key[8];

    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)(index >> (56 - 8 * i));
    ck_assert_int_eq(buf_new(&found, LEAF_MAX), OK);
    ck_assert_int_eq(store_get(s, KIND_LEAF, key, sizeof key, found), OK);
    ck_assert_str_eq(buf_text(found), text);
}

START_TEST(leaves_stand_in_the_order_they_were_given)
{
    struct store_batch *b[2] = {batch(), batch()};
    struct store_outcome outcomes[2];
    char text[24];

    for (unsigned i = 0; i < 6; i++) {
        (void)snprintf(text, sizeof text, "leaf %u", i);
        leaf(b[i / 3], text);
    }
    commit_group(b, 2, outcomes);
    for (unsigned i = 0; i < 6; i++) {
        (void)snprintf(text, sizeof text, "leaf %u", i);
        ck_leaf_is(i, text);
    }
    ck_assert_uint_eq(damage(), 0);
}
END_TEST

START_TEST(the_last_group_acknowledged_is_there_after_reopen)
{
    for (unsigned life = 0; life < 20; life++) {
        struct store_head before, after;
        char text[24];

        (void)snprintf(text, sizeof text, "life %u", life);
        ck_commit(photo_batch(text));
        ck_assert_int_eq(store_log_head(s, &before), OK);
        reopen();
        ck_assert_int_eq(store_log_head(s, &after), OK);
        ck_assert_uint_eq(after.size, before.size);
        ck_assert_mem_eq(after.root, before.root, sizeof after.root);
        ck_assert(holds(KIND_RENDITION, text, "picture"));
        ck_assert(holds(KIND_KEY, text, "wrapped"));
        ck_leaf_is(life, text);
    }
}
END_TEST

static void ck_undamaged(void)
{
    ck_assert_uint_eq(damage(), 0);
    ck_assert_int_eq(store_verify(s, 0, log_size() + 1, NULL, NULL), ERR_NOTFOUND);
    ck_assert_int_eq(store_verify(s, 1, 0, NULL, NULL), ERR_NOTFOUND);
    ck_assert_int_eq(store_verify(s, log_size() / 3, log_size() / 2, NULL, NULL), OK);
}

START_TEST(verify_finds_nothing_wrong_in_a_store_of_any_size)
{
    static const unsigned steps[] = {0, 1, 254, 1, 1, 300, 700, 65000};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct store_batch *b = batch();

        for (unsigned n = 0; n < steps[i]; n++)
            leaf(b, "a leaf");
        ck_commit(b);
        ck_undamaged();
    }
    reopen();
    ck_undamaged();
}
END_TEST

/* ---- Many writes ---- */

#define MANY_GROUPS 50
#define MANY_GROUP  40

static struct store_batch *numbered_batch(unsigned n)
{
    struct store_batch *b = batch();
    char name[16], value[24];

    (void)snprintf(name, sizeof name, "%06u", n);
    (void)snprintf(value, sizeof value, "value of %u", n);
    put(b, KIND_STUDENT, name, value);
    put(b, KIND_RENDITION, name, value);
    put(b, KIND_KEY, name, value);
    put(b, KIND_ROW, name, "to be deleted");
    ck_assert_int_eq(store_batch_leaf(b, value, strlen(value), value, strlen(value)), OK);
    return b;
}

static void ck_numbered(unsigned n)
{
    char name[16], value[24];

    (void)snprintf(name, sizeof name, "%06u", n);
    (void)snprintf(value, sizeof value, "value of %u", n);
    ck_assert(holds(KIND_STUDENT, name, value));
    ck_assert(holds(KIND_RENDITION, name, value));
    ck_assert(holds(KIND_KEY, name, value));
    ck_leaf_is(n, value);
}

static void ck_many(void)
{
    const unsigned many = MANY_GROUPS * MANY_GROUP;
    static const enum store_kind kinds[] = {KIND_STUDENT, KIND_RENDITION, KIND_KEY, KIND_LEAF, KIND_DETAIL};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        ck_assert_uint_eq(count_of(kinds[i]), many);
    ck_assert_uint_eq(count_of(KIND_ROW), 0);
    for (unsigned n = 0; n < many; n++)
        ck_numbered(n);
    ck_assert_uint_eq(damage(), 0);
}

START_TEST(of_ten_thousand_writes_none_is_missing)
{
    for (unsigned group = 0; group < MANY_GROUPS; group++) {
        struct store_batch *b[MANY_GROUP];
        struct store_outcome outcomes[MANY_GROUP];

        for (unsigned i = 0; i < MANY_GROUP; i++)
            b[i] = numbered_batch(group * MANY_GROUP + i);
        commit_group(b, MANY_GROUP, outcomes);
        for (unsigned i = 0; i < MANY_GROUP; i++)
            ck_assert_int_eq(outcomes[i].result, STORE_COMMITTED);
    }
    for (unsigned n = 0; n < MANY_GROUPS * MANY_GROUP; n += 100) {
        struct store_batch *b = batch();
        char name[16];

        for (unsigned i = n; i < n + 100; i++) {
            (void)snprintf(name, sizeof name, "%06u", i);
            del(b, KIND_ROW, name);
        }
        ck_commit(b);
    }
    for (int life = 0; life < 2; life++, reopen())
        ck_many();
}
END_TEST

void store_conformance_log(TCase *c)
{
    tcase_add_test(c, leaves_are_numbered_without_gaps);
    tcase_add_test(c, leaves_stand_in_the_order_they_were_given);
    tcase_add_test(c, proofs_lead_to_the_head_also_after_reopen);
    tcase_add_test(c, a_side_record_stands_beside_its_leaf);
    tcase_add_test(c, the_last_group_acknowledged_is_there_after_reopen);
    tcase_add_test(c, verify_finds_nothing_wrong_in_a_store_of_any_size);
    tcase_add_test(c, of_ten_thousand_writes_none_is_missing);
}
