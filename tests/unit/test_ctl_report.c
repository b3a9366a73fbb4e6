/* What photoctl prints of a report: what needs hands, and no flood of what does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "photod/ctl/report.h"
#include "tests/unit/suite.h"

/* A report of so many rows of each kind, in this order. */
static json_t *report(unsigned good, unsigned noted, unsigned bad)
{
    json_t *rows = json_array();

    for (unsigned i = 0; i < good + noted + bad; i++)
        (void)json_array_append_new(
            rows, json_pack("{s:i, s:s, s:s, s:s}", "line", (int)i + 1, "outcome",
                            i < good + noted ? "stored" : "unreadable", "advice", i < good ? "" : "look",
                            "note", i >= good && i < good + noted ? "The case differs." : ""));
    return json_pack("{s:o}", "rows", rows);
}

/* What is printed; freed by the caller. */
static char *printed(json_t *answer, bool all, const char *path)
{
    FILE *caught = tmpfile();
    int out = dup(STDOUT_FILENO);
    char *text;
    long len;

    (void)fflush(stdout);
    ck_assert_int_eq(dup2(fileno(caught), STDOUT_FILENO), STDOUT_FILENO);
    report_print_rows(answer, all, path);
    (void)fflush(stdout);
    ck_assert_int_eq(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(out);
    ck_assert_int_eq(fseek(caught, 0, SEEK_END), 0);
    len = ftell(caught);
    rewind(caught);
    text = calloc(1, (size_t)len + 1);
    ck_assert_uint_eq(fread(text, 1, (size_t)len, caught), (size_t)len);
    (void)fclose(caught);
    json_decref(answer);
    return text;
}

static unsigned times(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

START_TEST(a_good_row_without_a_note_is_not_printed)
{
    char *text = printed(report(5, 2, 3), false, NULL);

    ck_assert_uint_eq(times(text, "stored"), 2);
    ck_assert_uint_eq(times(text, "unreadable"), 3);
    ck_assert_ptr_null(strstr(text, "More rows"));
    free(text);
    text = printed(report(5, 0, 0), false, NULL);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

START_TEST(a_flood_of_notes_ends_in_one_sentence_and_hides_nothing_that_needs_hands)
{
    char *text = printed(report(5, REPORT_NOTED_MAX, 40), false, NULL);

    ck_assert_ptr_null(strstr(text, "More rows"));
    free(text);
    text = printed(report(5, 1700, 40), false, NULL);
    ck_assert_uint_eq(times(text, "The case differs."), REPORT_NOTED_MAX);
    ck_assert_uint_eq(times(text, "unreadable"), 40);
    ck_assert_ptr_nonnull(strstr(text, "\nMore rows that were taken with a note: 1680. --all-rows "
                                       "shows them, --report FILE.tsv writes them.\n"));
    free(text);
    text = printed(report(5, 21, 0), false, "out.tsv");
    ck_assert_ptr_nonnull(strstr(text, "\nMore rows that were taken with a note: 1. All are in out.tsv.\n"));
    free(text);
}
END_TEST

START_TEST(all_rows_are_all_rows)
{
    char *text = printed(report(5, 1700, 40), true, NULL);

    ck_assert_uint_eq(times(text, "stored"), 1705);
    ck_assert_ptr_null(strstr(text, "More rows"));
    free(text);
}
END_TEST

SUITE("ctl_report", a_good_row_without_a_note_is_not_printed,
      a_flood_of_notes_ends_in_one_sentence_and_hides_nothing_that_needs_hands, all_rows_are_all_rows)
