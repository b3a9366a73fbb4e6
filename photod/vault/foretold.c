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
    size_t next; /* where the first row not taken yet begins */
    char district[DISTRICT_TEXT];
    struct line {
        uint32_t state_id; /* as a number */
        uint32_t at;       /* where its row begins */
        bool mixed;        /* a roster refuses all lines of this child */
    } * lines;             /* by State ID; of each child the one line that counts */
    size_t count, max;
    struct date today;
};

#define ROWS_A_STEP 512

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

static enum err make_room(struct foretold *f)
{
    struct line *more;

    if (f->count < f->max)
        return OK;
    more = realloc(f->lines, (f->max ? 2 * f->max : ROWS_A_STEP) * sizeof *more);
    if (!more)
        return ERR_NOMEM;
    f->lines = more;
    f->max = f->max ? 2 * f->max : ROWS_A_STEP;
    return OK;
}

static enum err keep_line(struct foretold *f, const struct shape_roster_row *row, size_t at)
{
    enum outcome o = roster_row_judge(row, f->district);
    bool mixed = o == OUTCOME_STATE_ID_REPEATED && is_state_id(row->state_id);

    if (o != OUTCOME_ACCEPTED && !mixed)
        return OK;
    TRY(make_room(f));
    f->lines[f->count++] = (struct line){(uint32_t)strtoul(row->state_id, NULL, 10), (uint32_t)at, mixed};
    return OK;
}

/* As roster_apply.c takes them: the first line of a child, or none where they contradict each other. */
static void keep_first(struct foretold *f)
{
    size_t kept = 0;

    if (f->count)
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

enum err foretold_begin(struct foretold **out, struct buf **rows, size_t skip, const char *district)
{
    struct foretold *f = calloc(1, sizeof *f);

    if (!f)
        return ERR_NOMEM;
    f->rows = TAKE(*rows);
    f->next = skip;
    f->today = law_today(clock_wall_ms());
    (void)snprintf(f->district, sizeof f->district, "%s", district);
    *out = f;
    return OK;
}

enum err foretold_some(struct foretold *f, bool *whole)
{
    struct take t = rows_from(f, f->next);
    struct shape_roster_row row;

    for (unsigned n = 0; n < ROWS_A_STEP && take_more(&t); n++) {
        size_t at = (size_t)(t.at - buf_bytes(f->rows));

        take_roster_row(&t, &row);
        if (!t.err)
            TRY(keep_line(f, &row, at));
    }
    f->next = (size_t)(t.at - buf_bytes(f->rows));
    *whole = !take_more(&t);
    if (!*whole)
        return OK;
    TRY(take_end(&t));
    keep_first(f);
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
