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

#define VERSION_MAX 8

struct lines {
    const char *at, *end;
    unsigned number; /* of the line last taken, from 1 */
};

struct line {
    const char *text;
    size_t len;
};

enum err roster_init(void)
{
    return fold_init();
}

/* Lines end in LF, CRLF or CR. */
static bool next_line(struct lines *l, struct line *out)
{
    const char *end = l->at;

    if (l->at == l->end)
        return false;
    while (end < l->end && *end != '\n' && *end != '\r')
        end++;
    *out = (struct line){l->at, (size_t)(end - l->at)};
    if (end < l->end)
        end += *end == '\r' && end + 1 < l->end && end[1] == '\n' ? 2 : 1;
    l->at = end;
    l->number++;
    return true;
}

static bool next_written_line(struct lines *l, struct line *out)
{
    while (next_line(l, out))
        for (size_t i = 0; i < out->len; i++)
            if (out->text[i] != ' ' && out->text[i] != '\t')
                return true;
    return false;
}

static bool is_record(struct line l, const char type[static 3])
{
    return l.len > 2 && memcmp(l.text, type, 2) == 0 && l.text[2] == '\t';
}

static bool is_aim(struct line first)
{
    return is_record(first, "HD");
}

/* HD, date, time, version: "MT9.1". */
static void aim_name(char *out, size_t size, struct line first)
{
    const char *at = first.text, *end = first.text + first.len;
    int len = 0;

    for (unsigned tabs = 0; at < end && tabs < 3; at++)
        tabs += *at == '\t';
    while (at + len < end && len < VERSION_MAX && (isalnum((unsigned char)at[len]) || at[len] == '.'))
        len++;
    (void)snprintf(out, size, "AIM Student Demographic%s%.*s", len ? " " : "", len, at);
}

static bool is_aim_pupil(struct line l)
{
    return is_record(l, "SD");
}

static const struct format {
    bool (*is_it)(struct line first);
    void (*name)(char *out, size_t size, struct line first);
    bool (*is_pupil)(struct line l);
} formats[] = {
    {is_aim, aim_name, is_aim_pupil},
};

static const struct format *find_format(struct line first)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].is_it(first))
            return &formats[i];
    return NULL;
}

/* The first pass: *l is left after the header, *rows counts what follows. */
static enum err survey(struct roster_summary *s, const struct format **format, unsigned *rows,
                       struct lines *l, const char **fault)
{
    struct line line;
    struct lines rest;
    bool has_pupil = false;

    if (memchr(l->at, '\0', (size_t)(l->end - l->at)))
        return fault_found(fault, "The file is no text; export the roster as a tab-delimited file.");
    if (!next_written_line(l, &line))
        return fault_found(fault, "The file is empty.");
    *format = find_format(line);
    if (!*format)
        return fault_found(fault, "The first line is no HD line; send the AIM Student Demographic file.");
    (*format)->name(s->format, sizeof s->format, line);
    for (rest = *l, *rows = 0; next_written_line(&rest, &line); ++*rows)
        has_pupil = has_pupil || (*format)->is_pupil(line);
    if (!has_pupil)
        return fault_found(fault, "No line begins with SD; the file lists no pupil.");
    if (*rows > ROSTER_ROWS_MAX)
        return fault_found(fault, "The file has more than 200,000 lines of pupils; split it.");
    return OK;
}

/* State IDs met so far, with a digest of their line; open addressing, never more than half full. */
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

/* FNV-1a of the line without what trails it. */
static uint64_t digest(struct line l)
{
    uint64_t d = 0xcbf29ce484222325u;

    while (l.len && (l.text[l.len - 1] == '\t' || l.text[l.len - 1] == ' '))
        l.len--;
    for (size_t i = 0; i < l.len; i++)
        d = (d ^ (unsigned char)l.text[i]) * 0x100000001b3u;
    return d;
}

/* The same line twice is harmless; two lines of one child that differ are for the clerk to settle. */
static bool is_contradiction(struct seen *s, const char *state_id, struct line l)
{
    uint32_t id = (uint32_t)strtoul(state_id, NULL, 10) + 1;
    size_t at = (size_t)(id * (uint64_t)0x9e3779b97f4a7c15u >> 32);

    for (;; at++) {
        struct met *m = &s->met[at & s->mask];

        if (m->id_and_one == id)
            return m->digest != digest(l);
        if (!m->id_and_one) {
            *m = (struct met){id, digest(l)};
            return false;
        }
    }
}

static enum err deliver(struct roster_summary *s, struct lines *l, unsigned rows,
                        const struct roster_columns *columns, roster_take *take, void *context)
{
    CLEANUP(seen) struct seen seen = {0};
    struct line line;

    TRY(seen_init(&seen, rows));
    while (next_written_line(l, &line)) {
        struct roster_row row = {.line = l->number};

        roster_row_read(&row, line.text, line.len, columns);
        if (!row.fault && is_contradiction(&seen, row.state_id, line))
            row.fault = FAULT_STATE_ID_REPEATED;
        s->rows++;
        s->faulty += row.fault != NULL;
        TRY(take(context, &row));
    }
    return OK;
}

enum err roster_parse(struct roster_summary *out, const char **fault, const void *bytes, size_t len,
                      const struct roster_columns *columns, roster_take *take, void *context)
{
    CLEANUP(buf) struct buf *text = NULL;
    struct roster_summary s = {0};
    const struct format *format = NULL;
    enum charset charset;
    struct lines lines;
    unsigned rows = 0;
    size_t mark, named;

    if (len > ROSTER_BYTES_MAX)
        return fault_found(fault, "The file is larger than 64 MB.");
    charset = charset_detect(&mark, bytes, len);
    lines = (struct lines){(const char *)bytes + mark, (const char *)bytes + len, 0};
    if (charset != CHARSET_UTF_8 || !charset_is_utf_8(lines.at, len - mark)) {
        TRY(buf_new(&text, 3 * ROSTER_BYTES_MAX));
        TRY(charset_to_utf_8(text, charset, lines.at, len - mark));
        lines = (struct lines){buf_text(text), buf_text(text) + buf_len(text), 0};
    }
    TRY(survey(&s, &format, &rows, &lines, fault));
    named = strlen(s.format);
    (void)snprintf(s.format + named, sizeof s.format - named, ", %zu columns, %s", columns->count,
                   charset_name(charset));
    TRY(deliver(&s, &lines, rows, columns, take, context));
    *out = s;
    return OK;
}
