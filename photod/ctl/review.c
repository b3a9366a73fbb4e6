/* `batch review`: the clerk says which child a photo shows, where no rule may. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "photod/base/text.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/file.h"
#include "photod/ctl/office.h"
#include "photod/ctl/table.h"

#define PATH_TEXT     128
#define DECISIONS_MAX (2u << 20)
#define LINE_TEXT     200

struct review {
    struct office office;
    const char *batch, *decisions;
    bool json;
    struct http *http;
    json_t *decided; /* array of what is decided so far */
};

static enum ctl_exit ask(struct http_answer *a, const struct review *r, const char *method,
                         const struct http_body *body)
{
    char path[PATH_TEXT];

    (void)snprintf(path, sizeof path, "/v1/districts/%s/batches/%s/review", r->office.district, r->batch);
    TRY_CTL(http_request(a, r->http, method, path, NULL, body));
    return http_expect_json(a);
}

/* ---- Showing ---- */

static void show_row(const json_t *row)
{
    static const char *const headings[] = {">",         "LAST NAME", "FIRST NAME", "GRADE",
                                           "HOME ROOM", "SCHOOL",    "STATE ID",   NULL};
    static const char *const members[] = {"last_name", "first_name", "grade",
                                          "homeroom",  "school",     "state_id"};
    CLEANUP(table) struct table *t = table_new(headings);
    char text[600];
    const json_t *child;
    size_t i;

    (void)snprintf(text, sizeof text, "Line %" PRIu64 ", %s: %s", json_number(row, "line"),
                   json_text(row, "file"), json_text(row, "note"));
    say_clean(text);
    (void)printf("\n%s\n", text);
    json_array_foreach(json_object_get(row, "candidates"), i, child)
    {
        table_cell(t, "%zu", i + 1);
        for (size_t k = 0; k < sizeof members / sizeof members[0]; k++)
            table_cell(t, "%s", json_text(child, members[k]));
    }
    if (i)
        table_print(t);
    else
        (void)printf("No child of the roster comes near.\n");
    (void)fflush(stdout);
}

/* ---- Deciding ---- */

static enum ctl_exit add_decision(struct review *r, uint64_t line, const char *state_id)
{
    json_t *one = state_id ? json_pack("{s:I, s:s}", "line", (json_int_t)line, "state_id", state_id)
                           : json_pack("{s:I, s:b}", "line", (json_int_t)line, "skip", 1);

    if (json_array_append_new(r->decided, one))
        return say_fail(CTL_FAILED, "out of memory");
    return CTL_OK;
}

/* 1 to 5, a State ID, s, q, or nothing.  Asks again until it is one of them. */
static enum ctl_exit ask_row(struct review *r, const json_t *row, bool *stop)
{
    const json_t *candidates = json_object_get(row, "candidates");
    uint64_t line = json_number(row, "line"), number;
    char text[LINE_TEXT], *answer;

    for (;;) {
        (void)fprintf(
            stderr,
            "Which child? (number or State ID; s leaves the photo out; Enter decides later; q ends): ");
        *stop = !fgets(text, sizeof text, stdin);
        if (*stop)
            return CTL_OK;
        answer = text_trim(text);
        if (!*answer)
            return CTL_OK;
        if (strcasecmp(answer, "q") == 0) {
            *stop = true;
            return CTL_OK;
        }
        if (strcasecmp(answer, "s") == 0)
            return add_decision(r, line, NULL);
        if (text_is_digits(answer, 9))
            return add_decision(r, line, answer);
        if (!u64_parse(&number, answer, json_array_size(candidates)) && number)
            return add_decision(r, line,
                                json_text(json_array_get(candidates, (size_t)number - 1), "state_id"));
    }
}

static enum ctl_exit ask_all(struct review *r, const json_t *rows)
{
    bool stop = false;
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        show_row(row);
        TRY_CTL(ask_row(r, row, &stop));
        if (stop)
            break;
    }
    return CTL_OK;
}

/* LINE and a State ID or "skip" on each line; # begins a comment. */
static enum ctl_exit read_decision(struct review *r, char *text, unsigned number)
{
    size_t len = strcspn(text, " \t,");
    char *rest = text + len;
    uint64_t line;

    if (*rest)
        *rest++ = '\0';
    rest = text_trim(rest);
    if (u64_parse(&line, text, UINT32_MAX) || !line ||
        (strcasecmp(rest, "skip") != 0 && !text_is_digits(rest, 9)))
        return say_fail(CTL_USAGE,
                        "line %u of the decisions: expected a line of the report and a State ID or \"skip\"",
                        number);
    return add_decision(r, line, strcasecmp(rest, "skip") == 0 ? NULL : rest);
}

static enum ctl_exit read_decisions(struct review *r)
{
    CLEANUP(buf) struct buf *file = NULL;
    CLEANUP(heap) char *copy = NULL;
    unsigned number = 0;

    TRY_CTL(file_read(&file, strcmp(r->decisions, "-") == 0 ? "/dev/stdin" : r->decisions, DECISIONS_MAX));
    copy = strdup(buf_text(file));
    if (!copy)
        return say_fail(CTL_FAILED, "out of memory");
    for (char *at = copy, *line; (line = strsep(&at, "\n"));) {
        number++;
        line = text_trim(line);
        if (*line && *line != '#')
            TRY_CTL(read_decision(r, line, number));
    }
    explicit_bzero(copy, buf_len(file));
    return CTL_OK;
}

static enum ctl_exit send(const struct review *r)
{
    json_t *body = json_pack("{s:O}", "decisions", r->decided);
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    CLEANUP(buf) struct buf *text = NULL;
    struct http_body sent;

    if (http_body_json(&sent, &text, body))
        return say_fail(CTL_FAILED, "the decisions are not UTF-8");
    TRY_CTL(ask(&a, r, "POST", &sent));
    if (r->json)
        say_json(a.json);
    else
        (void)printf("%zu decisions are taken.\n", json_array_size(r->decided));
    say_hint("The files named are judged now: photoctl upload ... --batch %s --show", r->batch);
    return CTL_OK;
}

/* ---- The command ---- */

static enum ctl_exit run(struct review *r)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    const json_t *rows, *row;
    size_t i;

    if (r->decisions) {
        TRY_CTL(read_decisions(r));
        return send(r);
    }
    TRY_CTL(ask(&a, r, "GET", NULL));
    rows = json_object_get(a.json, "rows");
    if (r->json) {
        say_json(a.json);
        return CTL_OK;
    }
    (void)printf("%zu files of batch %s wait for a decision.\n", json_array_size(rows), r->batch);
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        TRY_CTL(ask_all(r, rows));
        return json_array_size(r->decided) ? send(r) : CTL_OK;
    }
    json_array_foreach(rows, i, row)
    {
        show_row(row);
    }
    return CTL_OK;
}

static enum ctl_exit check(const struct review *r)
{
    return office_is_batch(r->batch) ? CTL_OK : say_fail(CTL_USAGE, "--batch is not the name of a batch");
}

static const char about[] = "Shows each photo whose child is not certain, with the reason and the children "
                            "of the batch's roster that come "
                            "near, and asks which one it is.  Nothing is guessed: what nobody decides is not "
                            "stored, and is gone with the "
                            "commit, or 7 days after the batch was made.\n\n"
                            "On a terminal it asks; otherwise it lists.  For scripts, --decisions takes "
                            "lines of a report line and a State "
                            "ID, or the word skip.";

enum ctl_exit command_batch_review(int argc, char **argv)
{
    struct review r = {.batch = NULL};
    const struct option_row rows[] = {
        OFFICE_OPTIONS(r.office),
        OPTION_NEED("batch", "ID", r.batch, "The batch, as `photoctl upload` named it."),
        OPTION_TEXT("decisions", "FILE", r.decisions, "Decisions to send; - reads them from standard input."),
        OPTION_FLAG("json", r.json, "Print the server's answer as JSON."),
    };
    const struct usage u = {"batch review", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    CLEANUP(http) struct http *http = NULL;
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(office_check(&r.office));
    TRY_CTL(check(&r));
    TRY_CTL(office_open(&http, &r.office));
    r.http = http;
    r.decided = json_array();
    code = r.decided ? run(&r) : say_fail(CTL_FAILED, "out of memory");
    json_decref(r.decided);
    return code;
}
