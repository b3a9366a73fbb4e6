#include "ingest/roster_cell.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "ingest/charset.h"
#include "photod/base/clock.h"
#include "photod/base/text.h"

#define DAY_MS         86400000
#define NO_BREAK_SPACE "\xc2\xa0"
#define DIGITS         "0123456789"

/* More than three zeros in front would be one State ID in ten thousand: rather some other number. */
#define ZEROS_MAX   3
#define ANSWER_TEXT 8

/* ---- Any cell ---- */

char *cell_trim(char *text)
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

bool cell_is_plain(const char *text, size_t len)
{
    const unsigned char *b = (const unsigned char *)text, *end = b + len;

    for (; b < end; b++) {
        size_t left = (size_t)(end - b);

        if ((*b < ' ' && *b != '\t' && *b != '\r' && *b != '\n') || *b == 0x7f ||
            (left > 1 && b[0] == 0xc2 && b[1] < 0xa0) ||
            (left > 2 && b[0] == 0xe2 && b[1] == 0x80 && b[2] >= 0xa8 && b[2] <= 0xae) ||
            (left > 2 && b[0] == 0xe2 && b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9) ||
            (left > 2 && memcmp(b, CHARSET_UNDEFINED, 3) == 0))
            return false;
    }
    return true;
}

const char *cell_error(const char *text)
{
    static const char *const errors[] = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"};

    if (*text != '#')
        return NULL;
    if (text[1] == '#' && strspn(text, "#") == strlen(text))
        return FAULT_CELL_TOO_NARROW;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (strcasecmp(text, errors[i]) == 0)
            return FAULT_CELL_ERROR;
    return NULL;
}

char *cell_unwrap(char *text, unsigned *notes)
{
    size_t len = strlen(text);

    if (*text == '\'') {
        *notes |= ROSTER_NOTE_WRAPPED;
        return cell_trim(text + 1);
    }
    if (len > 3 && text[0] == '=' && text[1] == '"' && text[len - 1] == '"') {
        *notes |= ROSTER_NOTE_WRAPPED;
        text[len - 1] = '\0';
        return cell_trim(text + 2);
    }
    return text;
}

/* ---- Numbers that are names ---- */

/* 1.23457E+08, or with a comma: what a spreadsheet makes of nine digits in a narrow column. */
static bool is_scientific(const char *text)
{
    size_t mantissa = strspn(text, DIGITS ".,");
    const char *exponent = text + mantissa;

    if (!mantissa || (*exponent != 'E' && *exponent != 'e'))
        return false;
    exponent += exponent[1] == '+' || exponent[1] == '-' ? 2 : 1;
    return *exponent && strspn(exponent, DIGITS) == strlen(exponent);
}

/* 12345678.0 */
static void cut_decimal(char *text, unsigned *notes)
{
    size_t digits = strspn(text, DIGITS);
    const char *zeros = text + digits + 1;

    if (!digits || text[digits] != '.' || !*zeros || strspn(zeros, "0") != strlen(zeros))
        return;
    text[digits] = '\0';
    *notes |= ROSTER_NOTE_DECIMAL;
}

/* Exactly `digits` digits, of which up to ZEROS_MAX zeros in front may be missing. */
static bool pad(char *out, const char *text, size_t digits, enum roster_note note, unsigned *notes)
{
    size_t len = strspn(text, DIGITS);

    if (text[len] || len > digits || len + ZEROS_MAX < digits)
        return false;
    memset(out, '0', digits - len);
    memcpy(out + digits - len, text, len + 1);
    if (len < digits)
        *notes |= note;
    return true;
}

const char *cell_state_id(char out[static 10], char *text, unsigned *notes)
{
    text = cell_unwrap(text, notes);
    if (is_scientific(text))
        return FAULT_STATE_ID_SCIENTIFIC;
    cut_decimal(text, notes);
    return pad(out, text, 9, ROSTER_NOTE_STATE_ID_PADDED, notes) ? NULL : FAULT_STATE_ID_MALFORMED;
}

const char *cell_district(char out[static 5], char *text, unsigned *notes)
{
    text = cell_unwrap(text, notes);
    cut_decimal(text, notes);
    return *text && pad(out, text, 4, ROSTER_NOTE_DISTRICT_PADDED, notes) ? NULL : FAULT_DISTRICT_MISMATCH;
}

/* ---- Dates ---- */

/* The day as a spreadsheet counts it, from 1900 or from 1904: which, the file does not say. */
static bool is_serial(const char *text)
{
    size_t digits = strspn(text, DIGITS);

    return digits > 3 && digits < 7 && (!text[digits] || text[digits] == '.') &&
           strspn(text + digits, DIGITS ".") == strlen(text + digits);
}

/* "2012-03-04 00:00:00" and "3/4/2012 0:00": a day, as databases and spreadsheets export it. */
static size_t day_length(const char *text)
{
    size_t len = strcspn(text, " T");

    return text[len] && text[len + 1] && strspn(text + len + 1, "0:.") == strlen(text + len + 1)
               ? len
               : strlen(text);
}

static enum err parse_american(struct date *out, const char *text)
{
    struct date d = {0};
    int end = 0;

    if (strspn(text, DIGITS "/") != strlen(text) ||
        sscanf(text, "%2d/%2d/%4d%n", &d.month, &d.day, &d.year, &end) != 3 || text[end] != '\0' ||
        d.year < 1000 || !date_is_valid(d))
        return ERR_MALFORMED;
    *out = d;
    return OK;
}

const char *cell_date(struct date *out, const char *text, const char *malformed)
{
    char day[DATE_TEXT + 1];
    size_t len = day_length(text);
    struct date d;

    if (is_serial(text))
        return FAULT_DATE_SERIAL;
    if (len >= sizeof day)
        return malformed;
    memcpy(day, text, len);
    day[len] = '\0';
    if ((date_parse(&d, day) && parse_american(&d, day)) || date_to_days(d) > clock_wall_ms() / DAY_MS)
        return malformed;
    *out = d;
    return NULL;
}

/* ---- Answers ---- */

/* Letters and digits only, so that "Opt-In" and "opt in" are one. */
static const struct {
    const char *text;
    enum roster_opt_in answer;
} answers[] = {
    {"in", ROSTER_OPT_IN_IN},        {"optin", ROSTER_OPT_IN_IN},  {"optedin", ROSTER_OPT_IN_IN},
    {"y", ROSTER_OPT_IN_IN},         {"yes", ROSTER_OPT_IN_IN},    {"1", ROSTER_OPT_IN_IN},
    {"true", ROSTER_OPT_IN_IN},      {"out", ROSTER_OPT_IN_OUT},   {"optout", ROSTER_OPT_IN_OUT},
    {"optedout", ROSTER_OPT_IN_OUT}, {"n", ROSTER_OPT_IN_OUT},     {"no", ROSTER_OPT_IN_OUT},
    {"0", ROSTER_OPT_IN_OUT},        {"false", ROSTER_OPT_IN_OUT},
};

const char *cell_opt_in(enum roster_opt_in *out, const char *text)
{
    char plain[ANSWER_TEXT + 1];
    size_t len = 0;

    *out = ROSTER_OPT_IN_BLANK;
    if (!*text)
        return NULL;
    for (; *text; text++) {
        if (*text == ' ' || *text == '-' || *text == '_')
            continue;
        if (len == ANSWER_TEXT)
            return FAULT_OPT_IN_MALFORMED;
        plain[len++] = (char)tolower((unsigned char)*text);
    }
    plain[len] = '\0';
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (strcmp(plain, answers[i].text) == 0) {
            *out = answers[i].answer;
            return NULL;
        }
    }
    return FAULT_OPT_IN_MALFORMED;
}

bool cell_is_answer(const char *text)
{
    return strcasecmp(text, "in") == 0 || strcasecmp(text, "out") == 0;
}
