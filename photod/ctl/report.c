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
    return strcmp(outcome, "stored") == 0 || strcmp(outcome, "accepted") == 0;
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

void report_print_rows(const json_t *answer, bool all)
{
    static const char *const headings[] = {">LINE",      "FILE", "STATE ID", "OUTCOME",
                                           "WHAT TO DO", "NOTE", NULL};
    CLEANUP(table) struct table *t = table_new(headings);
    const json_t *row;
    bool any = false;
    size_t i;

    json_array_foreach(json_object_get(answer, "rows"), i, row)
    {
        if (!all && is_good(json_text(row, "outcome")) && !*json_text(row, "note"))
            continue;
        number_cell(t, row, "line");
        text_cell(t, row, "file");
        text_cell(t, row, "state_id");
        text_cell(t, row, "outcome");
        text_cell(t, row, "advice");
        text_cell(t, row, "note");
        any = true;
    }
    if (any)
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

enum ctl_exit report_write_tsv(const json_t *answer, const char *path)
{
    CLEANUP(buf) struct buf *text = NULL;

    if (buf_new(&text, TSV_MAX) || add_rows(text, json_object_get(answer, "rows")))
        return say_fail(CTL_FAILED, "the report is too large to be written");
    TRY_CTL(file_write_new(path, 0600, buf_bytes(text), buf_len(text)));
    say_hint("The whole report is in %s.", path);
    return CTL_OK;
}
