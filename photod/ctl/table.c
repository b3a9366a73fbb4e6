#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "photod/ctl/say.h"
#include "photod/ctl/table.h"

struct table {
    const char *const *headings;
    size_t columns, cells, room;
    char **cell;
};

static void *need(void *memory)
{
    if (!memory) {
        say_error("out of memory");
        exit(CTL_FAILED);
    }
    return memory;
}

struct table *table_new(const char *const *headings)
{
    struct table *t = need(calloc(1, sizeof *t));

    t->headings = headings;
    while (headings[t->columns])
        t->columns++;
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->cells; i++)
        free(t->cell[i]);
    free(t->cell);
    free(t);
}

void table_cell(struct table *t, const char *format, ...)
{
    va_list args;
    char *text;

    if (t->cells == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->cell = need(reallocarray(t->cell, t->room, sizeof *t->cell));
    }
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    say_clean(need(text));
    t->cell[t->cells++] = text;
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static bool is_right(const char *heading)
{
    return *heading == '>';
}

static int column_width(const struct table *t, size_t column)
{
    int width = width_of(t->headings[column] + is_right(t->headings[column]));

    for (size_t i = column; i < t->cells; i += t->columns)
        if (width_of(t->cell[i]) > width)
            width = width_of(t->cell[i]);
    return width;
}

static void print_cell(const struct table *t, size_t column, const char *text, int width)
{
    int pad = width - width_of(text);

    if (is_right(t->headings[column]))
        (void)printf("%*s%s", pad, "", text);
    else
        (void)printf("%s%*s", text, column + 1 < t->columns ? pad : 0, "");
    (void)fputs(column + 1 < t->columns ? "  " : "\n", stdout);
}

void table_print(const struct table *t)
{
    int *width = need(calloc(t->columns, sizeof *width));

    for (size_t c = 0; c < t->columns; c++)
        width[c] = column_width(t, c);
    for (size_t c = 0; c < t->columns; c++)
        print_cell(t, c, t->headings[c] + is_right(t->headings[c]), width[c]);
    for (size_t i = 0; i < t->cells; i++)
        print_cell(t, i % t->columns, t->cell[i], width[i % t->columns]);
    free(width);
}
