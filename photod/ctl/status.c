#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/local.h"
#include "photod/ctl/table.h"
#include "photod/wire/bulk.h"

#define ROWS_MAX 256

struct processes {
    struct shape_process row[ROWS_MAX];
    unsigned count;
};

static int by_place(const void *a, const void *b)
{
    const struct shape_process *x = a, *y = b;

    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static enum ctl_exit read_processes(struct processes *out, const struct message *m)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk rows = {0};
    struct take t;

    if (bulk_map(&rows, m->fds[0], 1u << 20))
        return say_fail(CTL_FAILED, "photod's list of processes cannot be read");
    t = TAKE_BYTES(rows.bytes, rows.len);
    for (out->count = 0; take_more(&t) && out->count < ROWS_MAX; out->count++)
        take_process(&t, &out->row[out->count]);
    if (take_end(&t))
        return say_fail(CTL_FAILED, "photod's list of processes is malformed");
    qsort(out->row, out->count, sizeof out->row[0], by_place);
    return CTL_OK;
}

/* "3 d 4 h", "12 min", "40 s": two units at most. */
static void format_age(char *out, size_t size, uint64_t since_ms)
{
    int64_t s = (clock_wall_ms() - (int64_t)since_ms) / 1000;

    if (!since_ms || s < 0)
        (void)snprintf(out, size, "-");
    else if (s < 120)
        (void)snprintf(out, size, "%" PRId64 " s", s);
    else if (s < 7200)
        (void)snprintf(out, size, "%" PRId64 " min", s / 60);
    else if (s < 172800)
        (void)snprintf(out, size, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, size, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
}

static void process_label(char *out, size_t size, const struct shape_process *p)
{
    if (p->process == PROCESS_INTAKE)
        (void)snprintf(out, size, "%s %" PRIu32, process_name(PROCESS_INTAKE), p->index);
    else
        (void)snprintf(out, size, "%s", process_name((enum process)p->process));
}

/* ---- For people ---- */

static void print_line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void print_line(const char *name, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_clean(text);
    (void)printf("%-16s%s\n", name, text);
}

static void print_summary(const struct shape_status *s)
{
    char age[40];
    uint64_t used = s->volume_bytes - s->available_bytes;

    format_age(age, sizeof age, s->since_ms);
    print_line("photod", "%s, up %s", s->version, age);
    print_line("confinement", "%s", s->confinement);
    if (strcmp(s->confinement, "users") != 0)
        print_line("", "WARNING: all processes run as one user. Good for a demo, not for children's photos.");
    print_line("suite", "%s", s->suite);
    print_line("origin", "%s", s->origin);
    print_line("consent policy", "%s", s->consent_policy);
    print_line("students", "%" PRIu64, s->students);
    print_line("photos", "%" PRIu64, s->photos);
    print_line("audit leaves", "%" PRIu64, s->leaves);
    print_line("volume", "%.1f of %.1f GB used (%.0f %%)", (double)used / 1e9, (double)s->volume_bytes / 1e9,
               s->volume_bytes ? 100.0 * (double)used / (double)s->volume_bytes : 0.0);
    print_line("uploads", "%s", s->uploads ? "accepted" : "REFUSED for lack of space; lookups go on");
    if (!s->ballast)
        print_line("ballast", "LET GO OF: the volume is full; make room, or lookups will stop, too");
    if (s->clock_suspect)
        print_line("clock",
                   "SUSPECT: nothing is erased by date until `photoctl clock accept`; lookups go on");
    (void)putchar('\n');
}

static void print_processes(const struct processes *all)
{
    static const char *const headings[] = {"PROCESS",   ">PID",  "SECCOMP", "LANDLOCK",
                                           ">RESTARTS", "SINCE", NULL};
    CLEANUP(table) struct table *t = table_new(headings);

    for (unsigned i = 0; i < all->count; i++) {
        const struct shape_process *p = &all->row[i];
        char label[64], since[CLOCK_TEXT];

        process_label(label, sizeof label, p);
        clock_format(since, (int64_t)p->since_ms);
        table_cell(t, "%s", label);
        table_cell(t, "%" PRIu32, p->pid);
        table_cell(t, "%s", p->seccomp ? "yes" : "NO");
        if (p->landlock_abi)
            table_cell(t, "ABI %" PRIu32, p->landlock_abi);
        else
            table_cell(t, "NO");
        table_cell(t, "%" PRIu32, p->restarts);
        table_cell(t, "%s", p->since_ms ? since : "-");
    }
    table_print(t);
}

/* ---- For programs ---- */

static void print_json(const struct shape_status *s, const struct processes *all)
{
    json_t *list = json_array(), *status;

    for (unsigned i = 0; i < all->count; i++) {
        const struct shape_process *p = &all->row[i];

        (void)json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:b, s:I, s:I, s:I}", "process",
                            process_name((enum process)p->process), "index", (json_int_t)p->index, "pid",
                            (json_int_t)p->pid, "seccomp", (int)p->seccomp, "landlock_abi",
                            (json_int_t)p->landlock_abi, "restarts", (json_int_t)p->restarts, "since_ms",
                            (json_int_t)p->since_ms));
    }
    status = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:o}",
                       "version", s->version, "confinement", s->confinement, "suite", s->suite, "origin",
                       s->origin, "consent_policy", s->consent_policy, "since_ms", (json_int_t)s->since_ms,
                       "students", (json_int_t)s->students, "photos", (json_int_t)s->photos, "leaves",
                       (json_int_t)s->leaves, "volume_bytes", (json_int_t)s->volume_bytes, "available_bytes",
                       (json_int_t)s->available_bytes, "uploads", (int)s->uploads, "ballast", (int)s->ballast,
                       "clock_suspect", (int)s->clock_suspect, "processes", list);
    say_json(status);
    json_decref(status);
}

enum ctl_exit command_status(int argc, char **argv)
{
    struct local_line line = {.command = "status",
                              .about = "Shows what the repository holds and how it runs: one line for each "
                                       "process, with how it is confined.",
                              .has_json = true};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    CLEANUP(heap) struct processes *all = calloc(1, sizeof *all);
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    if (!all)
        return say_fail(CTL_FAILED, "out of memory");
    TRY_CTL(local_ask(&answer, &line.where, MSG_STATUS, NULL, MSG_STATUS_ANSWER));
    TRY_CTL(read_processes(all, &answer));
    if (line.json) {
        print_json(&answer.is.status, all);
    } else {
        print_summary(&answer.is.status);
        print_processes(all);
    }
    return CTL_OK;
}
