/* `batch list`: what a district sent, and how it stands. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "photod/ctl/commands.h"
#include "photod/ctl/office.h"
#include "photod/ctl/options.h"
#include "photod/ctl/table.h"

#define PATH_TEXT 160

struct list {
    struct office office;
    const char *before;
    bool json;
};

static enum ctl_exit ask(struct http_answer *a, struct http *http, const struct list *l)
{
    char path[PATH_TEXT];

    (void)snprintf(path, sizeof path, "/v1/districts/%s/batches%s%s", l->office.district,
                   l->before ? "?before=" : "", l->before ? l->before : "");
    TRY_CTL(http_request(a, http, "GET", path, NULL, NULL));
    return http_expect_json(a);
}

static void print_table(const json_t *batches)
{
    static const char *const headings[] = {"BATCH",   "MADE",    "TAKEN ON", "STATE", ">FILES",
                                           ">STORED", ">REVIEW", ">PHOTOS",  "FAULT", NULL};
    static const char *const texts[] = {"id", "created_at", "taken_on", "state"};
    static const char *const counts[] = {"files", "stored", "review", "photos"};
    CLEANUP(table) struct table *t = table_new(headings);
    const json_t *b;
    size_t i;

    json_array_foreach(batches, i, b)
    {
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
            table_cell(t, "%s", json_text(b, texts[k]));
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
            table_cell(t, "%" PRIu64, json_number(b, counts[k]));
        table_cell(t, "%s", json_text(b, "fault"));
    }
    table_print(t);
}

static enum ctl_exit run(struct http *http, const struct list *l)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    const json_t *batches;
    size_t count;

    TRY_CTL(ask(&a, http, l));
    if (l->json) {
        say_json(a.json);
        return CTL_OK;
    }
    batches = json_object_get(a.json, "batches");
    count = json_array_size(batches);
    print_table(batches);
    if (count && json_is_true(json_object_get(a.json, "more")))
        say_hint("There are older ones: --before %s", json_text(json_array_get(batches, count - 1), "id"));
    return CTL_OK;
}

static const char about[] =
    "Lists the district's batches, newest first, up to a hundred.  PHOTOS is how many came with the commit, "
    "or "
    "went with the undo; the other counts are of files.  What became of each file says "
    "`photoctl upload --batch ID --show`.";

enum ctl_exit command_batch_list(int argc, char **argv)
{
    struct list l = {.before = NULL};
    const struct option_row rows[] = {
        OFFICE_OPTIONS(l.office),
        OPTION_TEXT("before", "ID", l.before, "Only batches made before this one."),
        OPTION_FLAG("json", l.json, "Print the server's answer as JSON."),
    };
    const struct usage u = {"batch list", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    CLEANUP(http) struct http *http = NULL;
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(office_check(&l.office));
    if (l.before && !office_is_batch(l.before))
        return say_fail(CTL_USAGE, "--before is not the name of a batch");
    TRY_CTL(office_open(&http, &l.office));
    return run(http, &l);
}
