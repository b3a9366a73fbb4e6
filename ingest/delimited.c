#include "ingest/delimited.h"

#include <csv.h>
#include <string.h>

/* ---- Lines ---- */

static bool next_line(struct delimited *d, struct delimited_line *out)
{
    const char *end = d->at;

    if (d->at == d->end)
        return false;
    while (end < d->end && *end != '\n' && *end != '\r')
        end++;
    *out = (struct delimited_line){d->at, (size_t)(end - d->at)};
    if (end < d->end)
        end += *end == '\r' && end + 1 < d->end && end[1] == '\n' ? 2 : 1;
    d->at = end;
    d->line++;
    return true;
}

bool delimited_line(struct delimited *d, struct delimited_line *out)
{
    while (next_line(d, out))
        for (size_t i = 0; i < out->len; i++)
            if (out->text[i] != ' ' && out->text[i] != '\t' && out->text[i] != d->delimiter)
                return true;
    return false;
}

/* ---- Fields ---- */

static void set_fault(struct delimited_record *r, const char *fault)
{
    r->fault = fault;
    r->count = 0;
}

static void add_field(struct delimited_record *r, const void *bytes, size_t len)
{
    if (r->fault)
        return;
    if (r->count == DELIMITED_FIELDS_MAX || r->used + len >= sizeof r->bytes) {
        set_fault(r, r->count == DELIMITED_FIELDS_MAX ? FAULT_ROW_COLUMNS : FAULT_FIELD_TOO_LONG);
        return;
    }
    r->fields[r->count++] = r->bytes + r->used;
    if (len)
        memcpy(r->bytes + r->used, bytes, len);
    r->bytes[r->used + len] = '\0';
    r->used += len + 1;
}

static void cut(struct delimited_record *r, char delimiter)
{
    const char *at = r->text, *end = r->text + r->len, *field_end;

    for (;; at = field_end + 1) {
        field_end = memchr(at, delimiter, (size_t)(end - at));
        add_field(r, at, (size_t)((field_end ? field_end : end) - at));
        if (!field_end)
            return;
    }
}

/* ---- Quotes ---- */

struct quoted {
    struct csv_parser csv;
    struct delimited_record *record;
    bool whole;
};

static void on_field(void *bytes, size_t len, void *context)
{
    add_field(((struct quoted *)context)->record, bytes, len);
}

static void on_end(int terminator, void *context)
{
    (void)terminator;
    ((struct quoted *)context)->whole = true;
}

static size_t parse(struct quoted *q, unsigned char options, const char *at, size_t len)
{
    (void)csv_set_opts(&q->csv, options);
    return csv_parse(&q->csv, at, len, on_field, on_end, q);
}

/*
 * One line and its end.  ERR_MALFORMED: a quote stands where none may.  Being
 * strict, libcsv stops before each quote within a field; where that field is
 * not a quoted one, it is told to take this one quote as it is.
 */
static enum err feed(struct quoted *q, struct delimited_line l)
{
    size_t at = 0;

    for (;;) {
        at += parse(q, CSV_STRICT, l.text + at, l.len - at);
        if (at == l.len)
            return parse(q, CSV_STRICT, "\n", 1) == 1 ? OK : ERR_NOMEM;
        if (csv_error(&q->csv) != CSV_EPARSE)
            return ERR_NOMEM;
        if (q->csv.quoted)
            return ERR_MALFORMED;
        if (parse(q, 0, l.text + at, 1) != 1)
            return ERR_NOMEM;
        at++;
    }
}

/* The record may go on over the next lines, as far as a cell with line ends goes. */
static enum err feed_record(struct quoted *q, struct delimited *d, struct delimited_line l)
{
    TRY(feed(q, l));
    while (!q->whole) {
        size_t len;

        if (q->record->lines == DELIMITED_LINES_MAX || !next_line(d, &l))
            return ERR_MALFORMED;
        len = (size_t)(l.text + l.len - q->record->text);
        if (len > DELIMITED_BYTES_MAX)
            return ERR_MALFORMED;
        q->record->len = len;
        q->record->lines++;
        TRY(feed(q, l));
    }
    return OK;
}

static enum err cut_quoted(struct delimited_record *r, struct delimited *d, struct delimited_line l)
{
    struct quoted q = {.record = r};
    enum err e;

    if (csv_init(&q.csv, CSV_STRICT))
        return ERR_NOMEM;
    csv_set_delim(&q.csv, (unsigned char)d->delimiter);
    e = feed_record(&q, d, l);
    csv_free(&q.csv);
    if (e != ERR_MALFORMED)
        return e;
    delimited_split(d, r);
    return OK;
}

void delimited_split(struct delimited *d, struct delimited_record *r)
{
    struct delimited_line first;

    set_fault(r, FAULT_ROW_QUOTES);
    d->at = r->text;
    d->line = r->line - 1;
    (void)next_line(d, &first);
    r->lines = 1;
    r->len = first.len;
}

enum err delimited_next(struct delimited *d, struct delimited_record *out)
{
    struct delimited_line l;

    if (!delimited_line(d, &l))
        return ERR_NOTFOUND;
    out->line = d->line;
    out->lines = 1;
    out->text = l.text;
    out->len = l.len;
    out->count = out->used = 0;
    out->fault = NULL;
    if (l.len > DELIMITED_BYTES_MAX)
        set_fault(out, FAULT_FIELD_TOO_LONG);
    else if (d->quotes)
        return cut_quoted(out, d, l);
    else
        cut(out, d->delimiter);
    return OK;
}
