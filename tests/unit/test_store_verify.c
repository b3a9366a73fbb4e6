#include "store/backend.h"
#include "store/log.h"
#include "store/memory.h"
#include "tests/unit/store_scene.h"
#include "tests/unit/suite.h"

/* Each damage is done behind the store's back, and must be the only one that is found. */

static void open_with_leaves(unsigned count)
{
    struct store_batch *b = batch();
    char text[24];

    ck_assert_int_eq(store_open_memory(&s), OK);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "leaf %u", i);
        ck_assert_int_eq(store_batch_leaf(b, text, strlen(text), "detail", 6), OK);
    }
    put(b, KIND_STUDENT, "sid", "record");
    ck_commit(b);
    ck_assert_uint_eq(damage(), 0);
}

/* value NULL: removes the entry. */
static void tamper(enum store_kind kind, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct span k = {key, key_len}, v = {value, value_len};

    ck_assert_int_eq(s->ops->begin(s), OK);
    ck_assert_int_eq(value ? s->ops->put(s, kind, k, v) : s->ops->remove(s, kind, k), OK);
    ck_assert_int_eq(s->ops->commit(s), OK);
    ck_assert_int_eq(s->ops->erase(s), OK);
}

static void tamper_leaf(enum store_kind kind, uint64_t index, const char *value)
{
    unsigned char key[LOG_INDEX_BYTES];

    log_index_encode(key, index);
    tamper(kind, key, sizeof key, value, value ? strlen(value) : 0);
}

/* Flips one bit of a hash. */
static void tamper_tile(unsigned level, uint64_t tile, unsigned hash)
{
    CLEANUP(buf) struct buf *b = NULL;
    unsigned char key[LOG_TILE_KEY_BYTES], bytes[MERKLE_TILE_BYTES];

    log_tile_key(key, level, tile);
    ck_assert_int_eq(buf_new(&b, sizeof bytes), OK);
    ck_assert_int_eq(store_get(s, KIND_TILE, key, sizeof key, b), OK);
    memcpy(bytes, buf_bytes(b), buf_len(b));
    bytes[hash * MERKLE_HASH] ^= 1;
    tamper(KIND_TILE, key, sizeof key, bytes, buf_len(b));
}

static void remove_tile(unsigned level, uint64_t tile)
{
    unsigned char key[LOG_TILE_KEY_BYTES];

    log_tile_key(key, level, tile);
    tamper(KIND_TILE, key, sizeof key, NULL, 0);
}

START_TEST(a_changed_leaf_is_found)
{
    open_with_leaves(600);
    tamper_leaf(KIND_LEAF, 300, "leaf 301");
    ck_assert_uint_eq(damage(), 1);
    ck_assert_int_eq(store_verify(s, 301, 600, NULL, NULL), OK);
    ck_assert_int_eq(store_verify(s, 0, 300, NULL, NULL), OK);
    tamper_leaf(KIND_LEAF, 300, "leaf 300");
    ck_assert_uint_eq(damage(), 0);
}
END_TEST

START_TEST(a_missing_leaf_is_found)
{
    open_with_leaves(600);
    tamper_leaf(KIND_LEAF, 599, NULL);
    ck_assert_uint_eq(damage(), 1);
}
END_TEST

START_TEST(a_leaf_or_side_record_beyond_the_end_is_found)
{
    open_with_leaves(10);
    tamper_leaf(KIND_LEAF, 10, "one more");
    ck_assert_uint_eq(damage(), 1);
    tamper_leaf(KIND_DETAIL, 10, "one more");
    ck_assert_uint_eq(damage(), 2);
}
END_TEST

START_TEST(a_side_record_may_be_gone)
{
    open_with_leaves(10);
    tamper_leaf(KIND_DETAIL, 5, NULL);
    ck_assert_uint_eq(damage(), 0);
}
END_TEST

START_TEST(a_changed_hash_is_found_in_every_tile)
{
    static const struct {
        unsigned level;
        uint64_t tile;
        unsigned hash, pieces;
    } cases[] = {
        {0, 0, 7, 2},  /* the leaf, and the hash above */
        {0, 2, 87, 2}, /* the leaf, and the root */
        {1, 0, 1, 2},  /* the tile below, and the root */
    };

    open_with_leaves(600);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tamper_tile(cases[i].level, cases[i].tile, cases[i].hash);
        ck_assert_uint_eq(damage(), cases[i].pieces);
        tamper_tile(cases[i].level, cases[i].tile, cases[i].hash);
        ck_assert_uint_eq(damage(), 0);
    }
}
END_TEST

START_TEST(a_missing_tile_is_found)
{
    open_with_leaves(600);
    remove_tile(0, 1);
    ck_assert_uint_ge(damage(), 1);
}
END_TEST

START_TEST(a_tile_the_log_does_not_have_is_found)
{
    unsigned char key[LOG_TILE_KEY_BYTES], bytes[MERKLE_HASH] = {0};

    open_with_leaves(600);
    log_tile_key(key, 2, 0);
    tamper(KIND_TILE, key, sizeof key, bytes, sizeof bytes);
    ck_assert_uint_eq(damage(), 1);
    log_tile_key(key, 0, UINT64_MAX);
    tamper(KIND_TILE, key, sizeof key, bytes, sizeof bytes);
    ck_assert_uint_eq(damage(), 2);
}
END_TEST

START_TEST(a_head_of_another_tree_is_found)
{
    unsigned char head[LOG_INDEX_BYTES + LOG_HASH_BYTES] = {0};

    open_with_leaves(600);
    tamper(KIND_META, "log", 3, head, sizeof head);
    ck_assert_uint_eq(damage(), 1);
    tamper(KIND_META, "log", 3, "", 0);
    ck_assert_uint_eq(damage(), 1);
}
END_TEST

SUITE("store_verify", a_changed_leaf_is_found, a_missing_leaf_is_found,
      a_leaf_or_side_record_beyond_the_end_is_found, a_side_record_may_be_gone,
      a_changed_hash_is_found_in_every_tile, a_missing_tile_is_found, a_tile_the_log_does_not_have_is_found,
      a_head_of_another_tree_is_found)
