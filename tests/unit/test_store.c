#include <stdlib.h>
#include "store/memory.h"
#include "tests/unit/store_conformance.h"
#include "tests/unit/store_scene.h"

/* The conformance suite over every backend that photod may be built on. */

static void setup_memory(void)
{
    scene_reopen = NULL; /* it has no other life */
    ck_assert_int_eq(store_open_memory(&s), OK);
}

static const struct store_backend backends[] = {
    {"lmdb", scene_setup_lmdb, scene_teardown},
    {"memory", setup_memory, scene_teardown},
};

int main(void)
{
    Suite *suite = suite_create("store");
    SRunner *runner;
    int failed;

    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++)
        suite_add_tcase(suite, store_conformance(&backends[i]));
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
