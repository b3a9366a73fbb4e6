/* From a name on an index to a child of the roster (photod/vault/crosswalk, alike). */
#include <stdio.h>
#include <string.h>
#include "photod/vault/alike.h"
#include "photod/vault/crosswalk.h"
#include "tests/unit/suite.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- What is alike ---- */

START_TEST(grades_are_alike_however_they_are_written)
{
    static const struct {
        const char *a, *b;
        bool alike;
    } pairs[] = {
        {"05", "5", true},
        {"5th", "05", true},
        {"Grade 5", "5", true},
        {"KG", "K", true},
        {"KF", "kindergarten", true},
        {"Freshman", "09", true},
        {"12", "Sr", true},
        {"1st", "1", true},
        {"PK", "Pre-K", true},
        {"1", "11", false},
        {"5", "6", false},
        {"", "5", false},
        {"0", "00", true},
        {"K", "1", false},
        {"", "", true},
        {"10", "100", false},
        {"5a", "5", false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "5", false},
    };

    for (size_t i = 0; i < COUNT(pairs); i++)
        ck_assert_msg(alike_grade(pairs[i].a, pairs[i].b) == pairs[i].alike, "\"%s\" and \"%s\"", pairs[i].a,
                      pairs[i].b);
}
END_TEST

START_TEST(rooms_and_schools_are_compared_by_letters_and_digits)
{
    ck_assert(alike_words("Room 12-B", "room 12b"));
    ck_assert(alike_words("Ms. Ray", "MS RAY"));
    ck_assert(!alike_words("12", "21"));
    ck_assert(alike_words("", "  "));
    ck_assert(!alike_words("Peña", "Pena")); /* names come folded; a room does not */
    ck_assert(alike_within("Lincoln Elementary Fall 2026", "Lincoln Elementary"));
    ck_assert(alike_within("2026 0412", "0412"));
    ck_assert(!alike_within("2026 04123", "0412"));
    ck_assert(!alike_within("New Lincolnton", "Lincoln"));
    ck_assert(!alike_within("Lincoln", ""));
}
END_TEST

START_TEST(a_short_form_or_one_slip_makes_names_alike)
{
    ck_assert(alike_name("jonathan", "jon"));
    ck_assert(alike_name("jon", "jonn"));
    ck_assert(alike_name("maria", "marai"));
    ck_assert(alike_name("smith", "smyth"));
    ck_assert(!alike_name("ann", "bob"));
    ck_assert(!alike_name("al", "alan")); /* two letters are no name */
    ck_assert(!alike_name("", "x"));
    ck_assert(!alike_name("smith", "smythe"));
    ck_assert(is_staff_grade("FAC"));
    ck_assert(is_staff_grade("Staff"));
    ck_assert(!is_staff_grade("5"));
    ck_assert(!is_staff_grade(""));
}
END_TEST

/* ---- The crosswalk ---- */

struct kid {
    const char *state_id, *local_id, *last, *first, *grade, *room, *school;
};

static struct crosswalk *roster_of(const struct kid *kids, size_t count)
{
    struct crosswalk *c = NULL;
    struct buf *rows = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&rows, 1u << 20), OK);
    p = PACK(rows);
    for (size_t i = 0; i < count; i++) {
        struct shape_roster_row row = {.line = (uint32_t)i + 2};

        (void)snprintf(row.state_id, sizeof row.state_id, "%s", kids[i].state_id);
        (void)snprintf(row.local_id, sizeof row.local_id, "%s", kids[i].local_id);
        (void)snprintf(row.last, sizeof row.last, "%s", kids[i].last);
        (void)snprintf(row.first, sizeof row.first, "%s", kids[i].first);
        (void)snprintf(row.folded_last, sizeof row.folded_last, "%s", kids[i].last);
        (void)snprintf(row.folded_first, sizeof row.folded_first, "%s", kids[i].first);
        (void)snprintf(row.grade, sizeof row.grade, "%s", kids[i].grade);
        (void)snprintf(row.homeroom, sizeof row.homeroom, "%s", kids[i].room);
        (void)snprintf(row.school, sizeof row.school, "%s", kids[i].school);
        pack_roster_row(&p, &row);
    }
    ck_assert_int_eq(pack_end(&p), OK);
    ck_assert_int_eq(crosswalk_new(&c, buf_bytes(rows), buf_len(rows)), OK);
    buf_free(rows);
    return c;
}

static const struct kid kids[] = {
    {"100000001", "0077", "doe", "jane", "05", "12", "Lincoln"},
    {"100000002", "78", "doe", "john", "05", "12", "Lincoln"},
    {"100000003", "79", "doe", "jane", "05", "12", "Grant"},
    {"100000004", "80", "roe", "alexander", "03", "7", "Lincoln"},
    {"100000005", "81", "twin", "pat", "04", "9", "Lincoln"},
    {"100000006", "82", "twin", "pat", "04", "9", "Lincoln"},
    {"100000007", "83", "same", "kim", "06", "1", "Lincoln"},
    {"100000008", "84", "same", "kim", "07", "2", "Lincoln"},
    {"100000009", "77", "poe", "edgar", "02", "", "Lincoln"},
    {"100000010", "100000001", "number", "odd", "02", "3", "Lincoln"},
    {"100000011", "85", "alone", "grant", "01", "4", "Grant"},
    {"100000012", "86", "nowhere", "no", "01", "4", ""},
};

static const struct {
    const char *last, *first, *grade, *room, *teacher, *volume, *school;
    enum crosswalk_found found;
    const char *state_id; /* of the match, or of the first candidate */
    const char *reason;   /* a part of it */
} cases[] = {
    /* Unique and exact. */
    {"doe", "john", "5", "12", "", "", "Lincoln", CROSSWALK_MATCH, "100000002", NULL},
    {"doe", "jane", "5", "12", "", "Lincoln Fall", "", CROSSWALK_MATCH, "100000001", NULL},
    {"doe", "jane", "5", "12", "", "grant 2026", "", CROSSWALK_MATCH, "100000003", NULL},
    {"doe", "john", "5th", "", "12", "", "lincoln", CROSSWALK_MATCH, "100000002", NULL}, /* by the teacher */
    {"poe", "edgar", "2", "", "", "", "Lincoln", CROSSWALK_MATCH, "100000009",
     NULL}, /* no room on both sides */
    {"same", "kim", "7", "2", "", "", "Lincoln", CROSSWALK_MATCH, "100000008", NULL},
    /* One field less. */
    {"doe", "john", "6", "12", "", "", "Lincoln", CROSSWALK_REVIEW, "100000002", "grade differs"},
    {"doe", "john", "5", "13", "", "", "Lincoln", CROSSWALK_REVIEW, "100000002", "home room differs"},
    {"doe", "john", "5", "", "", "", "Lincoln", CROSSWALK_REVIEW, "100000002", "home room differs"},
    {"doe", "john", "7", "13", "", "", "Lincoln", CROSSWALK_REVIEW, "100000002", "Grade and home room"},
    {"doe", "johnny", "5", "12", "", "", "Lincoln", CROSSWALK_REVIEW, "100000002", "exactly this name"},
    {"roe", "alex", "3", "7", "", "", "Lincoln", CROSSWALK_REVIEW, "100000004", "exactly this name"},
    {"roe", "sandy", "3", "7", "", "", "Lincoln", CROSSWALK_REVIEW, "100000004", "exactly this name"},
    {"row", "alexander", "3", "7", "", "", "Lincoln", CROSSWALK_REVIEW, "100000004", "exactly this name"},
    {"married", "alexander", "3", "7", "", "", "Lincoln", CROSSWALK_REVIEW, "100000004", "exactly this name"},
    /* Two that agree in everything. */
    {"twin", "pat", "4", "9", "", "", "Lincoln", CROSSWALK_REVIEW, "100000005", "Two children"},
    /* Schools. */
    {"alone", "grant", "1", "4", "", "", "Lincoln", CROSSWALK_REVIEW, "100000011", "another school"},
    {"alone", "grant", "1", "4", "", "Lincoln 1", "", CROSSWALK_REVIEW, "100000011", "another school"},
    {"alone", "grant", "1", "4", "", "Disc 3", "", CROSSWALK_REVIEW, "100000011", "of which school"},
    {"nowhere", "no", "1", "4", "", "", "Lincoln", CROSSWALK_REVIEW, "100000012", "names no school"},
    /* Nobody. */
    {"zzyzx", "qqq", "5", "12", "", "", "Lincoln", CROSSWALK_NOBODY, NULL, NULL},
    {"", "", "5", "12", "", "", "Lincoln", CROSSWALK_NOBODY, NULL, NULL},
    {"doe", "", "5", "12", "", "", "Lincoln", CROSSWALK_NOBODY, NULL, NULL},
    {"doe", "zed", "9", "1", "", "", "Lincoln", CROSSWALK_NOBODY, NULL, NULL},
};

START_TEST(only_a_unique_and_exact_name_is_a_match)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        CLEANUP(crosswalk) struct crosswalk *c = roster_of(kids, COUNT(kids));
        struct shape_index_row row = {.line = 1};
        struct crosswalk_answer a;

        (void)snprintf(row.folded_last, sizeof row.folded_last, "%s", cases[i].last);
        (void)snprintf(row.folded_first, sizeof row.folded_first, "%s", cases[i].first);
        (void)snprintf(row.grade, sizeof row.grade, "%s", cases[i].grade);
        (void)snprintf(row.homeroom, sizeof row.homeroom, "%s", cases[i].room);
        (void)snprintf(row.teacher, sizeof row.teacher, "%s", cases[i].teacher);
        (void)snprintf(row.volume, sizeof row.volume, "%s", cases[i].volume);
        crosswalk_by_name(&a, c, &row, cases[i].school);
        ck_assert_msg(a.found == cases[i].found, "case %zu: %d, %s", i, (int)a.found,
                      a.reason ? a.reason : "");
        ck_assert_uint_eq(a.count != 0, cases[i].state_id != NULL);
        if (cases[i].state_id)
            ck_assert_msg(strcmp(a.candidates[0]->state_id, cases[i].state_id) == 0, "case %zu: %s", i,
                          a.candidates[0]->state_id);
        if (cases[i].reason)
            ck_assert_msg(a.reason && strstr(a.reason, cases[i].reason), "case %zu: %s", i, a.reason);
    }
}
END_TEST

START_TEST(a_roster_of_one_school_needs_no_name_of_it)
{
    CLEANUP(crosswalk) struct crosswalk *c = roster_of(kids, 2);
    struct shape_index_row row = {.line = 1,
                                  .folded_last = "doe",
                                  .folded_first = "john",
                                  .grade = "5",
                                  .homeroom = "12",
                                  .volume = "Disc"};
    struct crosswalk_answer a;

    crosswalk_by_name(&a, c, &row, "");
    ck_assert_int_eq(a.found, CROSSWALK_MATCH);
    crosswalk_by_name(&a, c, &row, "Grant"); /* but what the district says holds */
    ck_assert_int_eq(a.found, CROSSWALK_REVIEW);
}
END_TEST

START_TEST(at_most_five_candidates_the_likeliest_first)
{
    struct kid many[300];
    char ids[300][10];
    struct shape_index_row row = {
        .line = 1, .folded_last = "common", .folded_first = "chris", .grade = "5", .homeroom = "42"};
    struct crosswalk_answer a;

    for (unsigned i = 0; i < COUNT(many); i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%09u", i + 1);
        many[i] = (struct kid){ids[i], "", "common", "chris", i == 177 ? "5" : "6", "41", "Lincoln"};
    }
    {
        CLEANUP(crosswalk) struct crosswalk *c = roster_of(many, COUNT(many));

        crosswalk_by_name(&a, c, &row, "");
        ck_assert_int_eq(a.found, CROSSWALK_REVIEW);
        ck_assert_uint_eq(a.count, CANDIDATES_MAX);
        ck_assert_str_eq(a.candidates[0]->state_id, "000000178");
        for (unsigned i = 1; i < a.count; i++)
            ck_assert_ptr_ne(a.candidates[i], a.candidates[i - 1]);
    }
}
END_TEST

START_TEST(a_number_is_a_local_id_or_a_state_id)
{
    static const struct {
        const char *number;
        enum crosswalk_found found;
        const char *state_id;
        bool loose;
    } numbers[] = {
        {"78", CROSSWALK_MATCH, "100000002", false},
        {"078", CROSSWALK_MATCH, "100000002", true},
        {"100000004", CROSSWALK_MATCH, "100000004", false},
        {"77", CROSSWALK_REVIEW, NULL, false},        /* 0077 and 77 are two children */
        {"100000001", CROSSWALK_REVIEW, NULL, false}, /* one child's State ID, another's local ID */
        {"31337", CROSSWALK_NOBODY, NULL, false},
        {"", CROSSWALK_NOBODY, NULL, false},
        {"0", CROSSWALK_NOBODY, NULL, false},
    };
    CLEANUP(crosswalk) struct crosswalk *c = roster_of(kids, COUNT(kids));

    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct crosswalk_answer a;

        crosswalk_by_number(&a, c, numbers[i].number);
        ck_assert_msg(a.found == numbers[i].found, "\"%s\": %d", numbers[i].number, (int)a.found);
        if (numbers[i].state_id)
            ck_assert_str_eq(a.candidates[0]->state_id, numbers[i].state_id);
        if (a.found == CROSSWALK_MATCH)
            ck_assert_int_eq(a.reason != NULL, numbers[i].loose);
        if (a.found == CROSSWALK_REVIEW)
            ck_assert_uint_eq(a.count, 2);
    }
}
END_TEST

START_TEST(rows_with_a_fault_are_nobody_and_torn_rows_are_refused)
{
    struct shape_roster_row row = {.line = 2, .fault = "row-columns", .state_id = "100000001"};
    CLEANUP(crosswalk) struct crosswalk *c = NULL;
    struct crosswalk *torn = NULL;
    struct buf *rows = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&rows, 1u << 16), OK);
    p = PACK(rows);
    pack_roster_row(&p, &row);
    (void)snprintf(row.state_id, sizeof row.state_id, "12345"); /* no State ID */
    row.fault[0] = '\0';
    pack_roster_row(&p, &row);
    ck_assert_int_eq(crosswalk_new(&c, buf_bytes(rows), buf_len(rows)), OK);
    ck_assert_ptr_null(crosswalk_child(c, "100000001"));
    for (size_t len = 1; len < buf_len(rows); len++) {
        enum err e = crosswalk_new(&torn, buf_bytes(rows), len);

        if (e == OK) /* the end of the first row */
            crosswalk_free(torn);
        else
            ck_assert_int_eq(e, ERR_MALFORMED);
    }
    buf_free(rows);
}
END_TEST

SUITE("crosswalk", grades_are_alike_however_they_are_written,
      rooms_and_schools_are_compared_by_letters_and_digits, a_short_form_or_one_slip_makes_names_alike,
      only_a_unique_and_exact_name_is_a_match, a_roster_of_one_school_needs_no_name_of_it,
      at_most_five_candidates_the_likeliest_first, a_number_is_a_local_id_or_a_state_id,
      rows_with_a_fault_are_nobody_and_torn_rows_are_refused)
