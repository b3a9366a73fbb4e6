/*
 * The roster of a batch, searched by name and by number.  What must stay
 * true: MATCH is given only for one child that agrees in every field, in the
 * school that the photos are known to be of.
 */
#include "photod/vault/crosswalk.h"

#include <stdlib.h>
#include <string.h>
#include "photod/vault/alike.h"

#define ROWS_A_STEP 512
#define ORDERS      4
#define NEAR_MAX    400 /* children of one last or first name that are looked at for candidates */
#define SCHOOLS_MAX 400 /* Montana's largest district has under 40 */

struct crosswalk {
    struct take at;                   /* the rows that are still to be taken, */
    unsigned sorted;                  /* and then: of the four orders, those that are made */
    struct crosswalk_child *children; /* by name */
    size_t count, max;
    const struct crosswalk_child **by_state_id, **by_local_id, **by_first;
    char *texts; /* all the fields, wiped with it */
    size_t texts_len;
    const char *schools[SCHOOLS_MAX]; /* each once */
    size_t school_count;
};

/* ---- Loading ---- */

static int by_name(const void *a, const void *b)
{
    const struct crosswalk_child *x = a, *y = b;
    int order = strcmp(x->folded_last, y->folded_last);

    if (!order)
        order = strcmp(x->folded_first, y->folded_first);
    return order ? order : strcmp(x->state_id, y->state_id);
}

static int by_state_id(const void *a, const void *b)
{
    return strcmp((*(const struct crosswalk_child *const *)a)->state_id,
                  (*(const struct crosswalk_child *const *)b)->state_id);
}

/* Leading zeros come and go on their way through spreadsheets. */
static const char *without_zeros(const char *number)
{
    while (number[0] == '0' && number[1])
        number++;
    return number;
}

static int by_local_id(const void *a, const void *b)
{
    return strcmp(without_zeros((*(const struct crosswalk_child *const *)a)->local_id),
                  without_zeros((*(const struct crosswalk_child *const *)b)->local_id));
}

static int by_first(const void *a, const void *b)
{
    return strcmp((*(const struct crosswalk_child *const *)a)->folded_first,
                  (*(const struct crosswalk_child *const *)b)->folded_first);
}

/* The arena is as long as the table, whose texts each have a length of four bytes before them. */
static const char *keep_text(struct crosswalk *c, const char *text)
{
    char *to = c->texts + c->texts_len;
    size_t len = strlen(text) + 1;

    memcpy(to, text, len);
    c->texts_len += len;
    return to;
}

/* Children stand in no order of schools, but the same few come again and again. */
static void keep_school(struct crosswalk *c, const char *school)
{
    size_t k = 0;

    while (k < c->school_count && !alike_words(c->schools[k], school))
        k++;
    if (k == c->school_count && k < SCHOOLS_MAX)
        c->schools[c->school_count++] = school;
}

static enum err make_room(struct crosswalk *c)
{
    struct crosswalk_child *more;

    if (c->count < c->max)
        return OK;
    more = realloc(c->children, (c->max ? 2 * c->max : ROWS_A_STEP) * sizeof *more);
    if (!more)
        return ERR_NOMEM;
    c->children = more;
    c->max = c->max ? 2 * c->max : ROWS_A_STEP;
    return OK;
}

static enum err keep_child(struct crosswalk *c, const struct shape_roster_row *row)
{
    struct crosswalk_child *to;

    TRY(make_room(c));
    to = &c->children[c->count++];
    memcpy(to->state_id, row->state_id, sizeof to->state_id);
    to->local_id = keep_text(c, row->local_id);
    to->last = keep_text(c, row->last);
    to->first = keep_text(c, row->first);
    to->folded_last = keep_text(c, row->folded_last);
    to->folded_first = keep_text(c, row->folded_first);
    to->grade = keep_text(c, row->grade);
    to->homeroom = keep_text(c, row->homeroom);
    to->school = keep_text(c, row->school);
    keep_school(c, to->school);
    return OK;
}

static bool is_child(const struct shape_roster_row *row)
{
    return !row->fault[0] && is_state_id(row->state_id);
}

static enum err take_some(struct crosswalk *c)
{
    struct shape_roster_row row;

    for (unsigned n = 0; n < ROWS_A_STEP && take_more(&c->at); n++) {
        take_roster_row(&c->at, &row);
        if (!c->at.err && is_child(&row))
            TRY(keep_child(c, &row));
    }
    return take_more(&c->at) ? OK : take_end(&c->at);
}

static enum err sort_by_name(struct crosswalk *c)
{
    c->by_state_id = calloc(c->count + 1, sizeof(void *));
    c->by_local_id = calloc(c->count + 1, sizeof(void *));
    c->by_first = calloc(c->count + 1, sizeof(void *));
    if (!c->by_state_id || !c->by_local_id || !c->by_first)
        return ERR_NOMEM;
    if (c->count)
        qsort(c->children, c->count, sizeof *c->children, by_name);
    for (size_t i = 0; i < c->count; i++)
        c->by_state_id[i] = c->by_local_id[i] = c->by_first[i] = &c->children[i];
    return OK;
}

enum err crosswalk_begin(struct crosswalk **out, const unsigned char *rows, size_t len)
{
    CLEANUP(crosswalk) struct crosswalk *c = calloc(1, sizeof *c);

    if (!c)
        return ERR_NOMEM;
    c->at = TAKE_BYTES(rows, len);
    c->texts = malloc(len + 1);
    if (!c->texts)
        return ERR_NOMEM;
    *out = TAKE(c);
    return OK;
}

enum err crosswalk_some(struct crosswalk *c, bool *whole)
{
    const struct crosswalk_child **lists[ORDERS] = {NULL, c->by_state_id, c->by_local_id, c->by_first};
    static int (*const orders[ORDERS])(const void *, const void *) = {NULL, by_state_id, by_local_id,
                                                                      by_first};

    *whole = false;
    if (take_more(&c->at))
        return take_some(c);
    if (!c->sorted)
        TRY(sort_by_name(c));
    else
        qsort(lists[c->sorted], c->count, sizeof *lists[0], orders[c->sorted]);
    *whole = ++c->sorted == ORDERS;
    return OK;
}

enum err crosswalk_new(struct crosswalk **out, const unsigned char *rows, size_t len)
{
    CLEANUP(crosswalk) struct crosswalk *c = NULL;
    bool whole = false;

    TRY(crosswalk_begin(&c, rows, len));
    while (!whole)
        TRY(crosswalk_some(c, &whole));
    *out = TAKE(c);
    return OK;
}

void crosswalk_free(struct crosswalk *c)
{
    if (!c)
        return;
    if (c->texts)
        explicit_bzero(c->texts, c->texts_len);
    free(c->texts);
    free(c->by_state_id);
    free(c->by_local_id);
    free(c->by_first);
    free(c->children);
    free(c);
}

/* ---- By number ---- */

bool crosswalk_has_names(const struct crosswalk *c)
{
    return c->count && *c->children[c->count - 1].folded_last; /* they stand in order of it */
}

const struct crosswalk_child *crosswalk_child(const struct crosswalk *c, const char *state_id)
{
    size_t low = 0, high = c->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(c->by_state_id[middle]->state_id, state_id);

        if (!order)
            return c->by_state_id[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void add(struct crosswalk_answer *a, const struct crosswalk_child *child)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->candidates[i] == child)
            return;
    if (a->count < CANDIDATES_MAX)
        a->candidates[a->count++] = child;
}

void crosswalk_by_number(struct crosswalk_answer *out, const struct crosswalk *c, const char *number)
{
    const char *bare = without_zeros(number);
    const struct crosswalk_child *by_state = crosswalk_child(c, number);
    size_t at = 0, high = c->count;

    *out = (struct crosswalk_answer){.found = CROSSWALK_NOBODY};
    while (at < high) {
        size_t middle = at + (high - at) / 2;

        if (strcmp(without_zeros(c->by_local_id[middle]->local_id), bare) < 0)
            at = middle + 1;
        else
            high = middle;
    }
    for (; at < c->count && strcmp(without_zeros(c->by_local_id[at]->local_id), bare) == 0; at++)
        if (c->by_local_id[at]->local_id[0])
            add(out, c->by_local_id[at]);
    if (by_state)
        add(out, by_state);
    if (!out->count)
        return;
    out->found = out->count == 1 ? CROSSWALK_MATCH : CROSSWALK_REVIEW;
    if (out->count > 1)
        out->reason = "More than one child of the roster has this number.";
    else if (out->candidates[0] != by_state && strcmp(out->candidates[0]->local_id, number) != 0)
        out->reason = "Matched although the leading zeros of the number differ.";
}

/* ---- By name ---- */

static size_t first_of_last(const struct crosswalk *c, const char *folded_last)
{
    size_t low = 0, high = c->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(c->children[middle].folded_last, folded_last) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t first_of_first(const struct crosswalk *c, const char *folded_first)
{
    size_t low = 0, high = c->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(c->by_first[middle]->folded_first, folded_first) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The school that a volume's name says: the longest name of one that stands in it.  "": it says none. */
static const char *school_of(const struct crosswalk *c, const char *volume)
{
    const char *best = "";

    if (c->school_count == 1)
        return c->schools[0];
    for (size_t i = 0; i < c->school_count; i++)
        if (strlen(c->schools[i]) > strlen(best) && alike_within(volume, c->schools[i]))
            best = c->schools[i];
    return best;
}

static bool is_in_room(const struct shape_index_row *row, const struct crosswalk_child *child)
{
    return alike_words(row->homeroom, child->homeroom) ||
           (row->teacher[0] && alike_words(row->teacher, child->homeroom));
}

/* How much of a row, beside the name, a child agrees with. */
enum agreement { AGREES_SCHOOL = 4, AGREES_GRADE = 2, AGREES_ROOM = 1, AGREES_ALL = 7 };

static unsigned agreement(const struct shape_index_row *row, const struct crosswalk_child *child,
                          const char *school)
{
    return (*school && alike_words(school, child->school) ? AGREES_SCHOOL : 0u) |
           (alike_grade(row->grade, child->grade) ? AGREES_GRADE : 0u) |
           (is_in_room(row, child) ? AGREES_ROOM : 0u);
}

static const char *reason_of(const struct crosswalk_child *child, unsigned agrees, const char *school)
{
    if (!child->school[0])
        return "The roster names no school of the child of this name.";
    if (!*school)
        return "Nothing says of which school the photos are; send the batch with its school.";
    if (!(agrees & AGREES_SCHOOL))
        return "The name stands in the roster of another school only.";
    if (!(agrees & (AGREES_GRADE | AGREES_ROOM)))
        return "Grade and home room differ from the roster's.";
    return agrees & AGREES_GRADE ? "The home room differs from the roster's."
                                 : "The grade differs from the roster's.";
}

struct ranked {
    const struct crosswalk_child *child;
    unsigned rank;
};

/* The best few of those offered; of equals the first offered goes first. */
static void offer(struct ranked best[static CANDIDATES_MAX], const struct crosswalk_child *child,
                  unsigned rank)
{
    unsigned at = CANDIDATES_MAX;

    for (unsigned i = 0; i < CANDIDATES_MAX; i++)
        if (best[i].child == child)
            return;
    while (at && (!best[at - 1].child || best[at - 1].rank < rank))
        at--;
    if (at == CANDIDATES_MAX)
        return;
    memmove(&best[at + 1], &best[at], (CANDIDATES_MAX - 1 - at) * sizeof *best);
    best[at] = (struct ranked){child, rank};
}

/* Children whose names come near: one of both is the same, the other alike or the grade agrees. */
static void offer_near(struct ranked best[static CANDIDATES_MAX], const struct crosswalk *c,
                       const struct shape_index_row *row, const char *school)
{
    size_t at = first_of_last(c, row->folded_last);

    for (size_t n = 0; n < NEAR_MAX && at < c->count; n++, at++) {
        const struct crosswalk_child *child = &c->children[at];
        unsigned agrees = agreement(row, child, school);
        bool alike = alike_name(child->folded_first, row->folded_first);

        if (strcmp(child->folded_last, row->folded_last) != 0)
            break;
        if (alike || (agrees & AGREES_GRADE))
            offer(best, child, agrees + (alike ? 8 : 0));
    }
    at = first_of_first(c, row->folded_first);
    for (size_t n = 0; n < NEAR_MAX && at < c->count; n++, at++) {
        const struct crosswalk_child *child = c->by_first[at];
        unsigned agrees = agreement(row, child, school);
        bool alike = alike_name(child->folded_last, row->folded_last);

        if (strcmp(child->folded_first, row->folded_first) != 0)
            break;
        if (alike || ((agrees & AGREES_GRADE) && (agrees & AGREES_ROOM)))
            offer(best, child, agrees + (alike ? 8 : 0));
    }
}

static void take_best(struct crosswalk_answer *out, const struct ranked best[static CANDIDATES_MAX])
{
    for (unsigned i = 0; i < CANDIDATES_MAX && best[i].child; i++)
        out->candidates[out->count++] = best[i].child;
}

/* Those of exactly this name: *exact of them agree in everything. */
static void offer_namesakes(struct ranked best[static CANDIDATES_MAX], const struct crosswalk *c,
                            const struct shape_index_row *row, const char *school, unsigned *exact)
{
    for (size_t at = first_of_last(c, row->folded_last); at < c->count; at++) {
        const struct crosswalk_child *child = &c->children[at];
        int order = strcmp(child->folded_first, row->folded_first);
        unsigned agrees;

        if (strcmp(child->folded_last, row->folded_last) != 0 || order > 0)
            return;
        if (order < 0)
            continue;
        agrees = agreement(row, child, school);
        *exact += agrees == AGREES_ALL;
        offer(best, child, agrees);
    }
}

void crosswalk_by_name(struct crosswalk_answer *out, const struct crosswalk *c,
                       const struct shape_index_row *row, const char *school)
{
    struct ranked best[CANDIDATES_MAX] = {{NULL, 0}};
    unsigned exact = 0;

    *out = (struct crosswalk_answer){.found = CROSSWALK_NOBODY};
    if (!row->folded_last[0] || !row->folded_first[0])
        return;
    if (!*school)
        school = school_of(c, row->volume);
    offer_namesakes(best, c, row, school, &exact);
    if (exact == 1) {
        out->found = CROSSWALK_MATCH;
        out->candidates[out->count++] = best[0].child;
        return;
    }
    if (exact)
        out->reason = "Two children of the roster agree in name, grade, home room and school.";
    else if (best[0].child)
        out->reason = reason_of(best[0].child, best[0].rank, school);
    else
        out->reason = "No child of the roster has exactly this name.";
    if (!best[0].child)
        offer_near(best, c, row, school);
    take_best(out, best);
    if (out->count)
        out->found = CROSSWALK_REVIEW;
}
