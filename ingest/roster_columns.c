#include "ingest/roster_columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "ingest/roster_cell.h"

#define HEADING_MAX 40

static const struct {
    const char *column, *title, *headings;
} fields[] = {
#define FIELD(name, column, title, headings) [ROSTER_##name] = {column, title, headings},
#include "ingest/roster_fields.def"
#undef FIELD
};

/* Those of which a second column would leave open which one counts. */
static const enum roster_field single[] = {ROSTER_STATE_ID, ROSTER_LAST,   ROSTER_FIRST,
                                           ROSTER_BORN,     ROSTER_OPT_IN, ROSTER_OPT_IN_ON};

/* Without these there is no record of a child. */
static const enum roster_field needed[] = {ROSTER_STATE_ID, ROSTER_LAST, ROSTER_FIRST, ROSTER_BORN};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- By configuration ---- */

static size_t find_column(const char *name, size_t len)
{
    for (size_t i = 0; i < ROSTER_FIELD_COUNT; i++)
        if (strlen(fields[i].column) == len && memcmp(fields[i].column, name, len) == 0)
            return i;
    return ROSTER_IGNORED;
}

static bool has_needed(const struct roster_columns *c)
{
    for (size_t i = 0; i < COUNT(needed); i++)
        if (!c->has[needed[i]])
            return false;
    return true;
}

enum err roster_columns_parse(struct roster_columns *out, const char *text)
{
    struct roster_columns c = {.short_rows = false};

    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t len = strcspn(text, " "), field = find_column(text, len);

        if (c.count == DELIMITED_FIELDS_MAX || (field != ROSTER_IGNORED && c.has[field]))
            return ERR_MALFORMED;
        if (field != ROSTER_IGNORED)
            c.has[field] = true;
        c.field[c.count++] = (unsigned char)field;
        text += len;
    }
    if (!has_needed(&c) || !c.has[ROSTER_OPT_IN] || c.field[0] != ROSTER_RECORD)
        return ERR_MALFORMED;
    *out = c;
    return OK;
}

/* ---- By header row ---- */

/* "Student State_ID." becomes "studentstateid"; longer than any heading we know: "". */
static void normalise(char out[static HEADING_MAX], const char *heading)
{
    size_t len = 0;

    for (; *heading && len < HEADING_MAX; heading++)
        if ((unsigned char)*heading >= 0x80 || isalnum((unsigned char)*heading))
            out[len++] = (char)tolower((unsigned char)*heading);
    out[len < HEADING_MAX ? len : 0] = '\0';
}

static size_t find_heading(char *heading)
{
    char plain[HEADING_MAX];
    size_t len;

    normalise(plain, cell_trim(heading));
    len = strlen(plain);
    for (size_t i = 0; i < ROSTER_FIELD_COUNT && len; i++)
        for (const char *at = fields[i].headings; (at = strstr(at, plain)) != NULL; at += len)
            if ((at == fields[i].headings || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
                return i;
    return ROSTER_IGNORED;
}

unsigned roster_headings_known(const struct delimited_record *header)
{
    unsigned known = 0;

    for (size_t i = 0; i < header->count; i++) {
        size_t field = find_heading(header->fields[i]);

        known += field == ROSTER_STATE_ID ? DELIMITED_FIELDS_MAX : field != ROSTER_IGNORED;
    }
    return known;
}

/* Whole items only, so that no character is cut. */
static bool add(char *to, size_t size, const char *before, const char *item)
{
    size_t len = strlen(to);

    if (len + strlen(before) + strlen(item) >= size)
        return false;
    (void)snprintf(to + len, size - len, "%s%s", before, item);
    return true;
}

#define AND_MORE 16 /* room for " and 256 more." */

struct remark {
    char *text;
    unsigned left_out;
};

static void pass_over(struct remark *r, char *heading)
{
    const char *name = cell_trim(heading);

    if (!*name)
        return;
    if (!cell_is_plain(name, strlen(name)) ||
        !add(r->text, ROSTER_REMARK - AND_MORE, *r->text ? ", " : "Columns passed over: ", name))
        r->left_out++;
}

static void end_remark(struct remark *r, const struct roster_columns *c)
{
    char more[AND_MORE + 8];

    if (r->left_out && *r->text) {
        (void)snprintf(more, sizeof more, " and %u more", r->left_out);
        (void)add(r->text, ROSTER_REMARK, more, "");
    } else if (r->left_out) {
        (void)add(r->text, ROSTER_REMARK, "Some columns were passed over", "");
    }
    if (*r->text)
        (void)add(r->text, ROSTER_REMARK, ".", "");
    if (!c->has[ROSTER_OPT_IN])
        (void)add(r->text, ROSTER_REMARK, *r->text ? " " : "", "No column Opt In: no answer was read.");
}

static bool is_single(size_t field)
{
    for (size_t i = 0; i < COUNT(single); i++)
        if (single[i] == (enum roster_field)field)
            return true;
    return false;
}

bool roster_columns_answers_only(const struct roster_columns *c)
{
    return c->has[ROSTER_OPT_IN] && !c->has[ROSTER_LAST] && !c->has[ROSTER_FIRST] && !c->has[ROSTER_BORN];
}

static enum err check_needed(const struct roster_columns *c, char fault[static ROSTER_SENTENCE])
{
    bool answers_only = roster_columns_answers_only(c);

    *fault = '\0';
    for (size_t i = 0; i < (answers_only ? 1 : COUNT(needed)); i++)
        if (!c->has[needed[i]])
            (void)add(fault, ROSTER_SENTENCE, *fault ? ", " : "The header row has no column ",
                      fields[needed[i]].title);
    if (!*fault)
        return OK;
    (void)add(fault, ROSTER_SENTENCE, ".", "");
    return ERR_MALFORMED;
}

enum err roster_columns_read(struct roster_columns *out, char remark[static ROSTER_REMARK],
                             char fault[static ROSTER_SENTENCE], const struct delimited_record *header)
{
    struct roster_columns c = {.count = header->count, .short_rows = true};
    struct remark r = {.text = remark};

    *remark = '\0';
    for (size_t i = 0; i < header->count; i++) {
        size_t field = find_heading(header->fields[i]);

        if (field != ROSTER_IGNORED && c.has[field] && is_single(field)) {
            (void)snprintf(fault, ROSTER_SENTENCE, "The header row has the column %s twice; keep one.",
                           fields[field].title);
            return ERR_MALFORMED;
        }
        if (field == ROSTER_IGNORED || c.has[field]) {
            c.field[i] = ROSTER_IGNORED;
            pass_over(&r, header->fields[i]);
            continue;
        }
        c.has[field] = true;
        c.field[i] = (unsigned char)field;
    }
    TRY(check_needed(&c, fault));
    end_remark(&r, &c);
    *out = c;
    return OK;
}
