/*
 * Escapes from inside a real photod-intake: libescape.c is in the worker and
 * acts when a picture is being judged.  Each act has its expected end; on a
 * worker whose confinement is off, each succeeds.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/process/intake_rig.h"

#define DIES (-SIGSYS)
#define NONE (-1000) /* it said nothing and lives */

static const struct trial {
    const char *act;
    int expected; /* an errno, or death by the filter */
} trials[] = {
    {"open", EACCES},     {"list", EACCES},  {"write", EACCES}, {"create", EACCES},
    {"remove", EACCES},   {"connect", DIES}, {"local", DIES},   {"exec", DIES},
    {"fork", DIES},       {"kill", DIES},    {"ptrace", DIES},  {"vm-read", DIES},
    {"proc-mem", EACCES}, {"code", EPERM},   {"unshare", DIES}, {"chdir", EACCES},
};

#define TRIALS ((int)(sizeof trials / sizeof trials[0]))

static struct {
    char dir[64];
    int tcp, local;
    pid_t victim;
    struct rig rig;
    int said; /* the worker's standard error */
} here;

static void listen_on(int fd, const void *address, socklen_t len)
{
    ck_assert_int_eq(bind(fd, address, len), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
}

static void set_number(const char *name, unsigned long value)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%lu", value);
    ck_assert_int_eq(setenv(name, text, 1), 0);
}

static void make_outside(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    socklen_t len = sizeof a;
    char path[96];
    int fd;

    (void)snprintf(here.dir, sizeof here.dir, "/tmp/photod-escape.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(here.dir));
    (void)snprintf(path, sizeof path, "%s/file", here.dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, "there", 5), 5);
    (void)close(fd);
    here.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    listen_on(here.tcp, &a, sizeof a);
    ck_assert_int_eq(getsockname(here.tcp, (struct sockaddr *)&a, &len), 0);
    here.local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(u.sun_path, sizeof u.sun_path, "%s/socket", here.dir);
    listen_on(here.local, &u, sizeof u);
    here.victim = fork();
    if (here.victim == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGUSR1, SIG_IGN);
        for (;;)
            (void)pause();
    }
    ck_assert_int_eq(setenv("ESCAPE_DIR", here.dir, 1), 0);
    set_number("ESCAPE_PORT", ntohs(a.sin_port));
    set_number("ESCAPE_PID", (unsigned long)here.victim);
    set_number("ESCAPE_ADDRESS", (unsigned long)(uintptr_t)&here); /* the victim is a copy of us */
}

static void clear_outside(void)
{
    static const char *const names[] = {"file", "socket", "escaped"};
    char path[96];

    rig_clear(&here.rig);
    (void)kill(here.victim, SIGKILL);
    (void)waitpid(here.victim, NULL, 0);
    (void)close(here.tcp);
    (void)close(here.local);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", here.dir, names[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(here.dir), 0);
}

/* The worker, with the act inside it; what it says on standard error comes to us. */
static void start_worker(const char *program, const char *act)
{
    int ends[2], before = dup(STDERR_FILENO);

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(setenv("ESCAPE_ACT", act, 1), 0);
    ck_assert_int_eq(setenv("LD_PRELOAD", ESCAPE_LIBRARY, 1), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    rig_program = program;
    rig_start(&here.rig, "");
    ck_assert_int_ge(dup2(before, STDERR_FILENO), 0);
    ck_assert_int_eq(unsetenv("LD_PRELOAD"), 0);
    (void)close(before);
    (void)close(ends[1]);
    here.said = ends[0];
}

static int read_said(void)
{
    char text[4096] = "";
    struct pollfd p = {.fd = here.said, .events = POLLIN};
    size_t len = 0;
    ssize_t n;

    while (len < sizeof text - 1 && poll(&p, 1, 200) == 1 &&
           (n = read(here.said, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    (void)close(here.said);
    return strstr(text, "escape: ") ? atoi(strstr(text, "escape: ") + 8) : NONE;
}

/*
 * Gives the worker a picture that is none: judging it is enough for the act.
 * Returns 0, an errno or minus the signal.  An act that was refused leaves a
 * worker that still answers.
 */
static int try_act(const char *program, const char *act)
{
    static const struct shape_image shapes = {.full_width = 1200,
                                              .full_height = 1500,
                                              .full_bytes = 397200,
                                              .standard_width = 480,
                                              .standard_height = 600,
                                              .standard_bytes = 98192,
                                              .mobile_width = 240,
                                              .mobile_height = 300,
                                              .mobile_bytes = 20000};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct pollfd p;
    int said, status;

    start_worker(program, act);
    rig_ask(&here.rig, STATE_IMAGE, MSG_IMAGE, &shapes, rig_bulk("no picture at all", 17));
    p = (struct pollfd){.fd = here.rig.vault.fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 10000), 1);
    if (channel_recv(&here.rig.vault, &m, true) == OK) {
        ck_assert_int_eq(m.type, MSG_IMAGE_FAULT);
        said = read_said();
        ck_assert_msg(said != NONE, "%s was not tried", act);
        return said;
    }
    said = read_said();
    status = rig_wait(&here.rig);
    if (WIFSIGNALED(status))
        return -WTERMSIG(status);
    return WEXITSTATUS(status) == 0 ? said : NONE; /* exec: the shell says it */
}

START_TEST(worker_that_was_taken_over_gets_nowhere)
{
    const struct trial *t = &trials[_i];
    int got = try_act(INTAKE_PROGRAM, t->act);

    ck_assert_msg(got == t->expected, "%s: %d, expected %d", t->act, got, t->expected);
}
END_TEST

START_TEST(worker_without_confinement_gets_everywhere)
{
    int got = try_act(BARE_PROGRAM, trials[_i].act);

    ck_assert_msg(got == 0, "%s: %d", trials[_i].act, got);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("escape");
    TCase *c = tcase_create("acts");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(c, make_outside, clear_outside);
    tcase_add_loop_test(c, worker_that_was_taken_over_gets_nowhere, 0, TRIALS);
    tcase_add_loop_test(c, worker_without_confinement_gets_everywhere, 0, TRIALS);
    tcase_set_timeout(c, 60);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
