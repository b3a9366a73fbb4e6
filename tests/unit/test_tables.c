/* The tables of lawapi: what programs read must be unique, and what people read must be there. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "lawapi/aspect.h"
#include "lawapi/none.h"
#include "lawapi/note.h"
#include "lawapi/outcome.h"
#include "lawapi/problem.h"
#include "lawapi/rendition.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char *problem_code(unsigned i)
{
    const struct problem_text *t = problem_text((enum problem)i);

    return t ? t->code : NULL;
}

static const char *problem_title(unsigned i)
{
    const struct problem_text *t = problem_text((enum problem)i);

    return t ? t->title : NULL;
}

static const char *problem_advice(unsigned i)
{
    const struct problem_text *t = problem_text((enum problem)i);

    return t ? t->advice : NULL;
}

static const char *outcome_code_at(unsigned i)
{
    return outcome_code((enum outcome)i);
}

static const char *outcome_advice_at(unsigned i)
{
    return outcome_advice((enum outcome)i);
}

static const char *none_code_at(unsigned i)
{
    return none_code((enum none_reason)i);
}

static const char *none_sentence_at(unsigned i)
{
    return none_sentence((enum none_reason)i);
}

static const struct {
    const char *name;
    const char *(*code)(unsigned i);
    const char *(*text)(unsigned i);
    unsigned first, count;
} tables[] = {
    {"problem", problem_code, problem_advice, 1, PROBLEM_COUNT},
    {"problem titles", problem_code, problem_title, 1, PROBLEM_COUNT},
    {"outcome", outcome_code_at, outcome_advice_at, 0, OUTCOME_COUNT},
    {"none", none_code_at, none_sentence_at, 0, NONE_COUNT},
};

START_TEST(every_row_has_a_code_of_its_own)
{
    for (unsigned i = tables[_i].first; i < tables[_i].count; i++) {
        const char *code = tables[_i].code(i);
        size_t len = strlen(code);

        ck_assert_msg(len > 0 && len < 32 && strspn(code, "abcdefghijklmnopqrstuvwxyz-") == len, "%s: %s",
                      tables[_i].name, code);
        for (unsigned j = tables[_i].first; j < i; j++)
            ck_assert_str_ne(code, tables[_i].code(j));
    }
}
END_TEST

START_TEST(every_row_has_something_to_say)
{
    for (unsigned i = tables[_i].first; i < tables[_i].count; i++) {
        const char *text = tables[_i].text(i);

        ck_assert_msg(strlen(text) > 5 && text[0] >= 'A' && text[0] <= 'Z', "%s: %s", tables[_i].name,
                      tables[_i].code(i));
    }
}
END_TEST

START_TEST(numbers_out_of_range_have_no_row)
{
    ck_assert_ptr_null(tables[_i].code(tables[_i].count));
    ck_assert_ptr_null(tables[_i].code(tables[_i].count + 1000));
    if (tables[_i].first)
        ck_assert_ptr_null(tables[_i].code(0));
}
END_TEST

/* 401 and 403 are told apart by who asks, 422 and 400 by what is wrong: all refusals are of the client or the
 * server. */
START_TEST(every_problem_has_a_status_of_a_refusal)
{
    for (unsigned i = 1; i < PROBLEM_COUNT; i++) {
        unsigned status = problem_text((enum problem)i)->status;

        ck_assert_uint_ge(status, 400);
        ck_assert_uint_lt(status, 600);
    }
}
END_TEST

START_TEST(an_outcome_is_found_by_its_code)
{
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        ck_assert_uint_eq(outcome_from_code(outcome_code((enum outcome)i)), i);
    ck_assert_uint_eq(outcome_from_code("no-such-code"), OUTCOME_COUNT);
    ck_assert_uint_eq(outcome_from_code(""), OUTCOME_COUNT);
}
END_TEST

START_TEST(notes_are_sentences_and_as_many_as_fit)
{
    char one[NOTES_TEXT], all[NOTES_TEXT];

    notes_format(all, UINT32_MAX);
    ck_assert(strlen(all) > 0 && all[strlen(all) - 1] == '.');
    for (unsigned i = 0; i < NOTE_COUNT; i++) {
        notes_format(one, UINT32_C(1) << i);
        ck_assert_msg(one[0] >= 'A' && one[0] <= 'Z' && one[strlen(one) - 1] == '.', "%s", one);
        if (i == 0)
            ck_assert_int_eq(strncmp(all, one, strlen(one)), 0);
    }
    notes_format(one, 0);
    ck_assert_str_eq(one, "");
    notes_format(one, UINT32_C(1) << NOTE_COUNT);
    ck_assert_str_eq(one, "");
}
END_TEST

/* Under 400 kB, 100 kB and 20,000 bytes, in whole pages of the store; all 4:5, as school portraits are. */
START_TEST(renditions_keep_the_shape_of_a_school_portrait)
{
    static const uint32_t budgets[RENDITION_COUNT] = {397200, 98192, 20000};

    for (unsigned i = 0; i < RENDITION_COUNT; i++) {
        const struct rendition_shape *shape = rendition_shape((enum rendition)i);

        ck_assert_uint_eq(shape->width * 5, shape->height * 4);
        ck_assert_uint_eq(shape->max_bytes, budgets[i]);
        ck_assert_uint_eq(rendition_from_name(shape->name), i);
    }
    ck_assert_uint_eq(rendition_from_name("huge"), RENDITION_COUNT);
    ck_assert_uint_eq(rendition_from_name(""), RENDITION_COUNT);
    ck_assert_ptr_null(rendition_shape(RENDITION_COUNT));
}
END_TEST

START_TEST(an_odd_shape_is_one_that_no_portrait_has)
{
    static const struct {
        uint32_t width, height;
        bool is_odd;
    } shapes[] = {
        {800, 1000, false}, {500, 700, false},     {400, 600, false},     {600, 800, false},
        {600, 600, false},  {660, 600, false},     {661, 600, true},      {800, 600, true},
        {500, 1000, false}, {499, 1000, true},     {240, 12000, true},    {12000, 240, true},
        {0, 0, false},      {UINT32_MAX, 1, true}, {1, UINT32_MAX, true}, {UINT32_MAX, UINT32_MAX, false}};

    for (size_t i = 0; i < COUNT(shapes); i++)
        ck_assert_msg(photo_aspect_is_odd(shapes[i].width, shapes[i].height) == shapes[i].is_odd, "%ux%u",
                      shapes[i].width, shapes[i].height);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tables");
    TCase *c = tcase_create("tables");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    tcase_add_loop_test(c, every_row_has_a_code_of_its_own, 0, (int)COUNT(tables));
    tcase_add_loop_test(c, every_row_has_something_to_say, 0, (int)COUNT(tables));
    tcase_add_loop_test(c, numbers_out_of_range_have_no_row, 0, (int)COUNT(tables));
    tcase_add_test(c, every_problem_has_a_status_of_a_refusal);
    tcase_add_test(c, an_outcome_is_found_by_its_code);
    tcase_add_test(c, notes_are_sentences_and_as_many_as_fit);
    tcase_add_test(c, an_odd_shape_is_one_that_no_portrait_has);
    tcase_add_test(c, renditions_keep_the_shape_of_a_school_portrait);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
