#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/config.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/init_config.h"
#include "photod/ctl/options.h"
#include "photod/ctl/report.h"
#include "tests/unit/suite.h"

static char said[8192], printed[32768];

/* Runs photoctl's table with these words, keeping what it says and prints. */
static enum ctl_exit run(int argc, ...)
{
    const char *words[40] = {"photoctl"};
    FILE *err = tmpfile(), *out = tmpfile();
    int old_err = dup(STDERR_FILENO), old_out = dup(STDOUT_FILENO);
    enum ctl_exit code;
    va_list args;

    va_start(args, argc);
    for (int i = 1; i <= argc; i++)
        words[i] = va_arg(args, const char *);
    va_end(args);
    (void)fflush(stdout);
    (void)dup2(fileno(err), STDERR_FILENO);
    (void)dup2(fileno(out), STDOUT_FILENO);
    code = commands_run(argc + 1, (char **)(uintptr_t)words);
    (void)fflush(stdout);
    (void)dup2(old_err, STDERR_FILENO);
    (void)dup2(old_out, STDOUT_FILENO);
    (void)close(old_err);
    (void)close(old_out);
    rewind(err);
    said[fread(said, 1, sizeof said - 1, err)] = '\0';
    rewind(out);
    printed[fread(printed, 1, sizeof printed - 1, out)] = '\0';
    (void)fclose(err);
    (void)fclose(out);
    return code;
}

static unsigned lines_of(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

START_TEST(help_lists_every_command)
{
    ck_assert_int_eq(run(1, "--help"), CTL_OK);
    for (size_t i = 0; i < command_count; i++)
        ck_assert_ptr_nonnull(strstr(printed, commands[i].words));
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(every_command_has_help_that_fits_a_terminal)
{
    for (size_t i = 0; i < command_count; i++) {
        char words[60], *second, usage[80];
        size_t column = 0;

        (void)snprintf(words, sizeof words, "%s", commands[i].words);
        (void)snprintf(usage, sizeof usage, "Usage: photoctl %s", words);
        second = strchr(words, ' ');
        if (second)
            *second++ = '\0';
        ck_assert_int_eq(second ? run(3, words, second, "--help") : run(2, words, "--help"), CTL_OK);
        ck_assert_mem_eq(printed, usage, strlen(usage));
        ck_assert_ptr_nonnull(strstr(printed, "  --help"));
        for (const char *p = printed; *p; p++) {
            column = *p == '\n' ? 0 : column + 1;
            ck_assert_uint_le(column, 80);
        }
    }
}
END_TEST

START_TEST(every_command_refuses_an_unknown_option_in_one_sentence)
{
    for (size_t i = 0; i < command_count; i++) {
        char words[60], *second;

        (void)snprintf(words, sizeof words, "%s", commands[i].words);
        second = strchr(words, ' ');
        if (second)
            *second++ = '\0';
        ck_assert_int_eq(second ? run(3, words, second, "--nonsense") : run(2, words, "--nonsense"),
                         CTL_USAGE);
        ck_assert_ptr_nonnull(strstr(said, "unknown option `--nonsense`"));
        ck_assert_uint_eq(lines_of(said), 1);
        ck_assert_str_eq(printed, "");
    }
}
END_TEST

START_TEST(a_secret_typed_as_an_option_is_not_repeated)
{
    ck_assert_int_eq(run(3, "credential", "issue", "--passphrase=hunter2"), CTL_USAGE);
    ck_assert_ptr_null(strstr(said, "hunter2"));
    ck_assert_int_eq(run(2, "lookup", "123456789"), CTL_USAGE);
    ck_assert_ptr_null(strstr(said, "123456789"));
}
END_TEST

START_TEST(a_missing_option_is_named)
{
    ck_assert_int_eq(run(1, "init"), CTL_USAGE);
    ck_assert_ptr_nonnull(strstr(said, "--state DIR is missing"));
    ck_assert_int_eq(run(3, "init", "--state", "/nonexistent/x"), CTL_USAGE);
    ck_assert_ptr_nonnull(strstr(said, "--consent-policy"));
}
END_TEST

START_TEST(a_value_that_is_missing_or_given_twice_is_named)
{
    ck_assert_int_eq(run(2, "status", "--socket"), CTL_USAGE);
    ck_assert_ptr_nonnull(strstr(said, "a value must follow `--socket`"));
    ck_assert_int_eq(run(5, "status", "--socket", "/a", "--socket", "/b"), CTL_USAGE);
    ck_assert_ptr_nonnull(strstr(said, "--socket is given twice"));
}
END_TEST

START_TEST(too_many_or_too_few_operands_are_refused)
{
    ck_assert_int_eq(run(2, "status", "extra"), CTL_USAGE);
    ck_assert_int_eq(run(2, "audit", "verify"), CTL_USAGE);
    ck_assert_ptr_nonnull(strstr(said, "expected DIR"));
    ck_assert_int_eq(run(3, "district", "add", "0123"), CTL_USAGE);
}
END_TEST

START_TEST(an_unknown_command_is_refused)
{
    ck_assert_int_eq(run(0), CTL_USAGE);
    ck_assert_int_eq(run(1, "audit"), CTL_USAGE);
    ck_assert_int_eq(run(2, "audit", "everything"), CTL_USAGE);
    ck_assert_ptr_nonnull(strstr(said, "`audit everything`"));
    ck_assert_uint_eq(lines_of(said), 1);
}
END_TEST

START_TEST(what_was_typed_cannot_drive_the_terminal)
{
    ck_assert_int_eq(run(1, "\033[2J"), CTL_USAGE);
    ck_assert_ptr_null(strchr(said, '\033'));
}
END_TEST

START_TEST(a_missing_socket_is_unreachable)
{
    ck_assert_int_eq(run(3, "status", "--socket", "/nonexistent/photod.sock"), CTL_UNREACHABLE);
    ck_assert_uint_eq(lines_of(said), 1);
}
END_TEST

START_TEST(ill_formed_arguments_are_usage_errors)
{
    ck_assert_int_eq(run(6, "district", "add", "12", "Name", "--socket", "/x"), CTL_USAGE);
    ck_assert_int_eq(run(6, "agency", "add", "mt0250100", "Name", "--socket", "/x"), CTL_USAGE);
    ck_assert_int_eq(run(12, "credential", "issue", "--agency", "MT0250100", "--label", "a/b", "--out",
                         "/tmp", "--ca-dir", "/x", "--socket", "/x"),
                     CTL_USAGE);
    ck_assert_int_eq(run(12, "key", "issue", "--district", "0123", "--label", "a", "--out", "/nonexistent/k",
                         "--days", "0", "--socket", "/x"),
                     CTL_USAGE);
    ck_assert_int_eq(
        run(9, "upload", "--url", "https://x", "--ca", "/x", "--key-file", "/x", "--district", "0123"),
        CTL_USAGE);
    ck_assert_int_eq(run(4, "audit", "verify", "/nonexistent", "--vkey=x"), CTL_USAGE);
}
END_TEST

START_TEST(the_configuration_made_is_one_that_photod_reads)
{
    static const struct init_values values[] = {
        {"state", "/s"},      {"socket", "/s/k"}, {"tls_certificate", "/c"}, {"tls_key", "/k"},
        {"tls_ca", "/ca"},    {"tls_crl", "/l"},  {"root_key", "/r"},        {"confinement", "same-user"},
        {"law_listen", NULL},
    };
    CLEANUP(buf) struct buf *text = NULL;
    CLEANUP(heap) struct config *c = calloc(1, sizeof *c);
    struct config_fault fault = {.text = ""};
    size_t column = 0;

    ck_assert_int_eq(buf_new(&text, 1u << 20), OK);
    ck_assert_int_eq(init_config(text, values, sizeof values / sizeof values[0]), OK);
    ck_assert_int_eq(config_parse(c, &fault, buf_text(text), buf_len(text)), OK);
    ck_assert_str_eq(c->state, "/s");
    ck_assert_str_eq(c->confinement, "same-user");
    ck_assert_str_eq(c->law_listen, "127.0.0.1:8443");
    ck_assert_ptr_nonnull(strstr(buf_text(text), "#law_listen = 127.0.0.1:8443\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(text), "#intake_workers = 3\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(text), "# the state directory\nstate = /s\n"));
    for (const char *p = buf_text(text); *p; p++) {
        column = *p == '\n' ? 0 : column + 1;
        ck_assert_uint_le(column, 120);
    }
}
END_TEST

START_TEST(a_report_written_as_tsv_keeps_its_columns)
{
    json_t *answer = json_pack("{s:[{s:i, s:s, s:s, s:s, s:s, s:s}]}", "rows", "line", 3, "file",
                               "a\tb\n.jpg", "state_id", "012345678", "outcome", "not-on-roster", "advice",
                               "Send the roster.", "note", "Padded\there.");
    char path[] = "/tmp/photod-report-XXXXXX", line[300];
    int fd = mkstemp(path);
    FILE *f;

    (void)close(fd);
    (void)unlink(path);
    ck_assert_int_eq(report_write_tsv(answer, path), CTL_OK);
    f = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    ck_assert_str_eq(line, "3\ta b .jpg\t012345678\tnot-on-roster\tSend the roster.\tPadded here.\n");
    (void)fclose(f);
    ck_assert_int_eq(report_write_tsv(answer, path), CTL_FAILED); /* nothing is overwritten */
    (void)unlink(path);
    json_decref(answer);
}
END_TEST

SUITE("ctl_options", help_lists_every_command, every_command_has_help_that_fits_a_terminal,
      every_command_refuses_an_unknown_option_in_one_sentence, a_secret_typed_as_an_option_is_not_repeated,
      a_missing_option_is_named, a_value_that_is_missing_or_given_twice_is_named,
      too_many_or_too_few_operands_are_refused, an_unknown_command_is_refused,
      what_was_typed_cannot_drive_the_terminal, a_missing_socket_is_unreachable,
      ill_formed_arguments_are_usage_errors, the_configuration_made_is_one_that_photod_reads,
      a_report_written_as_tsv_keeps_its_columns)
