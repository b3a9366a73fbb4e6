/* INDEX.TXT of a PSPA or PSPI package.  Runs in photod-intake. */
#include "ingest/index.h"

#include <string.h>
#include <strings.h>
#include "ingest/fold.h"
#include "ingest/index_table.h"

#define COLUMNS_LEAST 6 /* up to the first name; the home room may be an empty end of line */
#define HEADER_LEAST  3 /* known headings that make a header row */

/* In the order of a package without a header row. */
enum column {
    COLUMN_VOLUME,
    COLUMN_FOLDER,
    COLUMN_FILE,
    COLUMN_GRADE,
    COLUMN_LAST,
    COLUMN_FIRST,
    COLUMN_HOMEROOM,
    COLUMN_PERIOD,
    COLUMN_TEACHER,
    COLUMN_TRACK,
    COLUMN_DEPARTMENT,
    COLUMN_TITLE,
    COLUMN_SIZE,
    COLUMN_COUNT
};

/* Headings, folded, as the makers of packages write them. */
static const struct {
    const char *heading;
    enum column column;
} headings[] = {
    {"volume name", COLUMN_VOLUME},
    {"volume", COLUMN_VOLUME},
    {"image folder", COLUMN_FOLDER},
    {"folder name", COLUMN_FOLDER},
    {"folder", COLUMN_FOLDER},
    {"image file name", COLUMN_FILE},
    {"image filename", COLUMN_FILE},
    {"file name", COLUMN_FILE},
    {"filename", COLUMN_FILE},
    {"image name", COLUMN_FILE},
    {"grade", COLUMN_GRADE},
    {"grade level", COLUMN_GRADE},
    {"last name", COLUMN_LAST},
    {"lastname", COLUMN_LAST},
    {"first name", COLUMN_FIRST},
    {"firstname", COLUMN_FIRST},
    {"home room", COLUMN_HOMEROOM},
    {"homeroom", COLUMN_HOMEROOM},
    {"teacherhomeroom", COLUMN_HOMEROOM},
    {"period", COLUMN_PERIOD},
    {"teacher name", COLUMN_TEACHER},
    {"teacher", COLUMN_TEACHER},
    {"track", COLUMN_TRACK},
    {"department", COLUMN_DEPARTMENT},
    {"title", COLUMN_TITLE},
    {"image size", COLUMN_SIZE},
    {"size", COLUMN_SIZE},
};

#define ABSENT 0xff

struct layout {
    unsigned char at[COLUMN_COUNT]; /* which cell holds it */
};

static enum column column_of(const char *text)
{
    char folded[INDEX_FOLDED];

    if (fold_name(folded, sizeof folded, text))
        return COLUMN_COUNT;
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        if (strcmp(folded, headings[i].heading) == 0)
            return headings[i].column;
    return COLUMN_COUNT;
}

/* Whether the row is a header, which then says where everything stands. */
static bool read_header(struct layout *out, const struct delimited_record *row)
{
    struct layout l;
    unsigned known = 0;

    memset(l.at, ABSENT, sizeof l.at);
    for (size_t i = 0; i < row->count && i < ABSENT; i++) {
        enum column c = column_of(row->fields[i]);

        if (c == COLUMN_COUNT || l.at[c] != ABSENT)
            continue;
        l.at[c] = (unsigned char)i;
        known++;
    }
    if (known < HEADER_LEAST || l.at[COLUMN_FILE] == ABSENT || l.at[COLUMN_LAST] == ABSENT)
        return false;
    *out = l;
    return true;
}

static const char *cell_of(const struct layout *l, const struct index_table *t, enum column c)
{
    return l->at[c] == ABSENT ? "" : index_table_cell(t, l->at[c]);
}

/* SMALL or LARGE by its own column, else by a folder of that name. */
static enum index_size size_of(const char *cell, const char *folder)
{
    if (strncasecmp(cell, "small", 5) == 0)
        return INDEX_SIZE_SMALL;
    if (strncasecmp(cell, "large", 5) == 0)
        return INDEX_SIZE_LARGE;
    for (const char *part = folder; *part; part += strcspn(part, "/"), part += *part == '/') {
        size_t len = strcspn(part, "/");

        if (len == 5 && strncasecmp(part, "small", 5) == 0)
            return INDEX_SIZE_SMALL;
        if (len == 5 && strncasecmp(part, "large", 5) == 0)
            return INDEX_SIZE_LARGE;
    }
    return INDEX_SIZE_UNKNOWN;
}

static const char *read_row(struct index_row *out, const struct layout *l, const struct index_table *t)
{
    const struct {
        enum column column;
        char *to;
        size_t size;
    } texts[] = {
        {COLUMN_FILE, out->file, sizeof out->file},
        {COLUMN_FOLDER, out->folder, sizeof out->folder},
        {COLUMN_VOLUME, out->volume, sizeof out->volume},
        {COLUMN_GRADE, out->grade, sizeof out->grade},
        {COLUMN_LAST, out->last, sizeof out->last},
        {COLUMN_FIRST, out->first, sizeof out->first},
        {COLUMN_HOMEROOM, out->homeroom, sizeof out->homeroom},
        {COLUMN_TEACHER, out->teacher, sizeof out->teacher},
        {COLUMN_DEPARTMENT, out->department, sizeof out->department},
        {COLUMN_TITLE, out->title, sizeof out->title},
    };

    if (t->row->fault)
        return t->row->fault;
    if (t->row->count < COLUMNS_LEAST)
        return FAULT_ROW_COLUMNS;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *fault = index_text(texts[i].to, texts[i].size, cell_of(l, t, texts[i].column));

        if (fault)
            return fault;
    }
    index_path(out->folder);
    index_path(out->file);
    out->size = size_of(cell_of(l, t, COLUMN_SIZE), out->folder);
    if (!*out->file)
        return FAULT_ROW_COLUMNS;
    if (fold_name(out->folded_last, sizeof out->folded_last, out->last) ||
        fold_name(out->folded_first, sizeof out->folded_first, out->first))
        return FAULT_FIELD_TOO_LONG;
    return NULL;
}

/* Every row, in order; take NULL: they are only counted. */
static enum err read_rows(struct index_summary *s, struct index_table *t, index_take *take, void *context)
{
    struct delimited d = t->start;
    struct layout l;
    bool is_first = true;
    enum err e;

    for (unsigned i = 0; i < COLUMN_COUNT; i++)
        l.at[i] = (unsigned char)i;
    *s = (struct index_summary){.charset = t->text.charset};
    for (; (e = index_table_next(t, &d)) == OK; is_first = false) {
        struct index_row out = {.line = t->row->line};

        s->columns = t->row->count > s->columns ? (unsigned)t->row->count : s->columns;
        if (is_first && read_header(&l, t->row)) {
            s->has_header = true;
            continue;
        }
        out.fault = read_row(&out, &l, t);
        s->faulty += out.fault != NULL;
        if (++s->rows > INDEX_ROWS_MAX)
            return ERR_LIMIT;
        if (take)
            TRY(take(context, &out));
    }
    return e == ERR_NOTFOUND ? OK : e;
}

enum err index_parse(struct index_summary *out, const void *bytes, size_t len, index_take *take,
                     void *context)
{
    CLEANUP(index_table) struct index_table t = {.row = NULL};
    struct index_summary s;

    if (len > INDEX_BYTES_MAX)
        return ERR_LIMIT;
    TRY(index_table_init(&t, bytes, len));
    TRY(read_rows(&s, &t, NULL, NULL)); /* first whether it is one, so that no row of another text goes out */
    if (s.rows == s.faulty)
        return ERR_MALFORMED;
    return read_rows(out, &t, take, context);
}
