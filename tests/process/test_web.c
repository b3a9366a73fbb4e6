/*
 * The real photod-web with the test as its parent, its vault and its
 * clients.  Names are sentences about what a door does.
 */
#include <check.h>
#include <signal.h>
#include "tests/process/test_web.h"

TCase *tests_of(const char *name, const TTest *const *tests, size_t count)
{
    TCase *t = tcase_create(name);

    tcase_set_timeout(t, 60);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(t, tests[i]);
    return t;
}

int main(void)
{
    Suite *s = suite_create("web");
    SRunner *runner = srunner_create(s);
    int failed;

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof picture; i++)
        picture[i] = (char)(i * 31);
    pki_make();
    suite_add_tcase(s, tests_of_law());
    suite_add_tcase(s, tests_of_link());
    suite_add_tcase(s, tests_of_gate());
    suite_add_tcase(s, tests_of_office());
    suite_add_tcase(s, tests_of_review());
    suite_add_tcase(s, tests_of_tus());
    suite_add_tcase(s, tests_of_withdraw());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
