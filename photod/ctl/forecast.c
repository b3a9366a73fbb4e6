/* `forecast`: when the photos of today end, for who must plan the next photo day. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "photod/ctl/commands.h"
#include "photod/ctl/local.h"
#include "photod/ctl/table.h"
#include "photod/wire/bulk.h"

#define ROWS_MAX  16384
#define TABLE_MAX ((size_t)1 << 20)

struct forecast {
    struct shape_forecast_row row[ROWS_MAX];
    unsigned count;
    uint64_t photos;
};

static int by_month(const void *a, const void *b)
{
    const struct shape_forecast_row *x = a, *y = b;
    int order = strcmp(x->district, y->district);

    return order ? order : strcmp(x->month, y->month);
}

static enum ctl_exit read_rows(struct forecast *out, int fd)
{
    CLEANUP(bulk) struct bulk rows = {0};
    struct take t;

    if (bulk_map(&rows, fd, TABLE_MAX))
        return say_fail(CTL_FAILED, "photod's forecast cannot be read");
    t = TAKE_BYTES(rows.bytes, rows.len);
    for (; take_more(&t) && out->count < ROWS_MAX; out->count++) {
        take_forecast_row(&t, &out->row[out->count]);
        out->photos += out->row[out->count].photos;
    }
    if (take_end(&t))
        return say_fail(CTL_FAILED, "photod's forecast is malformed");
    qsort(out->row, out->count, sizeof out->row[0], by_month);
    return CTL_OK;
}

static void print_table(const struct forecast *f)
{
    static const char *const headings[] = {"DISTRICT", "ENDS IN", ">PHOTOS", NULL};
    CLEANUP(table) struct table *t = table_new(headings);

    for (unsigned i = 0; i < f->count; i++) {
        table_cell(t, "%s", f->row[i].district);
        table_cell(t, "%s", f->row[i].month);
        table_cell(t, "%" PRIu32, f->row[i].photos);
    }
    table_cell(t, "all");
    table_cell(t, "%s", "");
    table_cell(t, "%" PRIu64, f->photos);
    table_print(t);
}

static void print_json(const struct forecast *f)
{
    json_t *rows = json_array(), *all;

    for (unsigned i = 0; i < f->count; i++)
        (void)json_array_append_new(rows,
                                    json_pack("{s:s, s:s, s:I}", "district", f->row[i].district, "month",
                                              f->row[i].month, "photos", (json_int_t)f->row[i].photos));
    all = json_pack("{s:I, s:o}", "photos", (json_int_t)f->photos, "rows", rows);
    say_json(all);
    json_decref(all);
}

enum ctl_exit command_forecast(int argc, char **argv)
{
    struct local_line line = {.command = "forecast",
                              .about =
                                  "Shows how many of the photos that can be served today reach their two "
                                  "years in which month, by district: new ones must be taken before.",
                              .has_json = true};
    CLEANUP(heap) struct forecast *f = calloc(1, sizeof *f);
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    if (!f)
        return say_fail(CTL_FAILED, "out of memory");
    TRY_CTL(local_ask(&answer, &line.where, MSG_FORECAST, NULL, MSG_FORECAST_IS));
    TRY_CTL(read_rows(f, answer.fds[0]));
    if (line.json)
        print_json(f);
    else
        print_table(f);
    return CTL_OK;
}
