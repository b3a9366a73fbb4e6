#include "store/backend.h"
#include "store/memory.h"
#include "tests/unit/store_scene.h"
#include "tests/unit/suite.h"

/* What only the backend in memory has: its journal. */

static struct span span(const char *text)
{
    return (struct span){(const unsigned char *)text, strlen(text)};
}

START_TEST(an_aborted_transaction_leaves_everything_as_it_was)
{
    struct store_batch *b = batch();

    ck_assert_int_eq(store_open_memory(&s), OK);
    put(b, KIND_CASE, "a", "1");
    put(b, KIND_CASE, "c", "3");
    ck_commit(b);
    ck_assert_int_eq(s->ops->begin(s), OK);
    ck_assert_int_eq(s->ops->put(s, KIND_CASE, span("b"), span("new")), OK);
    ck_assert_int_eq(s->ops->put(s, KIND_CASE, span("b"), span("newer")), OK);
    ck_assert_int_eq(s->ops->put(s, KIND_CASE, span("a"), span("changed")), OK);
    ck_assert_int_eq(s->ops->remove(s, KIND_CASE, span("c")), OK);
    ck_assert_int_eq(s->ops->remove(s, KIND_CASE, span("d")), OK);
    ck_assert_int_eq(s->ops->put(s, KIND_CASE, span("c"), span("back")), OK);
    ck_assert_int_eq(s->ops->put(s, KIND_KEY, span("k"), span("")), OK);
    s->ops->abort(s);
    ck_assert(holds(KIND_CASE, "a", "1"));
    ck_assert(holds(KIND_CASE, "b", NULL));
    ck_assert(holds(KIND_CASE, "c", "3"));
    ck_assert_uint_eq(count_of(KIND_CASE), 2);
    ck_assert_uint_eq(count_of(KIND_KEY), 0);
    scene_teardown();
}
END_TEST

/* It read the key of an entry it had just freed. */
START_TEST(an_abort_that_removes_what_was_added_reads_no_freed_key)
{
    ck_assert_int_eq(store_open_memory(&s), OK);
    for (unsigned count = 1; count < 20; count++) {
        char key[2] = "a";

        ck_assert_int_eq(s->ops->begin(s), OK);
        for (unsigned i = 0; i < count; i++, key[0]++)
            ck_assert_int_eq(s->ops->put(s, KIND_CASE, span(key), span("value")), OK);
        s->ops->abort(s);
        ck_assert_uint_eq(count_of(KIND_CASE), 0);
    }
    scene_teardown();
}
END_TEST

/* It noted the old value from where the table had been before it grew. */
START_TEST(replacing_in_a_full_table_reads_no_moved_entry)
{
    ck_assert_int_eq(store_open_memory(&s), OK);
    for (unsigned count = 0; count < 40; count++) {
        char key[2] = {(char)('A' + count), 0};
        struct store_batch *b = batch();

        put(b, KIND_CASE, key, "first");
        ck_commit(b);
        ck_assert_int_eq(s->ops->begin(s), OK);
        ck_assert_int_eq(s->ops->put(s, KIND_CASE, span(key), span("second")), OK);
        s->ops->abort(s);
        ck_assert(holds(KIND_CASE, key, "first"));
    }
    scene_teardown();
}
END_TEST

SUITE("store_memory", an_aborted_transaction_leaves_everything_as_it_was,
      an_abort_that_removes_what_was_added_reads_no_freed_key, replacing_in_a_full_table_reads_no_moved_entry)
