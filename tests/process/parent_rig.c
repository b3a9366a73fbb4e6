#include "parent_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "photod/base/clock.h"

#define PATIENCE_MS     10000

#define PEM(kind, mark) "-----BEGIN " kind "-----\n" mark "\n-----END " kind "-----\n"

static void path_of(char path[static 128], const struct rig *r, const char *name)
{
    (void)snprintf(path, 128, "%s/%s", r->dir, name);
}

static void copy_program(const struct rig *r, const char *from, const char *name)
{
    char to[128], bytes[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC), out;
    ssize_t n;

    path_of(to, r, name);
    out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    ck_assert_msg(in >= 0 && out >= 0, "copying %s: %s", from, strerror(errno));
    while ((n = read(in, bytes, sizeof bytes)) > 0)
        ck_assert_int_eq(write(out, bytes, (size_t)n), n);
    (void)close(in);
    (void)close(out);
}

void rig_write(const struct rig *r, const char *name, const char *content, mode_t mode)
{
    char path[128];
    FILE *f;

    path_of(path, r, name);
    (void)unlink(path);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(content, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

void rig_config(const struct rig *r, const char *more)
{
    static const char *const files[][2] = {{"state", "state"},       {"socket", "socket"},
                                           {"root_key", "root.key"}, {"tls_certificate", "cert.pem"},
                                           {"tls_key", "key.pem"},   {"tls_ca", "ca.pem"},
                                           {"tls_crl", "crl.pem"}};
    char text[4096];
    size_t len = 0;

    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++)
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s = %s/%s\n", files[i][0], r->dir, files[i][1]);
    (void)snprintf(text + len, sizeof text - len, "intake_workers = 2\n%s\n", more);
    rig_write(r, "photod.conf", text, 0644);
}

void rig_init(struct rig *r)
{
    char path[128];

    memset(r, 0, sizeof *r);
    r->lines = -1;
    (void)snprintf(r->dir, sizeof r->dir, "/tmp/photod-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(r->dir)); /* 0700: no other user gets here by name */
    copy_program(r, PHOTOD_PROGRAM, "photod");
    copy_program(r, FAKE_PROGRAM, "photod-vault");
    copy_program(r, FAKE_PROGRAM, "photod-web");
    copy_program(r, FAKE_PROGRAM, "photod-intake");
    path_of(path, r, "state");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    rig_write(r, "root.key", "rootkey", 0600);
    rig_write(r, "cert.pem", PEM("CERTIFICATE", "mark-1"), 0644);
    rig_write(r, "key.pem", PEM("PRIVATE KEY", "mark-2"), 0600);
    rig_write(r, "ca.pem", PEM("CERTIFICATE", "mark-3"), 0644);
    rig_write(r, "crl.pem", PEM("X509 CRL", "mark-4"), 0644);
    rig_config(r, "confinement = same-user\nlaw_listen = 127.0.0.1:0\noffice_listen = [::1]:0\n");
}

void rig_clear(struct rig *r)
{
    static const char *const names[] = {"photod",   "photod-vault", "photod-web", "photod-intake",
                                        "root.key", "cert.pem",     "key.pem",    "ca.pem",
                                        "crl.pem",  "photod.conf",  "socket",     "notify"};
    char path[128];

    if (r->pid) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
    }
    if (r->lines >= 0)
        (void)close(r->lines);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(path, r, names[i]);
        (void)unlink(path);
    }
    path_of(path, r, "state");
    (void)rmdir(path);
    (void)rmdir(r->dir);
}

void rig_start(struct rig *r, const char *argument)
{
    char program[128], config[128];
    int pipe_fds[2];

    path_of(program, r, "photod");
    path_of(config, r, "photod.conf");
    if (r->lines >= 0)
        (void)close(r->lines);
    r->rest_len = 0;
    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    r->pid = fork();
    ck_assert_int_ge(r->pid, 0);
    if (r->pid == 0) {
        (void)dup2(pipe_fds[1], STDERR_FILENO);
        (void)dup2(pipe_fds[1], STDOUT_FILENO);
        (void)execl(program, "photod", "--config", config, argument, (char *)NULL);
        _exit(99);
    }
    (void)close(pipe_fds[1]);
    r->lines = pipe_fds[0];
}

int rig_wait(struct rig *r)
{
    int status = -1;

    rig_drain(r);
    ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
    r->pid = 0;
    return status;
}

int rig_stop(struct rig *r)
{
    ck_assert_int_eq(kill(r->pid, SIGTERM), 0);
    return rig_wait(r);
}

/* The next line, cut out of rest into line.  0: none until then; -1: nobody writes any more. */
static int next_line(struct rig *r, char line[static 1024], int64_t until_ms)
{
    for (;;) {
        char *end = memchr(r->rest, '\n', r->rest_len);
        struct pollfd p = {.fd = r->lines, .events = POLLIN};
        int64_t left = until_ms - clock_steady_ms();
        ssize_t n;

        if (end) {
            size_t len = (size_t)(end - r->rest);

            (void)snprintf(line, 1024, "%.*s", (int)len, r->rest);
            r->rest_len -= len + 1;
            memmove(r->rest, end + 1, r->rest_len);
            n = snprintf(r->history + r->history_len, sizeof r->history - r->history_len, "%s\n", line);
            if (r->history_len + (size_t)n < sizeof r->history)
                r->history_len += (size_t)n;
            return 1;
        }
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return 0;
        n = read(r->lines, r->rest + r->rest_len, sizeof r->rest - r->rest_len);
        if (n <= 0)
            return -1;
        r->rest_len += (size_t)n;
    }
}

const char *rig_expect(struct rig *r, const char *text)
{
    static char line[1024];
    int64_t until_ms = clock_steady_ms() + PATIENCE_MS;

    while (next_line(r, line, until_ms) > 0)
        if (strstr(line, text))
            return line;
    ck_abort_msg("no line with `%s` after:\n%s", text, r->history);
    return NULL;
}

void rig_expect_all(struct rig *r, const char *const *texts, unsigned count)
{
    char line[1024];
    int64_t until_ms = clock_steady_ms() + PATIENCE_MS;
    bool seen[32] = {false};
    unsigned missing = count;

    while (missing) {
        if (next_line(r, line, until_ms) <= 0)
            break;
        for (unsigned i = 0; i < count; i++)
            if (!seen[i] && strstr(line, texts[i])) {
                seen[i] = true;
                missing--;
                break;
            }
    }
    for (unsigned i = 0; i < count; i++)
        if (!seen[i])
            ck_abort_msg("no line with `%s` after:\n%s", texts[i], r->history);
}

bool rig_sees(struct rig *r, const char *text, int ms)
{
    char line[1024];
    int64_t until_ms = clock_steady_ms() + ms;
    bool seen = false;

    while (next_line(r, line, until_ms) > 0)
        seen |= strstr(line, text) != NULL;
    return seen;
}

void rig_drain(struct rig *r)
{
    char line[1024];
    int64_t until_ms = clock_steady_ms() + 3 * PATIENCE_MS;
    int more;

    while ((more = next_line(r, line, until_ms)) > 0)
        ;
    ck_assert_msg(more < 0, "somebody stays:\n%s", r->history);
}

bool rig_saw(const struct rig *r, const char *text)
{
    return strstr(r->history, text) != NULL;
}

pid_t rig_pid(const char *line)
{
    const char *bracket = strrchr(line, '(');

    ck_assert_ptr_nonnull(bracket);
    return (pid_t)atoi(bracket + 1);
}
