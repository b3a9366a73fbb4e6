#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/buf.h"
#include "photod/ctl/file.h"
#include "photod/ctl/http.h"
#include "photod/ctl/report.h"
#include "photod/ctl/table.h"

#define OUTCOMES_MAX 64
#define TSV_MAX      (64u << 20)

struct tally {
    const char *outcome; /* borrowed from the answer */
    unsigned count;
};

static bool is_good(const char *outcome)
{
    static const char *const good[] = {"stored", "would-be-stored", "already-stored", "accepted"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (strcmp(outcome, good[i]) == 0)
            return true;
    return false;
}

static int by_count(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->outcome, y->outcome);
}

static size_t count_outcomes(struct tally tally[static OUTCOMES_MAX], const json_t *rows)
{
    size_t used = 0, i, k;
    const json_t *row;

    json_array_foreach(rows, i, row)
    {
        const char *outcome = json_text(row, "outcome");

        for (k = 0; k < used && strcmp(tally[k].outcome, outcome) != 0; k++)
            ;
        if (k == OUTCOMES_MAX)
            continue;
        if (k == used)
            tally[used++] = (struct tally){outcome, 0};
        tally[k].count++;
    }
    qsort(tally, used, sizeof *tally, by_count);
    return used;
}

void report_print_counts(const json_t *answer)
{
    static const char *const headings[] = {">COUNT", "OUTCOME", NULL};
    CLEANUP(table) struct table *t = table_new(headings);
    struct tally tally[OUTCOMES_MAX];
    size_t used = count_outcomes(tally, json_object_get(answer, "rows"));

    for (size_t i = 0; i < used; i++) {
        table_cell(t, "%u", tally[i].count);
        table_cell(t, "%s", tally[i].outcome);
    }
    if (used)
        table_print(t);
}

/* Numbers are printed, text is taken as it is. */
static void number_cell(struct table *t, const json_t *row, const char *member)
{
    if (json_number(row, member))
        table_cell(t, "%" PRIu64, json_number(row, member));
    else
        table_cell(t, "-");
}

static void text_cell(struct table *t, const json_t *row, const char *member)
{
    const char *text = json_text(row, member);

    table_cell(t, "%s", *text ? text : "-");
}

static void print_row(struct table *t, const json_t *row)
{
    number_cell(t, row, "line");
    text_cell(t, row, "file");
    text_cell(t, row, "state_id");
    text_cell(t, row, "outcome");
    text_cell(t, row, "advice");
    text_cell(t, row, "note");
}

static void print_more(unsigned more, const char *path)
{
    (void)printf("More rows that were taken with a note: %u. ", more);
    if (path)
        (void)printf("All are in %s.\n", path);
    else
        (void)printf("--all-rows shows them, --report FILE.tsv writes them.\n");
}

void report_print_rows(const json_t *answer, bool all, const char *path)
{
    static const char *const headings[] = {">LINE",      "FILE", "STATE ID", "OUTCOME",
                                           "WHAT TO DO", "NOTE", NULL};
    CLEANUP(table) struct table *t = table_new(headings);
    unsigned printed = 0, noted = 0;
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(answer, "rows"), i, row)
    {
        if (!all && is_good(json_text(row, "outcome")) &&
            (!*json_text(row, "note") || ++noted > REPORT_NOTED_MAX))
            continue;
        print_row(t, row);
        printed++;
    }
    if (printed)
        table_print(t);
    if (noted > REPORT_NOTED_MAX)
        print_more(noted - REPORT_NOTED_MAX, path);
}

void report_print_schools(const json_t *answer)
{
    static const struct {
        const char *heading, *member;
    } columns[] = {
        {">WITH PHOTO", "with_photo"},       {">WITHOUT", "without_photo"}, {">NOT OPTED IN", "not_opted_in"},
        {">NOT ON ROSTER", "not_on_roster"}, {">UNREADABLE", "unreadable"}, {">DUPLICATE", "duplicate"},
        {">PLACEHOLDER", "placeholder"},     {">REVIEW", "needs_review"},   {">OLDER", "older_than_stored"},
    };
    enum { COLUMNS = sizeof columns / sizeof columns[0] };
    const char *headings[COLUMNS + 2] = {"SCHOOL"};
    CLEANUP(table) struct table *t = NULL;
    const json_t *schools = json_object_get(answer, "schools"), *school;
    size_t i;

    for (size_t c = 0; c < COLUMNS; c++)
        headings[c + 1] = columns[c].heading;
    t = table_new(headings);
    json_array_foreach(schools, i, school)
    {
        text_cell(t, school, "school");
        for (size_t c = 0; c < COLUMNS; c++)
            table_cell(t, "%" PRIu64, json_number(school, columns[c].member));
    }
    if (json_array_size(schools))
        table_print(t);
}

/* Tabs and line ends inside a field would break the table; they become blanks. */
static enum err add_field(struct buf *out, const char *text, const char *end)
{
    for (; *text; text++)
        TRY(buf_append(out, (unsigned char)*text < ' ' ? " " : text, 1));
    return buf_append(out, end, strlen(end));
}

static enum err add_rows(struct buf *out, const json_t *rows)
{
    const json_t *row;
    size_t i;

    TRY(buf_printf(out, "line\tfile\tstate_id\toutcome\twhat to do\tnote\n"));
    json_array_foreach(rows, i, row)
    {
        TRY(buf_printf(out, "%" PRIu64 "\t", json_number(row, "line")));
        TRY(add_field(out, json_text(row, "file"), "\t"));
        TRY(add_field(out, json_text(row, "state_id"), "\t"));
        TRY(add_field(out, json_text(row, "outcome"), "\t"));
        TRY(add_field(out, json_text(row, "advice"), "\t"));
        TRY(add_field(out, json_text(row, "note"), "\n"));
    }
    return OK;
}

static enum err add_renewals(struct buf *out, const json_t *renewals)
{
    const json_t *row;
    size_t i;

    TRY(buf_printf(out, "state_id\tschool\tgrade\thomeroom\n"));
    json_array_foreach(renewals, i, row)
    {
        TRY(add_field(out, json_text(row, "state_id"), "\t"));
        TRY(add_field(out, json_text(row, "school"), "\t"));
        TRY(add_field(out, json_text(row, "grade"), "\t"));
        TRY(add_field(out, json_text(row, "homeroom"), "\n"));
    }
    return OK;
}

enum ctl_exit report_write_renewals(const json_t *answer, const char *path)
{
    CLEANUP(buf) struct buf *text = NULL;

    if (buf_new(&text, TSV_MAX) || add_renewals(text, json_object_get(answer, "renewals")))
        return say_fail(CTL_FAILED, "the list is too large to be written");
    return file_write_new(path, 0600, buf_bytes(text), buf_len(text));
}

enum ctl_exit report_write_tsv(const json_t *answer, const char *path)
{
    CLEANUP(buf) struct buf *text = NULL;

    if (buf_new(&text, TSV_MAX) || add_rows(text, json_object_get(answer, "rows")))
        return say_fail(CTL_FAILED, "the report is too large to be written");
    TRY_CTL(file_write_new(path, 0600, buf_bytes(text), buf_len(text)));
    say_hint("The whole report is in %s.", path);
    return CTL_OK;
}
