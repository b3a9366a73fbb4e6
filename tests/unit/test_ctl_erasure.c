/* Commands around erasure, with a vault of one question at the other end of the socket. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lawapi/problem.h"
#include "photod/ctl/commands.h"
#include "photod/wire/bulk.h"
#include "photod/wire/channel.h"
#include "tests/unit/ctl_fixture.h"
#include "tests/unit/suite.h"

static char *dir;
static char path[100], said[4096], printed[8192];

struct script {
    enum msg expected, answer;
    const void *shape;
    const void *rows; /* beside the answer, or NULL */
    size_t rows_len;
};

/* What must hold of the question, for which the vault's side is the place. */
static bool is_good(const struct message *m)
{
    return m->type != MSG_ERASURE || strcmp(m->is.erasure.state_id, "012345678") == 0;
}

static pid_t serve(const struct script *s)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    pid_t pid;

    memcpy(at.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    pid = fork();
    if (!pid) {
        struct channel c = {.fd = accept(listener, NULL, NULL),
                            .self = PROCESS_VAULT,
                            .peer = PROCESS_CTL,
                            .state = STATE_SERVE};
        struct message m = MESSAGE_NONE;
        int fd = -1;

        if (channel_recv(&c, &m, true) || m.type != s->expected || !is_good(&m))
            _exit(1);
        if (s->rows && bulk_new(&fd, s->rows, s->rows_len))
            _exit(2);
        if (s->answer != MSG_COUNT && channel_send(&c, s->answer, m.request, s->shape, &fd, fd >= 0, true))
            _exit(3);
        _exit(0);
    }
    (void)close(listener);
    return pid;
}

static void take(char *to, size_t size, FILE *f, int stands_for, int old)
{
    (void)dup2(old, stands_for);
    (void)close(old);
    rewind(f);
    to[fread(to, 1, size - 1, f)] = '\0';
    (void)fclose(f);
}

/* Runs words (NULL at their end) with a State ID on standard input. */
static enum ctl_exit run(const char *first, ...)
{
    const char *words[20] = {"photoctl", first};
    FILE *in = tmpfile(), *err = tmpfile(), *out = tmpfile();
    int old_in = dup(STDIN_FILENO), old_err = dup(STDERR_FILENO), old_out = dup(STDOUT_FILENO), n = 2;
    enum ctl_exit code;
    va_list args;

    va_start(args, first);
    while ((words[n] = va_arg(args, const char *)))
        n++;
    va_end(args);
    words[n++] = "--socket";
    words[n++] = path;
    (void)fputs("012345678\n", in);
    rewind(in);
    (void)fflush(stdout);
    (void)dup2(fileno(in), STDIN_FILENO);
    (void)dup2(fileno(err), STDERR_FILENO);
    (void)dup2(fileno(out), STDOUT_FILENO);
    clearerr(stdin);
    code = commands_run(n, (char **)(uintptr_t)words);
    (void)fflush(stdout);
    (void)dup2(old_in, STDIN_FILENO);
    (void)close(old_in);
    (void)fclose(in);
    take(said, sizeof said, err, STDERR_FILENO, old_err);
    take(printed, sizeof printed, out, STDOUT_FILENO, old_out);
    return code;
}

static void assert_served(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    (void)unlink(path);
}

static void set_up(void)
{
    dir = fixture_dir();
    (void)snprintf(path, sizeof path, "%s/socket", dir);
}

static void tear_down(void)
{
    fixture_remove(dir);
    free(dir);
}

static void prove(const struct shape_erasure_state *s, const char *option)
{
    const struct script script = {MSG_ERASURE, MSG_ERASURE_IS, s, NULL, 0};
    pid_t pid = serve(&script);

    ck_assert_int_eq(run("erasure", "prove", option, NULL), CTL_OK);
    assert_served(pid);
}

START_TEST(an_erased_child_leaves_answers_and_a_last_day)
{
    struct shape_erasure_state s = {
        .answers = 2, .erased_on = {2026, 11, 23}, .copies_end_on = {2026, 11, 30}};

    prove(&s, NULL);
    ck_assert_ptr_nonnull(strstr(printed, "Live store: 0 photos, no record, 0 keys.\n"));
    ck_assert_ptr_nonnull(strstr(printed, "Answers: 2 "));
    ck_assert_ptr_nonnull(
        strstr(printed, "last on 2026-11-23, can be read from no copy after 2026-11-30.\n"));
    ck_assert_ptr_null(strstr(printed, "still being finished"));
    ck_assert_ptr_null(strstr(printed, "What stands"));
    ck_assert_ptr_null(strstr(printed, "012345678"));
    s.open = 1;
    prove(&s, NULL);
    ck_assert_ptr_nonnull(strstr(printed, "still being finished"));
    prove(&s, "--json");
    ck_assert_ptr_nonnull(strstr(printed, "\"unfinished\": true"));
    ck_assert_ptr_nonnull(strstr(printed, "\"copies_end_on\": \"2026-11-30\""));
}
END_TEST

START_TEST(a_child_in_the_live_store_is_told_as_such)
{
    struct shape_erasure_state s = {.answers = 1, .record = 1, .photos = 1, .deks = 2};

    prove(&s, NULL);
    ck_assert_ptr_nonnull(strstr(printed, "Live store: 1 photos, the child's record, 2 keys.\n"));
    ck_assert_ptr_nonnull(strstr(printed, "ever erased, so copies live"));
    prove(&s, "--json");
    ck_assert_ptr_nonnull(strstr(printed, "\"erased_on\": null"));
    s.erased_on = (struct date){2026, 1, 2};
    s.copies_end_on = (struct date){2026, 1, 9};
    prove(&s, NULL);
    ck_assert_ptr_nonnull(strstr(printed, "was kept, or came after that erasure"));
}
END_TEST

START_TEST(a_child_nobody_named_is_told_as_such)
{
    struct shape_erasure_state s = {.answers = 0};

    prove(&s, NULL);
    ck_assert_ptr_nonnull(strstr(printed, "no roster ever named this child"));
    ck_assert_ptr_nonnull(strstr(printed, "nothing of this child was ever erased.\n"));
}
END_TEST

START_TEST(a_purge_prints_its_certificate)
{
    struct shape_purged p = {
        .leaf = 7, .expired = 3, .lapsed = 4, .replaced = 5, .discarded = 6, .copies_end_on = {2026, 11, 30}};
    const struct script script = {MSG_PURGE, MSG_PURGED, &p, NULL, 0};
    pid_t pid = serve(&script);

    ck_assert_int_eq(run("purge", NULL), CTL_OK);
    ck_assert_ptr_nonnull(strstr(printed, "3 photos two years old, 5 replaced or undone, 4 children"));
    ck_assert_ptr_nonnull(strstr(printed, "6 batches that nobody committed"));
    ck_assert_ptr_nonnull(
        strstr(printed, "audit leaf 7. The last copy of what was erased is dead by 2026-11-30."));
    assert_served(pid);
    pid = serve(&script);
    ck_assert_int_eq(run("purge", "--json", NULL), CTL_OK);
    ck_assert_ptr_nonnull(strstr(printed, "\"lapsed\": 4"));
    ck_assert_ptr_nonnull(strstr(printed, "\"discarded\": 6"));
    assert_served(pid);
}
END_TEST

/* Runs forecast against the first len bytes of two rows that came in the wrong order. */
static enum ctl_exit forecast(size_t cut)
{
    const struct shape_forecast_row rows[] = {{.district = "0487", .month = "2028-09", .photos = 30},
                                              {.district = "0098", .month = "2027-10", .photos = 12}};
    CLEANUP(buf) struct buf *b = NULL;
    struct script script = {MSG_FORECAST, MSG_FORECAST_IS, NULL, NULL, 0};
    struct pack p;
    enum ctl_exit code;
    pid_t pid;

    ck_assert_int_eq(buf_new(&b, 4096), OK);
    p = PACK(b);
    for (size_t i = 0; i < 2; i++)
        pack_forecast_row(&p, &rows[i]);
    ck_assert_int_eq(pack_end(&p), OK);
    script.rows = buf_bytes(b);
    script.rows_len = buf_len(b) - cut;
    pid = serve(&script);
    code = run("forecast", NULL);
    assert_served(pid);
    return code;
}

START_TEST(a_forecast_is_sorted_and_summed)
{
    ck_assert_int_eq(forecast(0), CTL_OK);
    ck_assert_str_eq(printed, "DISTRICT  ENDS IN  PHOTOS\n"
                              "0098      2027-10      12\n"
                              "0487      2028-09      30\n"
                              "all                    42\n");
}
END_TEST

START_TEST(a_forecast_cut_short_is_refused)
{
    ck_assert_int_eq(forecast(1), CTL_FAILED);
    ck_assert_str_eq(printed, "");
}
END_TEST

START_TEST(the_state_of_the_keys_is_shown)
{
    struct shape_keys_status s = {.seal = "passphrase",
                                  .root_epoch = 2,
                                  .changing = 1,
                                  .share_set = "7f3a91c2",
                                  .ring_epoch = 5,
                                  .deks = 90,
                                  .rotating = 1,
                                  .suite = "AES-256-GCM\033[2J"};
    const struct script script = {MSG_KEYS_STATUS, MSG_KEYS_ARE, &s, NULL, 0};
    pid_t pid = serve(&script);

    ck_assert_int_eq(run("keys", "status", NULL), CTL_OK);
    ck_assert_ptr_nonnull(strstr(printed, "seal method     passphrase\n"));
    ck_assert_ptr_nonnull(strstr(printed, "epoch 2, since init\n"));
    ck_assert_ptr_nonnull(strstr(printed, "until photod starts by the new one"));
    ck_assert_ptr_nonnull(strstr(printed, "set 7f3a91c2\n"));
    ck_assert_ptr_nonnull(strstr(printed, "epoch 5, since the first start\n"));
    ck_assert_ptr_nonnull(strstr(printed, "under way"));
    ck_assert_ptr_null(strchr(printed, '\033'));
    assert_served(pid);
    pid = serve(&script);
    ck_assert_int_eq(run("keys", "status", "--json", NULL), CTL_OK);
    ck_assert_ptr_nonnull(strstr(printed, "\"since\": null"));
    assert_served(pid);
}
END_TEST

START_TEST(a_rotation_that_outlives_the_answer_goes_on)
{
    const struct script dies = {MSG_KEYS_ROTATE, MSG_COUNT, NULL, NULL, 0};
    pid_t pid = serve(&dies);

    ck_assert_int_eq(run("keys", "rotate", NULL), CTL_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(said, "goes on by itself"));
    assert_served(pid);
}
END_TEST

START_TEST(the_clock_is_accepted)
{
    struct shape_done done = {.leaf = 3};
    const struct script script = {MSG_CLOCK_ACCEPT, MSG_DONE, &done, NULL, 0};
    pid_t pid = serve(&script);

    ck_assert_int_eq(run("clock", "accept", NULL), CTL_OK);
    ck_assert_ptr_nonnull(strstr(printed, "audit leaf 3"));
    assert_served(pid);
}
END_TEST

SUITE_IN("ctl_erasure", set_up, tear_down, an_erased_child_leaves_answers_and_a_last_day,
         a_child_in_the_live_store_is_told_as_such, a_child_nobody_named_is_told_as_such,
         a_purge_prints_its_certificate, a_forecast_is_sorted_and_summed, a_forecast_cut_short_is_refused,
         the_state_of_the_keys_is_shown, a_rotation_that_outlives_the_answer_goes_on, the_clock_is_accepted)
