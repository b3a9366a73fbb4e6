/* `upload`: the district's side of the office door.  Roster first, then photos; nothing is served before
 * commit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include "lawapi/outcome.h"
#include "lawapi/problem.h"
#include "photod/base/clock.h"
#include "photod/base/date.h"
#include "photod/base/text.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/office.h"
#include "photod/ctl/pack.h"
#include "photod/ctl/report.h"
#include "photod/ctl/resume.h"

#define PATH_TEXT     400
#define SCHOOL_MAX    100
#define POLL_FIRST_MS 250
#define POLL_MAX_MS   2000

struct upload_command {
    struct office office;
    const char *roster, *photos, *taken_on, *school, *batch, *report, *renewals;
    bool commit, undo, show, dry_run, json, all_rows;
    struct http *http;
    int packed_fd; /* the folder of photos as a ZIP without a name; -1: photos is a file */
};

/* ---- Requests ---- */

static enum ctl_exit say_path(char path[static PATH_TEXT], const struct upload_command *c, const char *batch,
                              const char *step)
{
    if (snprintf(path, PATH_TEXT, "/v1/districts/%s/batches%s%s%s%s", c->office.district, batch ? "/" : "",
                 batch ? batch : "", step ? "/" : "", step ? step : "") >= PATH_TEXT)
        return say_fail(CTL_USAGE, "the batch's name is too long");
    return CTL_OK;
}

static enum ctl_exit ask(struct http_answer *a, const struct upload_command *c, const char *method,
                         const char *path, const struct http_body *body)
{
    http_answer_clear(a);
    TRY_CTL(http_request(a, c->http, method, path, NULL, body));
    return http_expect_json(a);
}

/* A batch becomes part of a URL. */
static bool is_batch_name(const char *text)
{
    size_t len = strlen(text);

    return len && len < 48 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

/* ---- Showing ---- */

static enum ctl_exit show_renewals(const struct upload_command *c, const json_t *answer)
{
    const json_t *renewals = json_object_get(answer, "renewals");

    if (!json_array_size(renewals))
        return CTL_OK;
    if (c->renewals)
        TRY_CTL(report_write_renewals(answer, c->renewals));
    (void)printf("%zu children were opted in last year and not yet this year%s%s.\n",
                 json_array_size(renewals),
                 c->renewals ? "; the list to send home is in " : " (--renewals FILE.tsv lists them)",
                 c->renewals ? c->renewals : "");
    return CTL_OK;
}

static enum ctl_exit show_rows(const struct upload_command *c, const json_t *answer)
{
    /* One file, one table: with photos in the same command it is theirs. */
    const char *path = c->photos && json_object_get(answer, "lines") ? NULL : c->report;

    report_print_counts(answer);
    /* A terminal shows what needs hands; a pipe gets the same unless told otherwise. */
    report_print_rows(answer, c->all_rows, path);
    report_print_schools(answer);
    TRY_CTL(show_renewals(c, answer));
    return path ? report_write_tsv(answer, path) : CTL_OK;
}

static enum ctl_exit show_roster(const struct upload_command *c, const json_t *answer)
{
    if (c->json) {
        say_json(answer);
        return CTL_OK;
    }
    (void)printf("%s.\n", json_text(answer, "format"));
    (void)printf("Roster of district %s: %" PRIu64 " lines, %" PRIu64 " in, %" PRIu64 " out, %" PRIu64
                 " blank, %" PRIu64 " refused; %" PRIu64 " %s.\n",
                 c->office.district, json_number(answer, "lines"), json_number(answer, "in"),
                 json_number(answer, "out"), json_number(answer, "blank"), json_number(answer, "refused"),
                 json_number(answer, "withdrawn"),
                 c->dry_run ? "would be withdrawn" : "withdrawn since the last");
    return show_rows(c, answer);
}

static enum ctl_exit show_batch(const struct upload_command *c, const json_t *answer)
{
    const char *fault = json_text(answer, "fault"), *advice = outcome_advice(outcome_from_code(fault));

    if (c->json) {
        say_json(answer);
        return CTL_OK;
    }
    (void)printf("Batch %s is %s: %" PRIu64 " files, %" PRIu64 " judged, %" PRIu64 " stored.\n",
                 json_text(answer, "id"), json_text(answer, "state"), json_number(answer, "files"),
                 json_number(answer, "judged"), json_number(answer, "stored"));
    if (*json_text(answer, "format"))
        (void)printf("Format: %s.\n", json_text(answer, "format"));
    if (json_number(answer, "review"))
        (void)printf("%" PRIu64
                     " files wait for your decision: photoctl batch review. They are not part of a "
                     "commit before it, and gone after 7 days.\n",
                     json_number(answer, "review"));
    if (*fault)
        (void)printf("The upload as a whole is of no use: %s. %s\n", fault, advice ? advice : "");
    return show_rows(c, answer);
}

/* ---- Steps ---- */

static bool is_csv(const char *path)
{
    size_t len = strlen(path);

    return len > 4 && strcasecmp(path + len - 4, ".csv") == 0;
}

static enum ctl_exit send_roster(const struct upload_command *c)
{
    const struct http_body body = {.type = is_csv(c->roster) ? "text/csv" : "text/tab-separated-values",
                                   .file = c->roster};
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    char path[PATH_TEXT];

    (void)snprintf(path, sizeof path, "/v1/districts/%s/roster", c->office.district);
    TRY_CTL(ask(&a, c, "PUT", path, &body));
    return show_roster(c, a.json);
}

/* The same file once more, for this batch: a package's index names children as the roster does.  A dry run,
 * which sends it only here, shows what would become of it. */
static enum ctl_exit send_batch_roster(const struct upload_command *c, const char *batch)
{
    const struct http_body body = {.type = is_csv(c->roster) ? "text/csv" : "text/tab-separated-values",
                                   .file = c->roster};
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    char path[PATH_TEXT];

    TRY_CTL(say_path(path, c, batch, "roster"));
    TRY_CTL(http_request(&a, c->http, "PUT", path, NULL, &body));
    if (strcmp(json_text(a.json, "code"), problem_text(PROBLEM_ROSTER_NAMELESS)->code) == 0) {
        say_hint("The roster has answers only: photos named by State ID need no other, but a package that "
                 "names its children does.");
        return CTL_OK;
    }
    TRY_CTL(http_expect_json(&a));
    return c->dry_run ? show_roster(c, a.json) : CTL_OK;
}

/* Percent-encoded; check() saw to its length. */
static void add_school(char path[static PATH_TEXT], const char *school)
{
    size_t at = strlen(path);

    at += (size_t)snprintf(path + at, PATH_TEXT - at, "&school=");
    for (; *school && at + 3 < PATH_TEXT; school++)
        at += (size_t)snprintf(path + at, PATH_TEXT - at, "%%%02X", (unsigned char)*school);
}

static enum ctl_exit create_batch(char *batch, size_t size, const struct upload_command *c)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    char path[PATH_TEXT];

    (void)snprintf(path, sizeof path, "/v1/districts/%s/batches?taken_on=%s%s", c->office.district,
                   c->taken_on, c->dry_run ? "&dry_run=true" : "");
    if (c->school)
        add_school(path, c->school);
    TRY_CTL(ask(&a, c, "POST", path, NULL));
    if (!is_batch_name(json_text(a.json, "id")) || text_copy(batch, size, json_text(a.json, "id")))
        return say_fail(CTL_FAILED, "the server named no batch");
    return CTL_OK;
}

static enum ctl_exit send_photos(const struct upload_command *c, const char *batch, bool goes_on)
{
    const char *file = c->photos;
    enum ctl_exit code;
    char path[PATH_TEXT], packed[32];

    if (c->packed_fd >= 0) {
        (void)snprintf(packed, sizeof packed, "/proc/self/fd/%d", c->packed_fd);
        file = packed;
    }
    TRY_CTL(say_path(path, c, batch, "upload"));
    code = resume_send(c->http, path, file, goes_on);
    if (code == CTL_UNREACHABLE && file == c->photos)
        say_hint("What was sent stays for seven days.  To go on: photoctl upload ... --batch %s --photos %s",
                 batch, file);
    return code;
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

static void say_judged(uint64_t judged, uint64_t files, int64_t began_ms)
{
    uint64_t seconds = (uint64_t)(clock_steady_ms() - began_ms) / 1000;
    uint64_t rate = seconds ? judged / seconds : 0;

    if (rate && files > judged)
        say_progress("judged %" PRIu64 " of %" PRIu64 " files, %" PRIu64 " a second, about %" PRIu64
                     " s to go",
                     judged, files, rate, (files - judged) / rate + 1);
    else
        say_progress("judged %" PRIu64 " of %" PRIu64 " files", judged, files);
}

/* Until every file is judged, or the upload as a whole is refused. */
static enum ctl_exit wait_for_report(struct http_answer *a, const struct upload_command *c, const char *batch)
{
    int64_t began_ms = clock_steady_ms();
    char path[PATH_TEXT];

    TRY_CTL(say_path(path, c, batch, NULL));
    for (long ms = POLL_FIRST_MS;; ms = ms < POLL_MAX_MS ? ms * 2 : POLL_MAX_MS) {
        TRY_CTL(ask(a, c, "GET", path, NULL));
        if (strcmp(json_text(a->json, "state"), "staging") != 0 || *json_text(a->json, "fault"))
            break;
        say_judged(json_number(a->json, "judged"), json_number(a->json, "files"), began_ms);
        pause_ms(ms);
    }
    say_progress_end();
    return CTL_OK;
}

static void show_step(const char *batch, const json_t *answer)
{
    bool undone = json_object_get(answer, "restored") != NULL;
    uint64_t photos = json_number(answer, "photos");

    if (undone)
        (void)printf("Batch %s is undone: %" PRIu64 " photos are taken back and being erased; %" PRIu64
                     " children have their earlier photo again.\n",
                     batch, photos, json_number(answer, "restored"));
    else
        (void)printf("Batch %s is committed: %" PRIu64 " photos are served from now on; %" PRIu64
                     " of them replace an earlier one.\n",
                     batch, photos, json_number(answer, "replaced"));
}

/* commit or undo */
static enum ctl_exit step_batch(const struct upload_command *c, const char *batch, const char *step)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    char path[PATH_TEXT];

    TRY_CTL(say_path(path, c, batch, step));
    TRY_CTL(ask(&a, c, "POST", path, NULL));
    if (c->json)
        say_json(a.json);
    else
        show_step(batch, a.json);
    return CTL_OK;
}

static enum ctl_exit run_photos(const struct upload_command *c)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    char batch[48] = "";

    if (c->batch)
        (void)snprintf(batch, sizeof batch, "%s", c->batch); /* is_batch_name() saw to its length */
    else
        TRY_CTL(create_batch(batch, sizeof batch, c));
    say_hint("Batch %s", batch);
    if (c->roster)
        TRY_CTL(send_batch_roster(c, batch));
    TRY_CTL(send_photos(c, batch, c->batch != NULL));
    TRY_CTL(wait_for_report(&a, c, batch));
    TRY_CTL(show_batch(c, a.json));
    if (*json_text(a.json, "fault"))
        return CTL_FAILED;
    /* A commit ends the review, so that one in the same breath would leave no chance of it. */
    if (c->commit && json_number(a.json, "review"))
        return say_fail(CTL_FAILED,
                        "not committed, because files wait for a decision: decide, or leave them out "
                        "with --batch %s --commit",
                        batch);
    if (c->commit)
        return step_batch(c, batch, "commit");
    if (c->dry_run) {
        say_hint("This was a dry run: nothing is stored. Send the same without --dry-run.");
        return CTL_OK;
    }
    say_hint("Nothing is served yet. To commit: photoctl upload ... --batch %s --commit", batch);
    return CTL_OK;
}

static enum ctl_exit run_batch(const struct upload_command *c)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    char path[PATH_TEXT];

    if (c->commit)
        return step_batch(c, c->batch, "commit");
    if (c->undo)
        return step_batch(c, c->batch, "undo");
    TRY_CTL(say_path(path, c, c->batch, NULL));
    TRY_CTL(ask(&a, c, "GET", path, NULL));
    return show_batch(c, a.json);
}

/* ---- The command ---- */

static enum ctl_exit check(const struct upload_command *c)
{
    struct date day;

    if (c->batch && (c->roster || c->taken_on || (!c->photos && c->commit + c->undo + c->show != 1) ||
                     (c->photos && c->undo + c->show)))
        return say_fail(CTL_USAGE, "--batch goes with exactly one of --commit, --undo and --show, or with "
                                   "--photos to go on with an upload that broke off");
    if (c->batch && c->photos && pack_is_folder(c->photos))
        return say_fail(CTL_USAGE, "a folder is sent from its start, as a new batch: leave --batch out");
    if (c->batch && !is_batch_name(c->batch))
        return say_fail(CTL_USAGE, "--batch is not the name of a batch");
    if (!c->batch && (c->undo || c->show))
        return say_fail(CTL_USAGE, "--undo and --show need --batch");
    if (!c->batch && !c->roster && !c->photos)
        return say_fail(CTL_USAGE, "nothing to do: give --roster, --photos or --batch");
    if (!c->batch && !c->photos != !c->taken_on)
        return say_fail(CTL_USAGE, "--photos and --taken-on go together");
    if (c->taken_on && date_parse(&day, c->taken_on))
        return say_fail(CTL_USAGE, "--taken-on is the day the photos were taken, as in 2026-09-16");
    if (c->school && (!c->photos || strlen(c->school) > SCHOOL_MAX))
        return say_fail(CTL_USAGE, "--school goes with --photos and has at most %d bytes", SCHOOL_MAX);
    if (c->dry_run && (!c->photos || c->commit))
        return say_fail(CTL_USAGE, "--dry-run goes with --photos, and commits nothing");
    if (c->commit && !c->batch && !c->photos)
        return say_fail(CTL_USAGE, "--commit needs --photos or --batch");
    return CTL_OK;
}

static const char about[] =
    "Sends a district's roster and photos, and shows what became of each line and "
    "file.  Photos are served only once "
    "their batch is committed: look at the report first.\n\n"
    "Steps can be taken one by one: --roster; --photos with --taken-on; --batch with "
    "--commit, --undo or --show.  An upload that broke off is gone on with by --batch and "
    "--photos.";

enum ctl_exit command_upload(int argc, char **argv)
{
    struct upload_command c = {.packed_fd = -1};
    const struct option_row rows[] = {
        OFFICE_OPTIONS(c.office),
        OPTION_TEXT(
            "roster", "FILE", c.roster,
            "The roster: the AIM Student Demographic file, or CSV or tab-separated text with a header row."),
        OPTION_TEXT("photos", "ZIP|DIR", c.photos,
                    "Photos named by State ID, a yearbook package or a student system's export; a folder is "
                    "packed first."),
        OPTION_TEXT("taken-on", "DATE", c.taken_on, "The day these photos were taken (YYYY-MM-DD)."),
        OPTION_TEXT("school", "NAME", c.school,
                    "The school they were taken at, as the roster names it, if the package does not say it."),
        OPTION_TEXT("batch", "ID", c.batch, "A batch sent before."),
        OPTION_FLAG("commit", c.commit, "Commit the batch: from then on its photos are served."),
        OPTION_FLAG("dry-run", c.dry_run,
                    "Judge roster and photos and show what they would do, but store nothing."),
        OPTION_FLAG("undo", c.undo, "Take the whole batch back."),
        OPTION_FLAG("show", c.show, "Show the batch's state and report."),
        OPTION_FLAG("all-rows", c.all_rows, "Show the good rows too."),
        OPTION_TEXT("report", "FILE.tsv", c.report, "Also write all rows to this new file."),
        OPTION_TEXT("renewals", "FILE.tsv", c.renewals,
                    "Also write who opted in last year and not yet this year to this new file."),
        OPTION_FLAG("json", c.json, "Print the server's answers as JSON."),
    };
    const struct usage u = {"upload", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    CLEANUP(http) struct http *http = NULL;
    enum ctl_exit code = CTL_OK;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(office_check(&c.office));
    TRY_CTL(check(&c));
    TRY_CTL(office_open(&http, &c.office));
    c.http = http;
    if (c.batch && !c.photos)
        return run_batch(&c);
    if (c.photos && pack_is_folder(c.photos))
        TRY_CTL(pack_folder(&c.packed_fd, c.photos));
    if (c.roster && !c.dry_run)
        TRY_CTL(send_roster(&c));
    if (c.photos)
        code = run_photos(&c);
    if (c.packed_fd >= 0)
        (void)close(c.packed_fd);
    return code;
}
