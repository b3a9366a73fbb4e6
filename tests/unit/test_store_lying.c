#include <stdlib.h>
#include "store/memory.h"
#include "tests/unit/store_conformance.h"
#include "tests/unit/store_lying.h"
#include "tests/unit/store_scene.h"

/*
 * The conformance suite on trial: unchanged, it must pass over a backend that
 * keeps its word, and fail over the same backend once it lies.
 */
static struct store *truth;
static enum lie lie;
static uint64_t seed;

static void reopen_lying(void)
{
    store_close(s);
    s = NULL;
    ck_assert_int_eq(lying_open(&s, truth, lie, seed), OK);
}

static void setup(void)
{
    scene_reopen = reopen_lying;
    ck_assert_int_eq(store_open_memory(&truth), OK);
    ck_assert_int_eq(lying_open(&s, truth, lie, seed), OK);
}

static void teardown(void)
{
    scene_teardown();
    store_close(truth);
    truth = NULL;
}

static const struct trial {
    const char *sentence;
    enum lie lie;
    uint64_t seed;
} trials[] = {
    {"a_backend_that_keeps_its_word_passes", LIE_NONE, 0},
    {"one_that_drops_a_write_in_a_thousand_is_found_out", LIE_DROPS, 1},
    {"one_that_drops_others_is_found_out", LIE_DROPS, 2},
    {"one_that_drops_yet_others_is_found_out", LIE_DROPS, 3},
    {"one_that_deletes_keys_before_their_photos_is_found_out", LIE_REORDERS_KEYS, 0},
    {"one_that_mixes_up_the_leaves_of_a_group_is_found_out", LIE_REORDERS_LEAVES, 0},
    {"one_that_forgets_its_last_group_is_found_out", LIE_FORGETS, 0},
    {"one_that_hides_what_it_changed_is_found_out", LIE_HIDES_CHANGES, 4},
};

/* How many tests fail; which, is printed. */
static int run_suite(const struct trial *t)
{
    const struct store_backend backend = {t->sentence, setup, teardown};
    Suite *suite = suite_create("lying");
    SRunner *runner = srunner_create(suite);
    TestResult **failures;
    int failed, all;

    lie = t->lie;
    seed = t->seed;
    suite_add_tcase(suite, store_conformance(&backend));
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    all = srunner_ntests_run(runner);
    failures = srunner_failures(runner);
    (void)printf("%s: %d of %d tests fail\n", t->sentence, failed, all);
    for (int i = 0; i < failed; i++)
        (void)printf("    %s:%d: %s\n", tr_lfile(failures[i]), tr_lno(failures[i]), tr_msg(failures[i]));
    free(failures);
    srunner_free(runner);
    return failed;
}

int main(void)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++)
        if ((run_suite(&trials[i]) > 0) != (trials[i].lie != LIE_NONE)) {
            (void)printf("FAILED: %s\n", trials[i].sentence);
            wrong++;
        }
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
