#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "tests/unit/store_conformance.h"
#include "tests/unit/store_scene.h"

START_TEST(a_committed_batch_is_there_whole)
{
    struct store_batch *b = batch();

    put(b, KIND_STUDENT, "sid", "record");
    put(b, KIND_RENDITION, "sid1", "picture");
    put(b, KIND_KEY, "sid1", "wrapped");
    put(b, KIND_META, "heartbeat", "");
    leaf(b, "a leaf");
    ck_commit(b);
    for (int round = 0; round < 2; round++, reopen()) {
        ck_assert(holds(KIND_STUDENT, "sid", "record"));
        ck_assert(holds(KIND_RENDITION, "sid1", "picture"));
        ck_assert(holds(KIND_KEY, "sid1", "wrapped"));
        ck_assert(holds(KIND_META, "heartbeat", ""));
        ck_assert(holds(KIND_STUDENT, "sid1", NULL));
        ck_assert_uint_eq(count_of(KIND_STUDENT), 1);
        ck_assert_uint_eq(count_of(KIND_LEAF), 1);
        ck_assert_uint_eq(log_size(), 1);
    }
}
END_TEST

START_TEST(compacting_changes_nothing)
{
    static const enum store_file files[] = {STORE_KEYRING, STORE_PHOTOS, STORE_KEYRING};
    struct store_compacted c;

    for (int i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), '\0'};

        ck_commit(photo_batch(name));
        ck_commit(photo_batch("going"));
        ck_commit(erase_batch("going"));
        ck_assert_int_eq(store_compact(s, files[i], &c), OK);
        for (char n = 'a'; n <= 'a' + i; n++) {
            char old[2] = {n, '\0'};

            ck_assert(holds(KIND_KEY, old, "wrapped"));
            ck_assert(holds(KIND_RENDITION, old, "picture"));
        }
        ck_assert(holds(KIND_KEY, "going", NULL));
        ck_assert_uint_eq(log_size(), 3 * (unsigned)(i + 1));
        if (i == 1)
            reopen();
    }
    ck_commit(photo_batch("after"));
    ck_assert_uint_eq(damage(), 0);
}
END_TEST

START_TEST(a_conflict_skips_its_batch_and_no_other)
{
    struct store_batch *b[3] = {batch(), batch(), batch()};
    struct store_outcome outcomes[3];

    put(b[0], KIND_STUDENT, "a", "1");
    leaf(b[0], "first");
    put(b[1], KIND_STUDENT, "b", "1");
    put(b[1], KIND_KEY, "b", "1");
    leaf(b[1], "never");
    expect(b[1], KIND_STUDENT, "a", NULL); /* added last, and yet checked first */
    put(b[2], KIND_STUDENT, "c", "1");
    leaf(b[2], "second");
    commit_group(b, 3, outcomes);
    ck_assert_int_eq(outcomes[0].result, STORE_COMMITTED);
    ck_assert_int_eq(outcomes[1].result, STORE_CONFLICT);
    ck_assert_int_eq(outcomes[2].result, STORE_COMMITTED);
    ck_assert_uint_eq(outcomes[0].first_leaf, 0);
    ck_assert_uint_eq(outcomes[2].first_leaf, 1);
    ck_assert(holds(KIND_STUDENT, "a", "1"));
    ck_assert(holds(KIND_STUDENT, "b", NULL));
    ck_assert(holds(KIND_KEY, "b", NULL));
    ck_assert(holds(KIND_STUDENT, "c", "1"));
    ck_assert_uint_eq(log_size(), 2);
    ck_assert_uint_eq(count_of(KIND_LEAF), 2);
}
END_TEST

START_TEST(a_group_all_in_conflict_changes_nothing)
{
    struct store_batch *b[2] = {batch(), batch()};
    struct store_outcome outcomes[2];

    for (int i = 0; i < 2; i++) {
        expect(b[i], KIND_CASE, "none", "x");
        put(b[i], KIND_CASE, "one", "x");
        leaf(b[i], "leaf");
    }
    commit_group(b, 2, outcomes);
    ck_assert_int_eq(outcomes[0].result, STORE_CONFLICT);
    ck_assert_int_eq(outcomes[1].result, STORE_CONFLICT);
    ck_assert_uint_eq(count_of(KIND_CASE), 0);
    ck_assert_uint_eq(log_size(), 0);
}
END_TEST

START_TEST(a_later_batch_sees_the_earlier_one)
{
    struct store_batch *b[4] = {batch(), batch(), batch(), batch()};
    struct store_outcome outcomes[4];
    static const enum store_kind kinds[] = {KIND_CASE, KIND_KEY};

    for (int i = 0; i < 2; i++) {
        put(b[0], kinds[i], "x", "1");
        expect(b[1], kinds[i], "x", "1");
        del(b[1], kinds[i], "x");
        expect(b[2], kinds[i], "x", NULL);
        put(b[2], kinds[i], "x", "2");
        expect(b[3], kinds[i], "x", "1"); /* no longer */
        put(b[3], kinds[i], "x", "3");
    }
    commit_group(b, 4, outcomes);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(outcomes[i].result, STORE_COMMITTED);
    ck_assert_int_eq(outcomes[3].result, STORE_CONFLICT);
    ck_assert(holds(KIND_CASE, "x", "2"));
    ck_assert(holds(KIND_KEY, "x", "2"));
}
END_TEST

START_TEST(expectations_tell_absent_empty_and_other_values_apart)
{
    static const char *const present[] = {NULL, "", "value", "valuf", "valu", "value1"};
    struct store_batch *b;

    for (unsigned is = 0; is < 3; is++)
        for (unsigned said = 0; said < 6; said++)
            for (unsigned kind = 0; kind < 2; kind++) {
                enum store_kind k = kind ? KIND_KEY : KIND_PRINCIPAL;
                struct store_outcome outcome;

                b = batch();
                if (present[is])
                    put(b, k, "x", present[is]);
                else
                    del(b, k, "x");
                ck_commit(b);
                b = batch();
                expect(b, k, "x", present[said]);
                put(b, KIND_CASE, "seen", "");
                outcome = commit_one(b);
                ck_assert_int_eq(outcome.result, is == said ? STORE_COMMITTED : STORE_CONFLICT);
            }
}
END_TEST

static enum err collect(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                        size_t value_len)
{
    struct buf *b = context;

    TRY(buf_append(b, key, key_len));
    TRY(buf_append(b, "=", 1));
    TRY(buf_append(b, value, value_len));
    return buf_append(b, ";", 1);
}

static void check_walk(const char *prefix, size_t max, enum err result, const char *expected)
{
    CLEANUP(buf) struct buf *b = NULL;

    ck_assert_int_eq(buf_new(&b, max), OK);
    ck_assert_int_eq(store_walk(s, KIND_ROW, prefix, strlen(prefix), collect, b), result);
    if (!result)
        ck_assert_str_eq(buf_text(b), expected);
}

START_TEST(a_walk_visits_its_prefix_in_order_and_ends_when_told)
{
    static const char *const keys[] = {"b2", "a", "b", "c", "b10", "b1", "\xff\xff"};
    struct store_batch *b = batch();

    check_walk("", 999, OK, "");
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++)
        put(b, KIND_ROW, keys[i], "v");
    ck_commit(b);
    check_walk("b", 999, OK, "b=v;b1=v;b10=v;b2=v;");
    check_walk("", 999, OK, "a=v;b=v;b1=v;b10=v;b2=v;c=v;\xff\xff=v;");
    check_walk("\xff\xff", 999, OK, "\xff\xff=v;");
    check_walk("d", 999, OK, "");
    check_walk("b", 6, ERR_LIMIT, NULL);
}
END_TEST

START_TEST(a_value_can_be_replaced_and_deleted_twice)
{
    struct store_batch *b = batch();

    put(b, KIND_ERASURE, "x", "1");
    put(b, KIND_ERASURE, "x", "22");
    ck_commit(b);
    ck_assert(holds(KIND_ERASURE, "x", "22"));
    for (int i = 0; i < 2; i++) {
        b = batch();
        del(b, KIND_ERASURE, "x");
        del(b, KIND_KEY, "x");
        ck_commit(b);
        ck_assert(holds(KIND_ERASURE, "x", NULL));
    }
}
END_TEST

START_TEST(what_no_batch_may_hold_is_refused_when_added)
{
    CLEANUP(store_batch) struct store_batch *b = batch();
    CLEANUP(heap) char *large = calloc(1, STORE_VALUE_MAX + 1);

    ck_assert_ptr_nonnull(large);
    ck_assert_int_eq(store_batch_put(b, KIND_CASE, "", 0, "v", 1), ERR_LIMIT);
    ck_assert_int_eq(store_batch_put(b, KIND_CASE, large, STORE_KEY_MAX + 1, "v", 1), ERR_LIMIT);
    ck_assert_int_eq(store_batch_put(b, KIND_CASE, "k", 1, large, STORE_VALUE_MAX + 1), ERR_LIMIT);
    ck_assert_int_eq(store_batch_delete(b, KIND_CASE, "", 0), ERR_LIMIT);
    ck_assert_int_eq(store_batch_expect(b, KIND_CASE, "", 0, NULL, 0), ERR_LIMIT);
    ck_assert_int_eq(store_batch_leaf(b, large, LEAF_MAX + 1, "", 0), ERR_LIMIT);
    ck_assert_int_eq(store_batch_leaf(b, "", 0, "", 0), ERR_LIMIT);
    ck_assert_int_eq(store_batch_put(b, KIND_COUNT, "k", 1, "v", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_put(b, KIND_LEAF, "k", 1, "v", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_delete(b, KIND_TILE, "k", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_put(b, KIND_META, "format", 6, "9", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_delete(b, KIND_META, "log", 3), ERR_DENIED);
}
END_TEST

START_TEST(the_largest_value_comes_back)
{
    CLEANUP(heap) char *large = malloc(STORE_VALUE_MAX);
    CLEANUP(buf) struct buf *value = NULL;
    struct store_batch *b = batch();

    ck_assert_ptr_nonnull(large);
    memset(large, 0x5A, STORE_VALUE_MAX);
    ck_assert_int_eq(buf_new(&value, STORE_VALUE_MAX), OK);
    ck_assert_int_eq(store_batch_put(b, KIND_RENDITION, large, STORE_KEY_MAX, large, STORE_VALUE_MAX), OK);
    ck_commit(b);
    ck_assert_int_eq(store_get(s, KIND_RENDITION, large, STORE_KEY_MAX, value), OK);
    ck_assert_uint_eq(buf_len(value), STORE_VALUE_MAX);
    ck_assert_mem_eq(buf_bytes(value), large, STORE_VALUE_MAX);
    ck_assert_int_eq(store_get(s, KIND_RENDITION, large, STORE_KEY_MAX + 1, value), ERR_NOTFOUND);
}
END_TEST

START_TEST(capacity_is_that_of_the_volume)
{
    uint64_t total, available;

    ck_assert_int_eq(store_capacity(s, &total, &available), OK);
    ck_assert_uint_gt(total, 1 << 20);
    ck_assert_uint_le(available, total);
}
END_TEST

static atomic_bool stop_reading;

/* Each batch puts one number under two keys: whoever sees two numbers has seen half a batch. */
static void *read_pairs(void *context)
{
    unsigned *reads = context;

    while (!atomic_load(&stop_reading)) {
        char text[32] = "", first[8], second[8];
        CLEANUP(buf) struct buf *b = NULL;

        if (buf_new(&b, 999) || store_walk(s, KIND_CASE, "pair", 4, collect, b))
            return NULL;
        if (buf_len(b) == 0)
            continue;
        (void)snprintf(text, sizeof text, "%s", buf_text(b));
        if (sscanf(text, "pair1=%7[0-9];pair2=%7[0-9];", first, second) != 2 || strcmp(first, second) != 0)
            return NULL;
        ++*reads;
    }
    return reads;
}

START_TEST(a_reader_sees_whole_batches_only)
{
    unsigned reads = 0;
    void *result = NULL;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, read_pairs, &reads), 0);
    for (unsigned i = 0; i < 300 || (reads == 0 && i < 100000); i++) {
        struct store_batch *b = batch();
        char text[8];

        (void)snprintf(text, sizeof text, "%u", i);
        put(b, KIND_CASE, "pair1", text);
        put(b, KIND_CASE, "pair2", text);
        leaf(b, text);
        ck_commit(b);
    }
    atomic_store(&stop_reading, true);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &reads);
    ck_assert_uint_gt(reads, 0);
}
END_TEST

/* ---- The order of keys and photos ---- */

#define ERASED_PHOTOS 40

static atomic_uint erasing; /* the photo that comes and goes now */

static bool is_there(enum store_kind kind, const char *name)
{
    CLEANUP(buf) struct buf *b = NULL;

    return buf_new(&b, 999) == OK && store_get(s, kind, name, strlen(name), b) == OK;
}

/*
 * Each photo comes once and goes once.  What a reader sees in between is what
 * a crash would leave: a key without its photo may be, a photo without its
 * key never.
 */
static void *look_for_keyless_photos(void *context)
{
    unsigned *found = context;

    while (!atomic_load(&stop_reading)) {
        char name[16];

        (void)snprintf(name, sizeof name, "photo %u", atomic_load(&erasing));
        if (is_there(KIND_RENDITION, name) && !is_there(KIND_KEY, name) && is_there(KIND_RENDITION, name))
            ++*found;
    }
    return NULL;
}

START_TEST(a_photo_is_never_seen_without_its_key)
{
    unsigned keyless = 0;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, look_for_keyless_photos, &keyless), 0);
    for (unsigned i = 0; i < ERASED_PHOTOS; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "photo %u", i);
        atomic_store(&erasing, i);
        ck_commit(photo_batch(name));
        (void)sched_yield();
        ck_commit(erase_batch(name));
    }
    atomic_store(&stop_reading, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(keyless, 0);
    ck_assert_uint_eq(count_of(KIND_KEY), 0);
    ck_assert_uint_eq(count_of(KIND_RENDITION), 0);
}
END_TEST

/* ---- The table ---- */

TCase *store_conformance(const struct store_backend *backend)
{
    const TTest *const tests[] = {
        a_committed_batch_is_there_whole,
        compacting_changes_nothing,
        a_conflict_skips_its_batch_and_no_other,
        a_group_all_in_conflict_changes_nothing,
        a_later_batch_sees_the_earlier_one,
        expectations_tell_absent_empty_and_other_values_apart,
        a_walk_visits_its_prefix_in_order_and_ends_when_told,
        a_value_can_be_replaced_and_deleted_twice,
        what_no_batch_may_hold_is_refused_when_added,
        the_largest_value_comes_back,
        capacity_is_that_of_the_volume,
        a_reader_sees_whole_batches_only,
        a_photo_is_never_seen_without_its_key,
    };
    TCase *c = tcase_create(backend->name);

    tcase_set_timeout(c, 50);
    tcase_add_checked_fixture(c, backend->setup, backend->teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(c, tests[i]);
    store_conformance_log(c);
    store_conformance_changes(c);
    return c;
}
