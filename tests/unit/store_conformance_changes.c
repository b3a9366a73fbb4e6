#include <stdlib.h>
#include "store/memory.h"
#include "tests/unit/store_conformance.h"
#include "tests/unit/store_scene.h"

/* What was visited, as text: kind, key, value or "-". */
static enum err write_down(void *context, enum store_kind kind, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    struct buf *b = context;

    if (kind == KIND_LEAF || kind == KIND_DETAIL) {
        TRY(buf_printf(b, "%d:%u", (int)kind, key[key_len - 1]));
    } else {
        TRY(buf_printf(b, "%d:", (int)kind));
        TRY(buf_append(b, key, key_len));
    }
    TRY(buf_append(b, "=", 1));
    TRY(value ? buf_append(b, value, value_len) : buf_append(b, "-", 1));
    return buf_append(b, ";", 1);
}

static void check_changes(struct store_position *at, const char *expected)
{
    CLEANUP(buf) struct buf *b = NULL;
    bool level = false;

    ck_assert_int_eq(buf_new(&b, 4096), OK);
    ck_assert_int_eq(store_changes_since(s, at, 1u << 20, write_down, b, &level), OK);
    ck_assert(level);
    ck_assert_str_eq(buf_text(b), expected);
}

START_TEST(changes_are_shown_as_things_stand_now)
{
    struct store_position at, first;
    struct store_batch *b = batch();

    store_position(s, &first);
    put(b, KIND_CASE, "kept", "1");
    put(b, KIND_CASE, "gone", "1");
    put(b, KIND_KEY, "k", "wrapped");
    put(b, KIND_KEY, "old", "wrapped");
    ck_commit(b);
    store_position(s, &at);
    ck_assert_uint_eq(at.number, first.number + 1);
    b = batch();
    put(b, KIND_CASE, "kept", "2");
    del(b, KIND_CASE, "gone");
    put(b, KIND_KEY, "k", "anew"); /* only wrapped anew: no change */
    put(b, KIND_KEY, "new", "wrapped");
    del(b, KIND_KEY, "old");
    ck_assert_int_eq(store_batch_leaf(b, "entry", 5, "detail", 6), OK);
    leaf(b, "bare");
    ck_commit(b);
    b = batch();
    put(b, KIND_CASE, "kept", "3");
    ck_commit(b);
    check_changes(&at, "7:kept=3;7:gone=-;14:new=wrapped;14:old=-;12:0=entry;10:0=detail;12:1=bare;10:1=-;"
                       "7:kept=3;");
    check_changes(&at, "");
    reopen();
    check_changes(&at, "");
    b = batch();
    put(b, KIND_META, "next", "life");
    ck_commit(b);
    check_changes(&at, "0:next=life;");
}
END_TEST

START_TEST(a_batch_in_conflict_is_no_change)
{
    struct store_position before, after;
    struct store_batch *b = batch();

    store_position(s, &before);
    put(b, KIND_CASE, "x", "1");
    leaf(b, "never");
    expect(b, KIND_CASE, "none", "x");
    ck_assert_int_eq(commit_one(b).result, STORE_CONFLICT);
    b = batch();
    expect(b, KIND_CASE, "none", NULL); /* it asks, and changes nothing */
    ck_commit(b);
    store_position(s, &after);
    ck_assert_uint_eq(after.number, before.number);
    check_changes(&before, "");
}
END_TEST

START_TEST(a_place_that_is_not_in_the_journal_is_refused)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct store_batch *some = batch();
    struct store_position at, other;
    bool level;

    put(some, KIND_CASE, "x", "1");
    ck_commit(some);
    store_position(s, &at);
    ck_assert_int_eq(buf_new(&b, 4096), OK);
    other = at;
    other.number++;
    ck_assert_int_eq(store_changes_since(s, &other, 4096, write_down, b, &level), ERR_NOTFOUND);
    other = at;
    other.line[0] ^= 1;
    ck_assert_int_eq(store_changes_since(s, &other, 4096, write_down, b, &level), ERR_NOTFOUND);
    ck_assert_int_eq(store_changes_since(s, &at, 4096, write_down, b, &level), OK);
    reopen();
    ck_assert_int_eq(store_changes_since(s, &at, 4096, write_down, b, &level), OK);
}
END_TEST

START_TEST(what_the_store_writes_itself_no_batch_may_hold)
{
    CLEANUP(store_batch) struct store_batch *b = batch();

    ck_assert_int_eq(store_batch_put(b, KIND_CHANGE, "k", 1, "v", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_delete(b, KIND_CHANGE, "k", 1), ERR_DENIED);
}
END_TEST

/* ---- A follower ---- */

static unsigned next_random(void)
{
    static uint32_t state = 20261126;

    state = state * 1664525u + 1013904223u;
    return state >> 16;
}

/* Holds what a follower holds: a store of its own. */
static struct store *copy;

static enum err follow(void *context, enum store_kind kind, const unsigned char *key, size_t key_len,
                       const unsigned char *value, size_t value_len)
{
    struct store_batch *b = context;
    struct store_head head;
    uint64_t index = 0;

    if (kind != KIND_LEAF)
        return value ? store_batch_put(b, kind, key, key_len, value, value_len)
                     : store_batch_delete(b, kind, key, key_len);
    for (size_t i = 0; i < key_len; i++)
        index = index << 8 | key[i];
    ck_assert_ptr_nonnull(value);
    TRY(store_log_head(copy, &head));
    if (index < head.size)
        return OK; /* again */
    ck_assert_uint_eq(index, head.size);
    {
        CLEANUP(store_batch) struct store_batch *one = batch();
        struct store_outcome outcome;

        TRY(store_batch_leaf(one, value, value_len, "", 0));
        store_commit(copy, &one, 1, &outcome, &head);
        ck_assert_int_eq(outcome.result, STORE_COMMITTED);
    }
    return OK;
}

static void follow_batch(struct store_batch *b)
{
    struct store_outcome outcome;
    struct store_head head;

    store_commit(copy, &b, 1, &outcome, &head);
    ck_assert_int_eq(outcome.result, STORE_COMMITTED);
}

/* One slice of changes. */
static bool follow_slice(struct store_position *at, size_t bytes)
{
    CLEANUP(store_batch) struct store_batch *b = batch();
    bool level;

    ck_assert_int_eq(store_changes_since(s, at, bytes, follow, b, &level), OK);
    follow_batch(b);
    return level;
}

#define STEP_ENTRIES 7

static bool is_the_stores(enum store_kind kind, const unsigned char *key, size_t key_len)
{
    return kind == KIND_META &&
           ((key_len == 3 && memcmp(key, "log", 3) == 0) || (key_len == 6 && memcmp(key, "format", 6) == 0));
}

struct walking {
    struct store_batch *batch;
    enum store_kind kind;
    unsigned char last[STORE_KEY_MAX];
    size_t last_len, count;
};

static enum err follow_entry(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    struct walking *w = context;

    if (w->count++ == STEP_ENTRIES)
        return ERR_BUSY;
    memcpy(w->last, key, key_len);
    w->last_len = key_len;
    if (is_the_stores(w->kind, key, key_len))
        return OK;
    return follow(w->batch, w->kind, key, key_len, value, value_len);
}

/* A step of a walk over one kind; false: it is at its end. */
static bool walk_step(struct walking *w)
{
    CLEANUP(store_batch) struct store_batch *b = batch();
    enum err e;

    w->batch = b;
    w->count = 0;
    e = store_walk_after(s, w->kind, w->last, w->last_len, follow_entry, w);
    ck_assert(e == OK || e == ERR_BUSY);
    follow_batch(b);
    return e == ERR_BUSY;
}

/* Every kind there is but what follows from the leaves, so that a new one is not forgotten. */
static bool is_followed(unsigned kind)
{
    return kind != KIND_TILE && kind != KIND_CHANGE;
}

static enum store_kind random_kind(void)
{
    unsigned kind;

    do
        kind = next_random() % KIND_COUNT;
    while (!is_followed(kind) || kind == KIND_LEAF || kind == KIND_DETAIL);
    return (enum store_kind)kind;
}

static enum err fingerprint(void *context, const unsigned char *key, size_t key_len,
                            const unsigned char *value, size_t value_len)
{
    struct buf *b = context;

    if (is_the_stores(KIND_META, key, key_len))
        return OK; /* no other kind here has such a key */
    TRY(buf_printf(b, "%zu,%zu:", key_len, value_len));
    TRY(buf_append(b, key, key_len));
    return buf_append(b, value, value_len);
}

static void ck_same(void)
{
    struct store_head have, want;

    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        CLEANUP(buf) struct buf *a = NULL;
        CLEANUP(buf) struct buf *b = NULL;

        if (!is_followed(kind))
            continue;
        ck_assert_int_eq(buf_new(&a, 8u << 20), OK);
        ck_assert_int_eq(buf_new(&b, 8u << 20), OK);
        ck_assert_int_eq(store_walk(s, (enum store_kind)kind, NULL, 0, fingerprint, a), OK);
        ck_assert_int_eq(store_walk(copy, (enum store_kind)kind, NULL, 0, fingerprint, b), OK);
        ck_assert_msg(buf_len(a) == buf_len(b) && memcmp(buf_bytes(a), buf_bytes(b), buf_len(a)) == 0,
                      "the follower has another kind %u", kind);
    }
    ck_assert_int_eq(store_log_head(s, &want), OK);
    ck_assert_int_eq(store_log_head(copy, &have), OK);
    ck_assert_uint_eq(have.size, want.size);
    ck_assert_mem_eq(have.root, want.root, sizeof have.root);
}

/* A group of some batches over few keys, so that most of them are touched often. */
static void random_group(void)
{
    struct store_batch *b[4];
    struct store_outcome outcomes[4];
    unsigned count = 1 + next_random() % 4;

    for (unsigned i = 0; i < count; i++) {
        b[i] = batch();
        for (unsigned n = next_random() % 6; n-- > 0;) {
            char name[16], value[16];
            enum store_kind kind = random_kind();

            (void)snprintf(name, sizeof name, "name %02u", next_random() % 12);
            (void)snprintf(value, sizeof value, "%u", next_random());
            if (next_random() % 3 == 0)
                del(b[i], kind, name);
            else if (kind == KIND_KEY) /* the same for good: only ever wrapped anew */
                put(b[i], kind, name, name);
            else
                put(b[i], kind, name, value);
        }
        if (next_random() % 2)
            ck_assert_int_eq(store_batch_leaf(b[i], "leaf", 4, "detail", next_random() % 7), OK);
        if (next_random() % 8 == 0)
            expect(b[i], KIND_CASE, "none", "conflict");
    }
    commit_group(b, count, outcomes);
}

START_TEST(a_follower_that_takes_slices_holds_the_same)
{
    struct store_position at;
    unsigned slices = 0, levels = 0;

    ck_assert_int_eq(store_open_memory(&copy), OK);
    store_position(s, &at);
    for (unsigned round = 0; round < 400; round++) {
        random_group();
        for (unsigned n = next_random() % 3; n-- > 0; slices++)
            if (follow_slice(&at, 1 + next_random() % 400)) {
                ck_same();
                levels++;
            }
    }
    while (!follow_slice(&at, 100))
        slices++;
    ck_same();
    ck_assert_uint_gt(slices, 300);
    ck_assert_uint_gt(levels, 3);
    store_close(copy);
}
END_TEST

START_TEST(a_walk_in_steps_and_the_changes_since_its_begin_make_the_same)
{
    struct store_position at;
    unsigned steps = 0;

    ck_assert_int_eq(store_open_memory(&copy), OK);
    for (unsigned round = 0; round < 100; round++)
        random_group();
    store_position(s, &at);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        struct walking w = {.kind = (enum store_kind)kind};

        for (; is_followed(kind) && walk_step(&w); steps++)
            random_group(); /* it goes on meanwhile */
    }
    ck_assert_uint_gt(steps, 20);
    while (!follow_slice(&at, 200))
        if (next_random() % 4 == 0)
            random_group();
    ck_same();
    store_close(copy);
}
END_TEST

void store_conformance_changes(TCase *c)
{
    tcase_add_test(c, changes_are_shown_as_things_stand_now);
    tcase_add_test(c, a_batch_in_conflict_is_no_change);
    tcase_add_test(c, a_place_that_is_not_in_the_journal_is_refused);
    tcase_add_test(c, what_the_store_writes_itself_no_batch_may_hold);
    tcase_add_test(c, a_follower_that_takes_slices_holds_the_same);
    tcase_add_test(c, a_walk_in_steps_and_the_changes_since_its_begin_make_the_same);
}
