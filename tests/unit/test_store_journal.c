#include "store/journal.h"
#include "store/memory.h"
#include "tests/unit/store_scene.h"
#include "tests/unit/suite.h"

/* What only the store's inside can show: how long the journal is, and what it costs. */

static void one_change(unsigned n)
{
    struct store_batch *b = batch();
    char name[16];

    (void)snprintf(name, sizeof name, "%u", n);
    put(b, KIND_CASE, name, "value");
    ck_commit(b);
}

static enum err count_change(void *context, enum store_kind kind, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    unsigned *count = context;

    (void)kind, (void)key, (void)key_len, (void)value, (void)value_len;
    ++*count;
    return OK;
}

static enum err changes(struct store_position at, unsigned *count)
{
    bool level;

    *count = 0;
    return store_changes_since(s, &at, 1u << 30, count_change, count, &level);
}

START_TEST(the_oldest_groups_go_and_who_asks_for_them_is_told)
{
    struct store_position first, place;
    unsigned count;

    scene_setup_lmdb();
    journal_keep(s, 100);
    store_position(s, &first);
    for (unsigned i = 0; i < 50; i++)
        one_change(i);
    store_position(s, &place);
    ck_assert_int_eq(changes(first, &count), OK);
    ck_assert_uint_eq(count, 50);
    for (unsigned i = 0; i < 150; i++)
        one_change(i);
    ck_assert_int_eq(changes(first, &count), ERR_NOTFOUND);
    ck_assert_int_eq(changes(place, &count), ERR_NOTFOUND);
    place.number = 100;
    ck_assert_int_eq(changes(place, &count), OK);
    ck_assert_uint_eq(count, 100);
    for (unsigned i = 0; i < 1000; i++)
        one_change(i);
    ck_assert_uint_le(count_of(KIND_CHANGE), 100 + 64 + 1);
    reopen();
    place.number = 1100;
    ck_assert_int_eq(changes(place, &count), OK);
    ck_assert_uint_eq(count, 100);
    ck_assert_uint_eq(damage(), 0);
    scene_teardown();
}
END_TEST

START_TEST(a_group_of_many_changes_has_several_parts_and_all_go_together)
{
    struct store_position first;
    struct store_batch *b = batch();
    unsigned count;

    scene_setup_lmdb();
    journal_keep(s, 10);
    store_position(s, &first);
    for (unsigned i = 0; i < 5000; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "a name that is not short at all %u", i);
        put(b, KIND_STUDENT, name, "x");
    }
    ck_commit(b);
    ck_assert_uint_gt(count_of(KIND_CHANGE), 10);
    ck_assert_int_eq(changes(first, &count), OK);
    ck_assert_uint_eq(count, 5000);
    for (unsigned i = 0; i < 80; i++)
        one_change(i);
    ck_assert_uint_le(count_of(KIND_CHANGE), 10 + 64 + 1);
    scene_teardown();
}
END_TEST

START_TEST(a_group_that_found_no_room_leaves_the_position)
{
    struct store_position before, after;

    ck_assert_int_eq(store_open_memory(&s), OK);
    one_change(1);
    store_position(s, &before);
    ck_assert_int_eq(s->ops->begin(s), OK);
    journal_begin(s);
    ck_assert_int_eq(journal_note(s, KIND_CASE, (struct span){(const unsigned char *)"x", 1}, true), OK);
    ck_assert_int_eq(journal_flush(s, 0, 0), OK);
    s->ops->abort(s);
    store_position(s, &after);
    ck_assert_uint_eq(after.number, before.number);
    one_change(2);
    store_position(s, &after);
    ck_assert_uint_eq(after.number, before.number + 1);
    scene_teardown();
}
END_TEST

SUITE("store_journal", the_oldest_groups_go_and_who_asks_for_them_is_told,
      a_group_of_many_changes_has_several_parts_and_all_go_together,
      a_group_that_found_no_room_leaves_the_position)
