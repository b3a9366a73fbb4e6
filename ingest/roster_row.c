#include "ingest/roster_row.h"

#include <string.h>
#include "ingest/fold.h"

#define OLDEST_YEAR 1900

/* Takes a trimmed text of at most ROSTER_FIELD_MAX bytes; answers a fault code or NULL. */
typedef const char *take_fn(struct roster_row *row, char *place, char *text);

static const char *take_text(struct roster_row *row, char *place, char *text)
{
    (void)row;
    return fold_compose(place, ROSTER_FIELD_MAX + 1, text) ? FAULT_FIELD_TOO_LONG : NULL;
}

static const char *take_record(struct roster_row *row, char *place, char *text)
{
    (void)row, (void)place;
    return strcmp(text, "SD") == 0 ? NULL : FAULT_ROW_COLUMNS;
}

static const char *take_district(struct roster_row *row, char *place, char *text)
{
    (void)place;
    return cell_district(row->district, text, &row->notes);
}

static const char *take_state_id(struct roster_row *row, char *place, char *text)
{
    (void)place;
    return cell_state_id(row->state_id, text, &row->notes);
}

static const char *take_name(struct roster_row *row, char *place, char *text)
{
    char *folded = place == row->last ? row->folded_last : row->folded_first;

    if (!*text)
        return FAULT_NAME_MISSING;
    return fold_name(folded, ROSTER_FOLDED, text) ? FAULT_FIELD_TOO_LONG : take_text(row, place, text);
}

static const char *take_born(struct roster_row *row, char *place, char *text)
{
    struct date d;
    const char *fault = cell_date(&d, cell_unwrap(text, &row->notes), FAULT_BIRTH_DATE_MALFORMED);

    (void)place;
    if (fault)
        return fault;
    row->born = d;
    return d.year < OLDEST_YEAR ? FAULT_BIRTH_DATE_MALFORMED : NULL;
}

static const char *take_opt_in(struct roster_row *row, char *place, char *text)
{
    (void)place;
    return cell_opt_in(&row->opt_in, cell_unwrap(text, &row->notes));
}

static const char *take_opt_in_on(struct roster_row *row, char *place, char *text)
{
    (void)place;
    if (!*text)
        return NULL;
    return cell_date(&row->opt_in_on, cell_unwrap(text, &row->notes), FAULT_OPT_IN_DATE_MALFORMED);
}

#define NO_PLACE 0
static const struct {
    take_fn *take;
    size_t place; /* of a text in struct roster_row */
} fields[ROSTER_FIELD_COUNT] = {
    [ROSTER_RECORD] = {take_record, NO_PLACE},
    [ROSTER_DISTRICT] = {take_district, NO_PLACE},
    [ROSTER_STATE_ID] = {take_state_id, NO_PLACE},
    [ROSTER_LOCAL_ID] = {take_text, offsetof(struct roster_row, local_id)},
    [ROSTER_LAST] = {take_name, offsetof(struct roster_row, last)},
    [ROSTER_FIRST] = {take_name, offsetof(struct roster_row, first)},
    [ROSTER_MIDDLE] = {take_text, offsetof(struct roster_row, middle)},
    [ROSTER_GENDER] = {take_text, offsetof(struct roster_row, gender)},
    [ROSTER_BORN] = {take_born, NO_PLACE},
    [ROSTER_SCHOOL] = {take_text, offsetof(struct roster_row, school)},
    [ROSTER_GRADE] = {take_text, offsetof(struct roster_row, grade)},
    [ROSTER_HOMEROOM] = {take_text, offsetof(struct roster_row, homeroom)},
    [ROSTER_OPT_IN] = {take_opt_in, NO_PLACE},
    [ROSTER_OPT_IN_ON] = {take_opt_in_on, NO_PLACE},
};

static const char *take_field(struct roster_row *row, size_t field, char *text)
{
    const char *fault = cell_error(text);

    if (fault)
        return fault;
    if (text[strcspn(text, "\t\r\n")])
        return FAULT_ROW_ENCODING;
    if (strlen(text) > ROSTER_FIELD_MAX)
        return FAULT_FIELD_TOO_LONG;
    return fields[field].take(row, (char *)row + fields[field].place, text);
}

static const char *take_fields(struct roster_row *row, struct delimited_record *record,
                               const struct roster_columns *columns)
{
    char none[] = "";

    for (size_t i = 0; i < columns->count; i++) {
        const char *fault;

        if (columns->field[i] == ROSTER_IGNORED)
            continue;
        fault = take_field(row, columns->field[i], i < record->count ? cell_trim(record->fields[i]) : none);
        if (fault)
            return fault;
    }
    return NULL;
}

/*
 * Columns first: one delimiter too few and every later field would be judged
 * as its neighbour.  What is over must be empty.  What is missing may only be
 * what a spreadsheet drops, and then the answer must not stand in the last
 * place that is left.
 */
static bool has_columns(struct delimited_record *record, const struct roster_columns *columns)
{
    for (size_t i = columns->count; i < record->count; i++)
        if (*cell_trim(record->fields[i]))
            return false;
    if (record->count >= columns->count)
        return true;
    return columns->short_rows && (columns->field[record->count - 1] == ROSTER_OPT_IN ||
                                   !cell_is_answer(cell_trim(record->fields[record->count - 1])));
}

void roster_row_read(struct roster_row *out, struct delimited_record *record,
                     const struct roster_columns *columns)
{
    *out = (struct roster_row){.line = record->line, .fault = record->fault};
    if (!cell_is_plain(record->text, record->len))
        out->fault = FAULT_ROW_ENCODING;
    else if (!out->fault && !has_columns(record, columns))
        out->fault = FAULT_ROW_COLUMNS;
    if (out->fault)
        return;
    if (record->count < columns->count)
        out->notes |= ROSTER_NOTE_ROW_SHORT;
    out->fault = take_fields(out, record, columns);
}

bool roster_row_spans_lines(const struct delimited_record *record, const struct roster_columns *columns)
{
    if (record->count != columns->count)
        return false;
    for (size_t i = 0; i < record->count; i++)
        if (columns->field[i] != ROSTER_IGNORED && strchr(record->fields[i], '\n'))
            return false;
    return true;
}
