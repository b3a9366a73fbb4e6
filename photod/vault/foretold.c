#include "photod/vault/foretold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/vault/roster_row.h"

struct foretold {
    struct buf *rows;
    struct line {
        uint32_t state_id; /* as a number */
        uint32_t at;       /* where its row begins */
        bool mixed;        /* a roster refuses all lines of this child */
    } * lines;             /* by State ID; of each child the one line that counts */
    size_t count;
    struct date today;
};

/* ---- Loading ---- */

static int by_state_id(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->state_id != y->state_id)
        return x->state_id < y->state_id ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static struct take rows_from(const struct foretold *f, size_t at)
{
    return TAKE_BYTES(buf_bytes(f->rows) + at, buf_len(f->rows) - at);
}

static enum err count_rows(const struct foretold *f, size_t skip, size_t *count)
{
    struct take t = rows_from(f, skip);
    struct shape_roster_row row;

    for (*count = 0; take_more(&t); ++*count)
        take_roster_row(&t, &row);
    return take_end(&t);
}

static void keep_line(struct foretold *f, const struct shape_roster_row *row, const char *district, size_t at)
{
    enum outcome o = roster_row_judge(row, district);
    bool mixed = o == OUTCOME_STATE_ID_REPEATED && is_state_id(row->state_id);

    if (o == OUTCOME_ACCEPTED || mixed)
        f->lines[f->count++] = (struct line){(uint32_t)strtoul(row->state_id, NULL, 10), (uint32_t)at, mixed};
}

/* As roster_apply.c takes them: the first line of a child, or none where they contradict each other. */
static void keep_first(struct foretold *f)
{
    size_t kept = 0;

    qsort(f->lines, f->count, sizeof *f->lines, by_state_id);
    for (size_t i = 0, end; i < f->count; i = end) {
        bool mixed = f->lines[i].mixed;

        for (end = i + 1; end < f->count && f->lines[end].state_id == f->lines[i].state_id; end++)
            mixed |= f->lines[end].mixed;
        if (!mixed)
            f->lines[kept++] = f->lines[i];
    }
    f->count = kept;
}

enum err foretold_new(struct foretold **out, struct buf **rows, size_t skip, const char *district)
{
    CLEANUP(foretold) struct foretold *f = calloc(1, sizeof *f);
    struct shape_roster_row row;
    struct take t;
    size_t count;

    if (!f)
        return ERR_NOMEM;
    f->rows = TAKE(*rows);
    f->today = law_today(clock_wall_ms());
    TRY(count_rows(f, skip, &count));
    f->lines = calloc(count + 1, sizeof *f->lines);
    if (!f->lines)
        return ERR_NOMEM;
    t = rows_from(f, skip);
    while (take_more(&t)) {
        size_t at = (size_t)(t.at - buf_bytes(f->rows));

        take_roster_row(&t, &row);
        keep_line(f, &row, district, at);
    }
    keep_first(f);
    *out = TAKE(f);
    return OK;
}

void foretold_free(struct foretold *f)
{
    if (!f)
        return;
    buf_free(f->rows);
    free(f->lines);
    free(f);
}

/* ---- Laying it over a child ---- */

static const struct line *line_of(const struct foretold *f, const char *state_id)
{
    struct line wanted = {.state_id = (uint32_t)strtoul(state_id, NULL, 10)};
    size_t low = 0, high = f->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (f->lines[middle].state_id < wanted.state_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < f->count && f->lines[low].state_id == wanted.state_id ? &f->lines[low] : NULL;
}

static enum err lay_details(struct student *s, const struct shape_roster_row *row)
{
    struct buf *plain;

    TRY(roster_row_student(&plain, row));
    record_clear(&s->details);
    s->details.plain = plain;
    return OK;
}

enum err foretold_lay(const struct foretold *f, struct vault *v, struct student *s, const char *state_id)
{
    const struct line *line = f && is_state_id(state_id) ? line_of(f, state_id) : NULL;
    struct consent_entry answer;
    struct shape_roster_row row;
    struct take t;

    if (!line)
        return OK;
    t = rows_from(f, line->at);
    take_roster_row(&t, &row);
    answer = roster_row_answer(&row, f->today);
    (void)student_hear(s, &answer);
    switch (student_consent(s, v, f->today)) {
    case CONSENT_STATE_IN:
        return roster_row_has_name(&row) ? lay_details(s, &row) : OK;
    case CONSENT_STATE_OUT: /* erased */
        record_clear(&s->details);
        record_clear(&s->generations);
        break;
    case CONSENT_STATE_NONE:
    case CONSENT_STATE_LAPSED:
        break;
    }
    return OK;
}

size_t foretold_count(const struct foretold *f)
{
    return f ? f->count : 0;
}

void foretold_child(const struct foretold *f, size_t index, char state_id[static STATE_ID_TEXT])
{
    (void)snprintf(state_id, STATE_ID_TEXT, "%09" PRIu32, f->lines[index].state_id);
}
