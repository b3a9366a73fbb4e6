#include "ingest/roster_row.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "ingest/charset.h"
#include "ingest/fold.h"
#include "photod/base/clock.h"
#include "photod/base/text.h"

#define LINE_MAX_BYTES 8192u
#define DAY_MS         86400000
#define OLDEST_YEAR    1900
#define NO_BREAK_SPACE "\xc2\xa0"

/* Takes a trimmed text of at most ROSTER_FIELD_MAX bytes; answers a fault code or NULL. */
typedef const char *take_fn(struct roster_row *row, char *place, const char *text);

static bool is_future(struct date d)
{
    return date_to_days(d) > clock_wall_ms() / DAY_MS;
}

static const char *take_text(struct roster_row *row, char *place, const char *text)
{
    (void)row;
    return fold_compose(place, ROSTER_FIELD_MAX + 1, text) ? FAULT_FIELD_TOO_LONG : NULL;
}

static const char *take_record(struct roster_row *row, char *place, const char *text)
{
    (void)row, (void)place;
    return strcmp(text, "SD") == 0 ? NULL : FAULT_ROW_COLUMNS;
}

/* Leading zeros count, so nothing is padded or guessed. */
static const char *take_district(struct roster_row *row, char *place, const char *text)
{
    (void)place;
    if (!text_is_digits(text, sizeof row->district - 1))
        return FAULT_DISTRICT_MISMATCH;
    memcpy(row->district, text, sizeof row->district);
    return NULL;
}

/* 1.23457E+08, or with a comma: what a spreadsheet makes of nine digits in a narrow column. */
static bool is_scientific(const char *text)
{
    size_t mantissa = strspn(text, "0123456789.,");
    const char *exponent = text + mantissa;

    if (!mantissa || (*exponent != 'E' && *exponent != 'e'))
        return false;
    exponent += exponent[1] == '+' || exponent[1] == '-' ? 2 : 1;
    return *exponent && strspn(exponent, "0123456789") == strlen(exponent);
}

static const char *take_state_id(struct roster_row *row, char *place, const char *text)
{
    (void)place;
    if (is_scientific(text))
        return FAULT_STATE_ID_SCIENTIFIC;
    if (!text_is_digits(text, sizeof row->state_id - 1))
        return FAULT_STATE_ID_MALFORMED;
    memcpy(row->state_id, text, sizeof row->state_id);
    return NULL;
}

static const char *take_name(struct roster_row *row, char *place, const char *text)
{
    char *folded = place == row->last ? row->folded_last : row->folded_first;

    if (!*text)
        return FAULT_NAME_MISSING;
    return fold_name(folded, ROSTER_FOLDED, text) ? FAULT_FIELD_TOO_LONG : take_text(row, place, text);
}

static const char *take_born(struct roster_row *row, char *place, const char *text)
{
    struct date d;

    (void)place;
    if (roster_date_parse(&d, text) || d.year < OLDEST_YEAR || is_future(d))
        return FAULT_BIRTH_DATE_MALFORMED;
    row->born = d;
    return NULL;
}

static const char *take_opt_in(struct roster_row *row, char *place, const char *text)
{
    static const char *const answers[] = {
        [ROSTER_OPT_IN_BLANK] = "", [ROSTER_OPT_IN_IN] = "IN", [ROSTER_OPT_IN_OUT] = "OUT"};

    (void)place;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (strcasecmp(text, answers[i]) == 0) {
            row->opt_in = (enum roster_opt_in)i;
            return NULL;
        }
    }
    return FAULT_OPT_IN_MALFORMED;
}

static const char *take_opt_in_on(struct roster_row *row, char *place, const char *text)
{
    struct date d = {0};

    (void)place;
    if (*text && (roster_date_parse(&d, text) || is_future(d)))
        return FAULT_OPT_IN_DATE_MALFORMED;
    row->opt_in_on = d;
    return NULL;
}

#define NO_PLACE 0
static const struct field {
    const char *name;
    take_fn *take;
    size_t place; /* of a text in struct roster_row */
    bool is_required;
} fields[] = {
    {"SD", take_record, NO_PLACE, true},
    {"district", take_district, NO_PLACE, false},
    {"stateid", take_state_id, NO_PLACE, true},
    {"localid", take_text, offsetof(struct roster_row, local_id), false},
    {"last", take_name, offsetof(struct roster_row, last), true},
    {"first", take_name, offsetof(struct roster_row, first), true},
    {"middle", take_text, offsetof(struct roster_row, middle), false},
    {"gender", take_text, offsetof(struct roster_row, gender), false},
    {"born", take_born, NO_PLACE, true},
    {"school", take_text, offsetof(struct roster_row, school), false},
    {"grade", take_text, offsetof(struct roster_row, grade), false},
    {"homeroom", take_text, offsetof(struct roster_row, homeroom), false},
    {"optin", take_opt_in, NO_PLACE, true},
    {"optin_date", take_opt_in_on, NO_PLACE, false},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static size_t find_field(const char *name, size_t len)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0)
            return i;
    return ROSTER_IGNORED;
}

enum err roster_columns_parse(struct roster_columns *out, const char *text)
{
    struct roster_columns c = {0};
    bool has[ROSTER_IGNORED + 1] = {false};

    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " "), field = find_field(text, len);

        if (c.count == ROSTER_COLUMNS_MAX || (field != ROSTER_IGNORED && has[field]))
            return ERR_MALFORMED;
        has[field] = true;
        c.field[c.count++] = (unsigned char)field;
        text += len;
    }
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (fields[i].is_required && !has[i])
            return ERR_MALFORMED;
    if (c.field[0] != 0)
        return ERR_MALFORMED;
    *out = c;
    return OK;
}

/* What has no business in a name: controls (also C1), line separators, overrides of direction, U+FFFD. */
static bool is_plain(const char *text, size_t len)
{
    const unsigned char *b = (const unsigned char *)text, *end = b + len;

    for (; b < end; b++) {
        size_t left = (size_t)(end - b);

        if ((*b < ' ' && *b != '\t') || *b == 0x7f || (left > 1 && b[0] == 0xc2 && b[1] < 0xa0) ||
            (left > 2 && b[0] == 0xe2 && b[1] == 0x80 && b[2] >= 0xa8 && b[2] <= 0xae) ||
            (left > 2 && b[0] == 0xe2 && b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9) ||
            (left > 2 && memcmp(b, CHARSET_UNDEFINED, 3) == 0))
            return false;
    }
    return true;
}

/* As text_trim(), and the no-break spaces that web pages leave in spreadsheets. */
static char *trim(char *text)
{
    const size_t wide = sizeof NO_BREAK_SPACE - 1;
    char *start;
    size_t len;

    for (start = text_trim(text);; start = text_trim(start)) {
        len = strlen(start);
        if (strncmp(start, NO_BREAK_SPACE, wide) == 0)
            start += wide;
        else if (len >= wide && strcmp(start + len - wide, NO_BREAK_SPACE) == 0)
            start[len - wide] = '\0';
        else
            return start;
    }
}

static const char *take_fields(struct roster_row *row, char *rest, const struct roster_columns *columns)
{
    const char *fault = NULL;

    for (size_t i = 0; i < columns->count && !fault; i++) {
        char *text = strsep(&rest, "\t");

        if (!text)
            return FAULT_ROW_COLUMNS;
        if (columns->field[i] == ROSTER_IGNORED)
            continue;
        text = trim(text);
        if (strlen(text) > ROSTER_FIELD_MAX)
            return FAULT_FIELD_TOO_LONG;
        fault = fields[columns->field[i]].take(row, (char *)row + fields[columns->field[i]].place, text);
    }
    return fault;
}

/* Columns first: one tab too few and every later field would be judged as its neighbour. */
static bool has_columns(const char *text, const struct roster_columns *columns)
{
    size_t count = 1;

    for (const char *tab = strchr(text, '\t'); tab; tab = strchr(tab + 1, '\t'))
        if (++count > columns->count && tab[1 + strspn(tab + 1, " \t")] != '\0')
            return false;
    return count >= columns->count;
}

void roster_row_read(struct roster_row *out, const char *text, size_t len,
                     const struct roster_columns *columns)
{
    char line[LINE_MAX_BYTES + 1];

    *out = (struct roster_row){.line = out->line};
    if (!is_plain(text, len)) {
        out->fault = FAULT_ROW_ENCODING;
        return;
    }
    if (len > LINE_MAX_BYTES) {
        out->fault = FAULT_FIELD_TOO_LONG;
        return;
    }
    memcpy(line, text, len);
    line[len] = '\0';
    out->fault = has_columns(line, columns) ? take_fields(out, line, columns) : FAULT_ROW_COLUMNS;
}

enum err roster_date_parse(struct date *out, const char *text)
{
    struct date d = {0};
    int end = 0;

    if (date_parse(out, text) == OK)
        return OK;
    if (strspn(text, "0123456789/") != strlen(text) ||
        sscanf(text, "%2d/%2d/%4d%n", &d.month, &d.day, &d.year, &end) != 3 || text[end] != '\0' ||
        d.year < 1000 || !date_is_valid(d))
        return ERR_MALFORMED;
    *out = d;
    return OK;
}
