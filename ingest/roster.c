/*
 * The file around the rows.  Runs in photod-intake.  Two passes: the first
 * decides whether this is a roster at all, so that the second delivers rows
 * of a file that is accepted as a whole.
 */
#include "ingest/roster.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ingest/fold.h"

#define VERSION_MAX  8
#define HEADER_LINES 10 /* among which the header row must be */

enum err roster_init(void)
{
    return fold_init();
}

/* What the first pass found; d stands after the header. */
struct survey {
    struct delimited d;
    struct roster_columns columns;
    const char *name; /* of the form */
    char version[VERSION_MAX + 1];
    unsigned rows; /* at most */
};

static enum err no_roster(char fault[static ROSTER_SENTENCE], const char *sentence)
{
    (void)snprintf(fault, ROSTER_SENTENCE, "%s", sentence);
    return ERR_MALFORMED;
}

/* ---- AIM ---- */

static bool is_aim_line(struct delimited_line l, const char type[static 3], char delimiter)
{
    return l.len > 2 && memcmp(l.text, type, 2) == 0 && l.text[2] == delimiter;
}

/* HD, date, time, version: "MT9.1". */
static void take_version(char out[static VERSION_MAX + 1], struct delimited_line first, char delimiter)
{
    const char *at = first.text, *end = first.text + first.len;
    size_t len = 0;

    for (unsigned fields = 0; at < end && fields < 3; at++)
        fields += *at == delimiter;
    while (at + len < end && len < VERSION_MAX && (isalnum((unsigned char)at[len]) || at[len] == '.'))
        len++;
    memcpy(out, at, len);
    out[len] = '\0';
}

static enum err survey_aim(struct survey *s, char fault[static ROSTER_SENTENCE], struct delimited_line first,
                           const struct roster_columns *columns)
{
    struct delimited rest;
    struct delimited_line l;
    bool has_pupil = false;

    s->name = "AIM Student Demographic";
    s->d.quotes = s->d.delimiter != '\t';
    s->columns = *columns;
    take_version(s->version, first, s->d.delimiter);
    for (rest = s->d; !has_pupil && delimited_line(&rest, &l);)
        has_pupil = is_aim_line(l, "SD", s->d.delimiter);
    return has_pupil ? OK : no_roster(fault, "No line begins with SD; the file lists no pupil.");
}

/* ---- Header row ---- */

static const struct {
    char delimiter;
    const char *name, *answers_only;
} tables[] = {
    {'\t', "TSV with header row", "Answers only: TSV with header row"},
    {',', "CSV with header row", "Answers only: CSV with header row"},
};

/* The best line so far to be the header row, and how it is cut. */
struct choice {
    struct delimited start;
    size_t table;
    unsigned known;
};

/* As each of the tables: which makes most of the line at d? */
static enum err try_line(struct choice *best, struct delimited_record *record, const struct delimited *d)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct delimited start = {d->at, d->end, d->line, tables[i].delimiter, true}, after = start;
        enum err e = delimited_next(&after, record);
        unsigned known = e ? 0 : roster_headings_known(record);

        if (e && e != ERR_NOTFOUND)
            return e;
        if (known > best->known)
            *best = (struct choice){start, i, known};
    }
    return OK;
}

/* A report's title may stand above the header row: of the first lines the one with most headings is taken. */
static enum err read_header(struct delimited_record *header, size_t *table, struct delimited *d)
{
    struct choice best = {.known = 0};
    struct delimited_line l;
    struct delimited at = *d;

    for (unsigned n = 0; n < HEADER_LINES; n++) {
        TRY(try_line(&best, header, &at));
        if (!delimited_line(&at, &l))
            break;
    }
    if (!best.known)
        return ERR_MALFORMED;
    *d = best.start;
    *table = best.table;
    return delimited_next(d, header);
}

static enum err survey_table(struct survey *s, struct roster_summary *out, char fault[static ROSTER_SENTENCE])
{
    CLEANUP(heap) struct delimited_record *header = calloc(1, sizeof *header);
    size_t table = 0;
    enum err e = header ? read_header(header, &table, &s->d) : ERR_NOMEM;

    if (e == ERR_MALFORMED)
        return no_roster(fault,
                         "The first lines hold neither an HD line of AIM nor a header row with a State ID.");
    TRY(e);
    TRY(roster_columns_read(&s->columns, out->remark, fault, header));
    out->header = header->line;
    s->name = roster_columns_answers_only(&s->columns) ? tables[table].answers_only : tables[table].name;
    return OK;
}

/* ---- The first pass ---- */

static enum err survey(struct survey *s, struct roster_summary *out, char fault[static ROSTER_SENTENCE],
                       const struct roster_columns *aim)
{
    struct delimited start = s->d, rest;
    struct delimited_line first, l;

    if (memchr(s->d.at, '\0', (size_t)(s->d.end - s->d.at)))
        return no_roster(fault, "The file is no text; export the roster as CSV or tab-separated values.");
    if (!delimited_line(&s->d, &first))
        return no_roster(fault, "The file is empty.");
    out->header = s->d.line;
    s->d.delimiter = is_aim_line(first, "HD", ',') ? ',' : '\t';
    if (is_aim_line(first, "HD", s->d.delimiter)) {
        TRY(survey_aim(s, fault, first, aim));
    } else {
        s->d = start;
        TRY(survey_table(s, out, fault));
    }
    for (rest = s->d; delimited_line(&rest, &l); s->rows++)
        ;
    if (!s->rows)
        return no_roster(fault, "The file lists no pupil: after the header row there is nothing.");
    if (s->rows > ROSTER_ROWS_MAX)
        return no_roster(fault, "The file has more than 200,000 lines of pupils; split it.");
    return OK;
}

/* "CSV with header row, 10 columns, Windows-1252; sent as tab-separated values". */
static void name_format(struct roster_summary *out, const struct survey *s, enum charset charset,
                        const char *media)
{
    bool commas = s->d.delimiter == ',', sent_as_csv = strcmp(media, "text/csv") == 0;

    (void)snprintf(out->format, sizeof out->format, "%s%s%s%s, %zu columns, %s%s", s->name,
                   *s->version ? " " : "", s->version,
                   s->columns.has[ROSTER_RECORD] && commas ? " with commas" : "", s->columns.count,
                   charset_name(charset),
                   commas == sent_as_csv ? ""
                   : commas              ? "; sent as tab-separated values"
                                         : "; sent as CSV");
}

/* ---- The second pass ---- */

/* State IDs met so far, with a digest of their record; open addressing, never more than half full. */
struct seen {
    struct met {
        uint32_t id_and_one; /* 0: free */
        uint64_t digest;
    } * met;
    size_t mask;
};

static enum err seen_init(struct seen *s, unsigned rows)
{
    size_t size = 64;

    while (size < 2 * (size_t)rows)
        size *= 2;
    s->met = calloc(size, sizeof *s->met);
    s->mask = size - 1;
    return s->met ? OK : ERR_NOMEM;
}

static void seen_cleanup(struct seen *s)
{
    free(s->met);
}

/* FNV-1a of the record without what trails it. */
static uint64_t digest(const struct delimited_record *r, char delimiter)
{
    uint64_t d = 0xcbf29ce484222325u;
    size_t len = r->len;

    while (len && (r->text[len - 1] == delimiter || r->text[len - 1] == '\t' || r->text[len - 1] == ' '))
        len--;
    for (size_t i = 0; i < len; i++)
        d = (d ^ (unsigned char)r->text[i]) * 0x100000001b3u;
    return d;
}

/* The same record twice is harmless; two of one child that differ are for the clerk to settle. */
static bool is_contradiction(struct seen *s, const char *state_id, uint64_t digest)
{
    uint32_t id = (uint32_t)strtoul(state_id, NULL, 10) + 1;
    size_t at = (size_t)(id * (uint64_t)0x9e3779b97f4a7c15u >> 32);

    for (;; at++) {
        struct met *m = &s->met[at & s->mask];

        if (m->id_and_one == id)
            return m->digest != digest;
        if (!m->id_and_one) {
            *m = (struct met){id, digest};
            return false;
        }
    }
}

static enum err deliver(struct roster_summary *out, struct survey *s, roster_take *take, void *context)
{
    CLEANUP(seen) struct seen seen = {0};
    CLEANUP(heap) struct delimited_record *record = calloc(1, sizeof *record);
    enum err e;

    if (!record)
        return ERR_NOMEM;
    TRY(seen_init(&seen, s->rows));
    while ((e = delimited_next(&s->d, record)) == OK) {
        struct roster_row row;

        if (record->lines > 1 && !roster_row_spans_lines(record, &s->columns))
            delimited_split(&s->d, record);
        roster_row_read(&row, record, &s->columns);
        if (!row.fault && is_contradiction(&seen, row.state_id, digest(record, s->d.delimiter)))
            row.fault = FAULT_STATE_ID_REPEATED;
        out->rows++;
        out->faulty += row.fault != NULL;
        TRY(take(context, &row));
    }
    return e == ERR_NOTFOUND ? OK : e;
}

enum err roster_parse(struct roster_summary *out, char fault[static ROSTER_SENTENCE],
                      const struct roster_file *file, const struct roster_columns *aim, roster_take *take,
                      void *context)
{
    CLEANUP(charset_text) struct charset_text text = {.copy = NULL};
    struct roster_summary summary = {.rows = 0};
    struct survey s = {.rows = 0};

    if (file->len > ROSTER_BYTES_MAX)
        return no_roster(fault, "The file is larger than 64 MB.");
    TRY(charset_read(&text, file->bytes, file->len));
    s.d = (struct delimited){.at = text.at, .end = text.end};
    TRY(survey(&s, &summary, fault, aim));
    name_format(&summary, &s, text.charset, file->media);
    TRY(deliver(&summary, &s, take, context));
    *out = summary;
    return OK;
}
