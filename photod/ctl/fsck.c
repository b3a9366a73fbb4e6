#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "photod/ctl/commands.h"
#include "photod/ctl/local.h"
#include "photod/ctl/table.h"
#include "photod/wire/bulk.h"

#define DAMAGE_SHOWN 1000

/* All damage found, for one table at the end. */
struct findings {
    struct shape_fsck_damage row[DAMAGE_SHOWN];
    size_t shown;
    uint64_t found, checked;
};

static enum ctl_exit take_damage(struct findings *f, const struct message *m)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk rows = {0};
    struct shape_fsck_damage d;
    struct take t;

    if (bulk_map(&rows, m->fds[0], 1u << 20))
        return say_fail(CTL_FAILED, "photod's findings cannot be read");
    t = TAKE_BYTES(rows.bytes, rows.len);
    while (take_more(&t)) {
        take_fsck_damage(&t, &d);
        if (f->shown < DAMAGE_SHOWN)
            f->row[f->shown++] = d;
        f->found++;
    }
    return take_end(&t) ? say_fail(CTL_FAILED, "photod's findings are malformed") : CTL_OK;
}

static void show_progress(const struct findings *f, bool ends)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%" PRIu64 " values opened, %" PRIu64 " damaged%s", f->checked, f->found,
                      ends ? "\n" : "");
}

static enum ctl_exit run(struct findings *f, const struct local_where *where)
{
    struct shape_fsck ask = {.phase = 0};
    bool done = false;

    while (!done) {
        CLEANUP(message) struct message answer = MESSAGE_NONE;

        TRY_CTL(local_ask(&answer, where, MSG_FSCK, &ask, MSG_FSCK_STEP));
        TRY_CTL(take_damage(f, &answer));
        ask.phase = answer.is.fsck_step.phase;
        ask.cursor = answer.is.fsck_step.cursor;
        memcpy(ask.key, answer.is.fsck_step.key, sizeof ask.key);
        ask.key_len = answer.is.fsck_step.key_len;
        f->checked += answer.is.fsck_step.checked;
        done = answer.is.fsck_step.done;
        show_progress(f, done);
    }
    return CTL_OK;
}

static void print_table(const struct findings *f)
{
    static const char *const headings[] = {"KIND", "KEY", "STUDENT", "WHAT IS WRONG", NULL};
    CLEANUP(table) struct table *t = table_new(headings);

    for (size_t i = 0; i < f->shown; i++) {
        table_cell(t, "%s", f->row[i].kind);
        table_cell(t, "%s", f->row[i].key);
        table_cell(t, "%s", f->row[i].state_id[0] ? f->row[i].state_id : "-");
        table_cell(t, "%s", f->row[i].what);
    }
    if (f->shown)
        table_print(t);
    if (f->shown < f->found)
        (void)printf("... and %" PRIu64 " more.\n", f->found - f->shown);
    if (f->found)
        (void)printf("%" PRIu64 " values opened; %" PRIu64
                     " are damaged. Nothing was changed: restore them from a backup.\n",
                     f->checked, f->found);
    else
        (void)printf("%" PRIu64 " values opened; nothing is damaged.\n", f->checked);
}

static void print_json(const struct findings *f)
{
    json_t *list = json_array(), *all;

    for (size_t i = 0; i < f->shown; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "kind", f->row[i].kind, "key",
                                                    f->row[i].key, "state_id", f->row[i].state_id, "what",
                                                    f->row[i].what));
    all = json_pack("{s:I, s:I, s:o}", "checked", (json_int_t)f->checked, "damaged", (json_int_t)f->found,
                    "rows", list);
    say_json(all);
    json_decref(all);
}

enum ctl_exit command_fsck(int argc, char **argv)
{
    struct local_line line = {.command = "fsck",
                              .about = "Opens everything that is sealed, while photod serves: every picture, "
                                       "record and leaf. Says what is damaged and which students it touches; "
                                       "repairs nothing. Exit code 4 when something is damaged.",
                              .has_json = true};
    CLEANUP(heap) struct findings *f = calloc(1, sizeof *f);
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    if (!f)
        return say_fail(CTL_FAILED, "out of memory");
    TRY_CTL(run(f, &line.where));
    if (line.json)
        print_json(f);
    else
        print_table(f);
    return f->found ? CTL_UNVERIFIED : CTL_OK;
}
