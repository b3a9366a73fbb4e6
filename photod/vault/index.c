#include "photod/vault/index.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "photod/vault/alike.h"
#include "photod/vault/worker.h"

#define ROWS_A_STEP 256

/* ---- Notes ---- */

/* Notes hold names; what does not fit is cut between characters. */
static void say(struct entry *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct entry *e, const char *format, ...)
{
    size_t used = strlen(e->verdict.note), len;
    va_list args;

    if (used && used + 1 < sizeof e->verdict.note)
        e->verdict.note[used++] = ' ';
    va_start(args, format);
    (void)vsnprintf(e->verdict.note + used, sizeof e->verdict.note - used, format, args);
    va_end(args);
    len = strlen(e->verdict.note);
    if (len < sizeof e->verdict.note - 1)
        return;
    while (len && ((unsigned char)e->verdict.note[len - 1] & 0xc0) == 0x80)
        len--;
    e->verdict.note[len ? len - 1 : 0] = '\0';
}

/* As the index calls the child, for who must find out which one it is. */
static void say_person(struct entry *e, const struct shape_index_row *row)
{
    const char *room = row->homeroom[0] ? row->homeroom : row->teacher;

    if (row->number[0])
        say(e, "Line %" PRIu32 " of the mapping file: number %s.", row->line, row->number);
    else
        say(e, "Line %" PRIu32 " of the index: %s, %s, grade %s, home room %s.", row->line, row->last,
            row->first, row->grade[0] ? row->grade : "-", room[0] ? room : "-");
}

static void say_match(struct entry *e, unsigned match)
{
    static const char *const notes[ZIP_MATCH_COUNT] = {
        [ZIP_CASE] = "Matched although the file's name differs in upper and lower case.",
        [ZIP_ENDING] =
            "Matched although the file's name ends in .jpg or .jpeg otherwise than the index says.",
        [ZIP_FOLDER] = "Matched although the file lies in another folder than the index says.",
    };

    if (notes[match])
        say(e, "%s", notes[match]);
}

/* ---- One row ---- */

static void decide(struct entry *e, enum outcome outcome)
{
    e->phase = VERDICT;
    e->verdict.outcome = outcome;
}

static void ask_clerk(struct entry *e, const struct crosswalk_answer *a)
{
    size_t at = 0;

    decide(e, OUTCOME_NEEDS_REVIEW);
    e->verdict.candidates[0] = '\0';
    for (unsigned i = 0; i < a->count; i++)
        at += (size_t)snprintf(e->verdict.candidates + at, sizeof e->verdict.candidates - at, "%s%s",
                               i ? " " : "", a->candidates[i]->state_id);
}

static bool is_staff(const struct shape_index_row *row)
{
    static const char *const pupils[] = {"", "student", "pupil", "students"};
    bool title = true, department = true;

    for (size_t i = 0; i < sizeof pupils / sizeof pupils[0]; i++) {
        title = title && !alike_words(row->title, pupils[i]);
        department = department && !alike_words(row->department, pupils[i]);
    }
    return is_staff_grade(row->grade) || (!row->grade[0] && (title || department));
}

static void take_answer(struct entry *e, const struct shape_index_row *row, const struct crosswalk_answer *a)
{
    switch (a->found) {
    case CROSSWALK_MATCH:
        memcpy(e->verdict.state_id, a->candidates[0]->state_id, sizeof e->verdict.state_id);
        if (a->reason)
            say(e, "%s", a->reason);
        break;
    case CROSSWALK_REVIEW:
        say(e, "%s", a->reason);
        say_person(e, row);
        ask_clerk(e, a);
        break;
    case CROSSWALK_NOBODY:
        say_person(e, row);
        decide(e, OUTCOME_NOT_ON_ROSTER);
        break;
    }
}

static void name_by_index(const struct index_judging *j, const struct staging *s, struct entry *e,
                          const struct shape_index_row *row)
{
    struct crosswalk_answer a;

    if (is_staff(row)) {
        decide(e, OUTCOME_STAFF);
        return;
    }
    crosswalk_by_name(&a, j->roster, row, s->record.school);
    if (a.found == CROSSWALK_MATCH && (row->title[0] || row->department[0]) &&
        !alike_words(row->title, "student")) {
        a.found = CROSSWALK_REVIEW;
        a.reason = "The index gives a title or department, as of staff.";
    }
    take_answer(e, row, &a);
}

/* A State ID is one whatever the roster says; the vault knows more children than came with this batch. */
static void name_by_number(const struct index_judging *j, struct entry *e, const struct shape_index_row *row)
{
    struct crosswalk_answer a = {.found = CROSSWALK_NOBODY};

    if (j->roster)
        crosswalk_by_number(&a, j->roster, row->number);
    if (a.found == CROSSWALK_NOBODY && is_state_id(row->number))
        memcpy(e->verdict.state_id, row->number, sizeof e->verdict.state_id);
    else
        take_answer(e, row, &a);
}

/* FNV-1a, to tell whether two rows speak of the same person. */
static uint64_t add_hash(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    } while (*text++);
    return hash;
}

static uint64_t person_of(const struct shape_index_row *row)
{
    uint64_t hash = add_hash(0xcbf29ce484222325u, row->folded_last);

    hash = add_hash(hash, row->folded_first);
    hash = add_hash(hash, row->grade);
    hash = add_hash(hash, row->homeroom);
    hash = add_hash(hash, row->teacher);
    return add_hash(hash, row->number);
}

/* A row that names a file of the ZIP. */
static void take_row(const struct index_judging *j, const struct staging *s,
                     const struct shape_index_row *row)
{
    struct entry *e = &s->entries[row->entry];
    uint64_t person = person_of(row);

    if (!e->readable)
        return;
    if (e->named && e->person != person) {
        e->verdict.note[0] = e->verdict.state_id[0] = e->verdict.candidates[0] = '\0';
        say(e, "Line %" PRIu32 " of the index gives the file to another person than an earlier line.",
            row->line);
        decide(e, OUTCOME_NAMED_TWICE);
    }
    if (e->named)
        return;
    e->named = true;
    e->person = person;
    e->size = row->size;
    if (row->fault[0]) {
        say(e, "Line %" PRIu32 " of the index.", row->line);
        decide(e, worker_fault(row->fault, OUTCOME_ROW_ENCODING));
        return;
    }
    say_match(e, row->match);
    if (s->form.form == ZIP_INDEX)
        name_by_index(j, s, e, row);
    else
        name_by_number(j, e, row);
}

static void take_missing(struct index_judging *j, const struct staging *s, const struct shape_index_row *row)
{
    struct entry *e = &s->entries[j->next_missing++];

    memcpy(e->verdict.file, row->file, sizeof e->verdict.file);
    if (row->fault[0])
        say(e, "Line %" PRIu32 " of the index.", row->line);
    else
        say_person(e, row);
    decide(e, row->fault[0] ? worker_fault(row->fault, OUTCOME_ROW_ENCODING) : OUTCOME_FILE_MISSING);
}

/* ---- What only all rows together say ---- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The same person in two sizes: the larger one goes first. */
static int by_person(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    int order = (x->person > y->person) - (x->person < y->person);

    if (!order)
        order = strcasecmp(base_of(x->verdict.file), base_of(y->verdict.file));
    if (!order)
        order = y->size - x->size;
    return order ? order : (x->verdict.row > y->verdict.row) - (x->verdict.row < y->verdict.row);
}

static int by_child(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    int order = strcmp(x->verdict.state_id, y->verdict.state_id);

    if (!order)
        order = y->size - x->size;
    return order ? order : (x->verdict.row > y->verdict.row) - (x->verdict.row < y->verdict.row);
}

static void leave_to_larger(struct entry *e, const struct entry *larger)
{
    e->verdict.note[0] = e->verdict.state_id[0] = e->verdict.candidates[0] = '\0';
    say(e, "Row %" PRIu32 " of this report has the larger one.", larger->verdict.row + 1);
    decide(e, OUTCOME_SMALLER_COPY);
}

static bool is_same_picture(const struct entry *a, const struct entry *b)
{
    return a->person == b->person && strcasecmp(base_of(a->verdict.file), base_of(b->verdict.file)) == 0;
}

/* SMALL where there is a LARGE of the same person under the same file name, whoever that is. */
static void prefer_large(struct entry **sorted, uint32_t count)
{
    const struct entry *large = NULL;

    qsort(sorted, count, sizeof *sorted, by_person);
    for (uint32_t i = 0; i < count; i++) {
        if (large && is_same_picture(large, sorted[i]) && sorted[i]->size == ZIP_SMALL &&
            sorted[i]->verdict.outcome != OUTCOME_NAMED_TWICE)
            leave_to_larger(sorted[i], large);
        else
            large = sorted[i]->size == ZIP_LARGE ? sorted[i] : NULL;
    }
}

static void doubt(struct entry *e, uint32_t pictures)
{
    say(e, "%" PRIu32 " pictures of the index match this child.", pictures);
    memcpy(e->verdict.candidates, e->verdict.state_id, sizeof e->verdict.state_id);
    e->verdict.state_id[0] = '\0';
    decide(e, OUTCOME_NEEDS_REVIEW);
}

/* All that came to one child, the largest first. */
static void judge_shared(struct entry **of_child, uint32_t count)
{
    bool has_large = of_child[0]->size == ZIP_LARGE;
    uint32_t pictures = 0;

    for (uint32_t i = 0; i < count; i++)
        pictures += !has_large || of_child[i]->size != ZIP_SMALL;
    for (uint32_t i = 0; i < count; i++) {
        if (has_large && of_child[i]->size == ZIP_SMALL)
            leave_to_larger(of_child[i], of_child[0]);
        else if (pictures > 1)
            doubt(of_child[i], pictures);
    }
}

/*
 * A match must be unique on both sides: where several pictures came to the
 * same child, one may be of a namesake that the roster lacks.
 */
static void doubt_shared(struct entry **sorted, uint32_t count)
{
    qsort(sorted, count, sizeof *sorted, by_child);
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1;
             end < count && strcmp(sorted[end]->verdict.state_id, sorted[i]->verdict.state_id) == 0;)
            end++;
        judge_shared(sorted + i, end - i);
    }
}

static enum err judge_together(struct staging *s, uint32_t files)
{
    CLEANUP(heap) struct entry **sorted = calloc(files + 1u, sizeof *sorted);
    uint32_t n = 0;

    if (!sorted)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < files; i++)
        if (s->entries[i].named)
            sorted[n++] = &s->entries[i];
    prefer_large(sorted, n);
    n = 0;
    for (uint32_t i = 0; i < files; i++)
        if (s->entries[i].phase == TO_READ && s->entries[i].verdict.state_id[0])
            sorted[n++] = &s->entries[i];
    if (s->form.form == ZIP_INDEX)
        doubt_shared(sorted, n);
    return OK;
}

/* Files that no row names: the index itself and its companions, or pictures that nobody is on. */
static void judge_unnamed(struct staging *s, uint32_t files)
{
    static const char *const texts[] = {".txt", ".csv", ".tsv", ".tab"};

    for (uint32_t i = 0; i < files; i++) {
        struct entry *e = &s->entries[i];
        const char *dot = strrchr(base_of(e->verdict.file), '.');

        if (e->phase != TO_READ || e->named)
            continue;
        decide(e, OUTCOME_NOT_IN_INDEX);
        for (size_t k = 0; dot && k < sizeof texts / sizeof texts[0]; k++)
            if (strcasecmp(dot, texts[k]) == 0)
                decide(e, OUTCOME_PACKAGE_FILE);
    }
}

/* ---- The whole ---- */

static bool is_row(const struct shape_index_row *row, uint32_t files)
{
    return row->match < ZIP_MATCH_COUNT && row->size < ZIP_SIZE_COUNT &&
           (row->match == ZIP_NONE || row->entry < files);
}

enum err index_count_some(struct take *at, uint32_t files, uint32_t *missing, bool *whole)
{
    struct shape_index_row row;

    for (unsigned n = 0; n < ROWS_A_STEP && take_more(at); n++) {
        take_index_row(at, &row);
        if (at->err || !is_row(&row, files) || *missing == INDEX_MISSING_MAX)
            return ERR_MALFORMED;
        *missing += row.match == ZIP_NONE;
    }
    *whole = !take_more(at);
    return *whole ? take_end(at) : OK;
}

enum err index_judge_some(struct index_judging *j, struct staging *s, bool *whole)
{
    struct shape_index_row row;

    for (unsigned n = 0; n < ROWS_A_STEP && take_more(&j->at); n++) {
        take_index_row(&j->at, &row);
        if (j->at.err)
            return ERR_MALFORMED;
        if (row.match == ZIP_NONE)
            take_missing(j, s, &row);
        else
            take_row(j, s, &row);
    }
    *whole = !take_more(&j->at);
    if (!*whole)
        return OK;
    TRY(judge_together(s, s->files));
    judge_unnamed(s, s->files);
    return OK;
}

void index_format(const struct staging *s, char *to, size_t size)
{
    const struct shape_zip_indexed *f = &s->form;
    char indexes[40] = "";

    if (!s->indexed) {
        (void)snprintf(to, size, "ZIP by State ID");
        return;
    }
    if (f->indexes > 1)
        (void)snprintf(indexes, sizeof indexes, ", %" PRIu32 " volumes", f->indexes);
    (void)snprintf(to, size, "%s, %" PRIu32 " columns, %s, %s%s",
                   f->form == ZIP_MAPPING ? "ZIP with mapping file"
                                          : (f->columns > 12 ? "PSPI package" : "PSPA package"),
                   f->columns, f->has_header ? "header row" : "no header row", f->charset, indexes);
}
