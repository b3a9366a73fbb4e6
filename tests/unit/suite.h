#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

/*
 * A Check suite in one table: SUITE("name", test, test, ...) is the main of
 * a test program, SUITE_IN("name", set_up, tear_down, test, ...) of one whose
 * tests each run between the two.  Test names are sentences.
 */
#define SUITE(name, ...) SUITE_IN(name, NULL, NULL, __VA_ARGS__)
#define SUITE_IN(name, set_up, tear_down, ...)                                                               \
    int main(void)                                                                                           \
    {                                                                                                        \
        const TTest *const tests[] = {__VA_ARGS__};                                                          \
        Suite *suite = suite_create(name);                                                                   \
        TCase *all = tcase_create(name);                                                                     \
        SRunner *runner = srunner_create(suite);                                                             \
        int failed;                                                                                          \
                                                                                                             \
        tcase_set_timeout(all, 120);                                                                         \
        tcase_add_checked_fixture(all, set_up, tear_down);                                                   \
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)                                          \
            tcase_add_test(all, tests[i]);                                                                   \
        suite_add_tcase(suite, all);                                                                         \
        srunner_run_all(runner, CK_ENV);                                                                     \
        failed = srunner_ntests_failed(runner);                                                              \
        srunner_free(runner);                                                                                \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                                         \
    }

#endif
