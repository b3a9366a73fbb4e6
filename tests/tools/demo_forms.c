#include "tests/tools/demo_forms.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/tools/demo_say.h"

#define CELL 128

static const struct form {
    const char *file, *encoding;
    char delimiter;
    bool answers_only;
} forms[] = {
    {"roster.csv", "UTF-8", ',', false},
    {"roster-header.tsv", "UTF-8", '\t', false},
    {"roster-1252.csv", "WINDOWS-1252", ',', false},
    {"roster-utf16.tsv", "UTF-16", '\t', false},
    {"answers.csv", "UTF-8", ',', true},
    {"answers.tsv", "UTF-8", '\t', true},
};

/* The damage of child n, and what is to be said of it: an outcome, and a word of the note or "-". */
enum damage { SCIENTIFIC, DECIMAL, APOSTROPHE, ZEROS, SERIAL, NARROW, ANSWER, QUOTE, DAMAGE_COUNT };
static const struct {
    const char *outcome, *note;
} damages[DAMAGE_COUNT] = {
    [SCIENTIFIC] = {"state-id-scientific", "-"},
    [DECIMAL] = {"accepted", ".0"},
    [APOSTROPHE] = {"accepted", "apostrophe"},
    [ZEROS] = {"accepted", "zeros"},
    [SERIAL] = {"date-serial", "-"},
    [NARROW] = {"cell-too-narrow", "-"},
    [ANSWER] = {"opt-in-malformed", "-"},
    [QUOTE] = {"row-quotes", "-"},
};

/* ---- One line ---- */

struct cells {
    char state_id[CELL], last[CELL], born[CELL], opt_in[CELL], opt_in_on[CELL];
    bool open_quote;
};

static void write_date(char *out, struct date d)
{
    *out = '\0';
    if (date_is_set(d))
        (void)snprintf(out, CELL, "%d/%d/%d", d.month, d.day, d.year);
}

/* Days since 30 December 1899, as a spreadsheet counts them. */
static void write_serial(char *out, struct date d)
{
    (void)snprintf(out, CELL, "%" PRId64, date_to_days(d) - date_to_days((struct date){1899, 12, 30}));
}

static void spoil(struct cells *c, const struct student *s, bool answers_only)
{
    char *date = answers_only ? c->opt_in_on : c->born;

    switch ((enum damage)s->index) {
    case SCIENTIFIC:
        (void)snprintf(c->state_id, CELL, "%.1s.%.5sE+08", s->state_id, s->state_id + 1);
        break;
    case DECIMAL:
        (void)snprintf(c->state_id, CELL, "%s.0", s->state_id);
        break;
    case APOSTROPHE:
        (void)snprintf(c->state_id, CELL, "'%s", s->state_id);
        break;
    case ZEROS: /* every tenth State ID, from the fourth child on, begins with one */
        (void)snprintf(c->state_id, CELL, "%s", s->state_id + strspn(s->state_id, "0"));
        break;
    case SERIAL:
        write_serial(date, s->born);
        break;
    case NARROW:
        (void)snprintf(date, CELL, "########");
        break;
    case ANSWER:
        (void)snprintf(c->opt_in, CELL, "maybe");
        break;
    case QUOTE:
        c->open_quote = true;
        break;
    case DAMAGE_COUNT:
        break;
    }
}

static void fill(struct cells *c, const struct student *s, bool answers_only)
{
    static const char *const words[] = {"", "Yes", "No", ""};

    *c = (struct cells){.open_quote = false};
    (void)snprintf(c->state_id, CELL, "%s", s->state_id);
    (void)snprintf(c->last, CELL, "%s", s->last);
    (void)snprintf(c->opt_in, CELL, "%s", words[s->answer]);
    write_date(c->born, s->born);
    write_date(c->opt_in_on, s->answered_on);
    if (s->index < DAMAGE_COUNT)
        spoil(c, s, answers_only);
}

/* Cells between delimiters; the last of them is NULL. */
static void add_line(GString *out, char delimiter, const char *const *cells)
{
    for (size_t i = 0; cells[i]; i++) {
        bool quotes = strchr(cells[i], delimiter) != NULL;

        g_string_append_printf(out, "%.*s%s%s%s", i > 0, &delimiter, quotes ? "\"" : "", cells[i],
                               quotes ? "\"" : "");
    }
    g_string_append(out, "\r\n");
}

static void add_header(GString *out, const struct form *form)
{
    static const char *const roster[] = {"Last Name",  "First Name", "State ID",    "Middle Name",
                                         "Birth Date", "School",     "Grade",       "Homeroom",
                                         "Ethnicity",  "Opt In",     "Opt In Date", NULL};
    static const char *const answers[] = {"Student State ID", "Photo Opt-In", "Opt In Date", NULL};

    add_line(out, form->delimiter, form->answers_only ? answers : roster);
}

static void add_student(GString *out, const struct form *form, const struct student *s)
{
    char grade[16], opt_in[CELL + 2];
    struct cells c;

    fill(&c, s, form->answers_only);
    (void)snprintf(grade, sizeof grade, "%d", s->grade);
    (void)snprintf(opt_in, sizeof opt_in, "%s%s", c.open_quote ? "\"" : "", c.opt_in);
    if (form->answers_only)
        add_line(out, form->delimiter, (const char *const[]){c.state_id, opt_in, c.opt_in_on, NULL});
    else
        add_line(out, form->delimiter,
                 (const char *const[]){c.last, s->first, c.state_id, s->middle, c.born, s->school, grade,
                                       s->homeroom, "x, y", opt_in, c.opt_in_on, NULL});
}

/* ---- Files ---- */

static enum err write_file(const char *folder, const char *name, const void *bytes, size_t len)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    FILE *f = fopen(path, "wbe");

    if (!f)
        return say(ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    (void)fwrite(bytes, 1, len, f);
    if (ferror(f) | fclose(f))
        return say(ERR_IO, "%s was not written whole: %s", path, strerror(errno));
    return OK;
}

/* What the encoding does not have becomes a question mark, as in spreadsheets. */
static enum err write_form(const struct district *d, const struct form *form, const char *folder)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *bytes = NULL;
    gsize len = 0;

    add_header(text, form);
    for (uint32_t i = 0; i < d->listed; i++)
        add_student(text, form, &d->students[i]);
    bytes =
        g_convert_with_fallback(text->str, (gssize)text->len, form->encoding, "UTF-8", "?", NULL, &len, NULL);
    if (!bytes)
        return say(ERR_IO, "%s cannot be written as %s", form->file, form->encoding);
    return write_file(folder, form->file, bytes, len);
}

enum err forms_write(const struct district *d, const char *folder)
{
    g_autoptr(GString) truth = g_string_new("file\tline\tstate_id\toutcome\tnote\n");

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        TRY(write_form(d, &forms[i], folder));
        for (uint32_t n = 0; n < DAMAGE_COUNT && n < d->listed; n++)
            g_string_append_printf(truth, "%s\t%" PRIu32 "\t%s\t%s\t%s\n", forms[i].file, n + 2,
                                   d->students[n].state_id, damages[n].outcome, damages[n].note);
    }
    return write_file(folder, "damage.tsv", truth->str, truth->len);
}
