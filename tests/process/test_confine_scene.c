#include "tests/process/test_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_directory(char path[static PATH_MAX])
{
    int dir, file;

    (void)snprintf(path, PATH_MAX, "/tmp/test_confine.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    file = openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(file, "there", 5), 5);
    (void)close(file);
    ck_assert_int_eq(mkdirat(dir, "sub", 0700), 0);
    return dir;
}

static void listen_tcp(struct scene *s)
{
    socklen_t len = sizeof s->address;

    s->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&s->address, sizeof s->address), 0);
    ck_assert_int_eq(listen(s->listener, 16), 0);
    ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&s->address, &len), 0);
    s->stranger = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void listen_unix(struct scene *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    (void)snprintf(a.sun_path, sizeof a.sun_path, "%.80s/socket", s->outside_path);
    s->unix_listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    s->unix_client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->unix_listener, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(s->unix_listener, 16), 0);
    ck_assert_int_eq(connect(s->unix_client, (struct sockaddr *)&a, sizeof a), 0);
}

void scene_set(struct scene *s)
{
    s->inside = make_directory(s->inside_path);
    s->outside = make_directory(s->outside_path);
    listen_tcp(s);
    listen_unix(s);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->channel), 0);
    s->victim = fork();
    if (s->victim == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            (void)pause();
    }
}

static void remove_directory(int dir, const char *path)
{
    static const char *const names[] = {"file",      "moved",    "new",     "socket",
                                        "sub/moved", "data.mdb", "lock.mdb"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlinkat(dir, names[i], 0);
    (void)unlinkat(dir, "sub", AT_REMOVEDIR);
    (void)unlinkat(dir, "made", AT_REMOVEDIR);
    (void)close(dir);
    ck_assert_int_eq(rmdir(path), 0);
}

void scene_clear(struct scene *s)
{
    const int sockets[] = {s->listener,   s->stranger,      s->channel[0],
                           s->channel[1], s->unix_listener, s->unix_client};

    for (unsigned i = 0; i < sizeof sockets / sizeof sockets[0]; i++)
        (void)close(sockets[i]);
    (void)kill(s->victim, SIGKILL);
    (void)waitpid(s->victim, NULL, 0);
    remove_directory(s->inside, s->inside_path);
    remove_directory(s->outside, s->outside_path);
}

#define NOT_CONFINED 255

static _Noreturn void live(struct scene *s, int profile, act *a)
{
    struct confined got;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (profile != UNCONFINED &&
        confine(&got, (enum confine_profile)profile, &s->inside, profile == CONFINE_VAULT ? 1 : 0))
        _exit(NOT_CONFINED);
    _exit(a(s));
}

int outcome(struct scene *s, int profile, act *a)
{
    pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        live(s, profile, a);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return -WTERMSIG(status);
    ck_assert_msg(WEXITSTATUS(status) != NOT_CONFINED, "confine() failed");
    return WEXITSTATUS(status);
}

const char *outcome_text(int outcome)
{
    if (outcome == 0)
        return "success";
    return outcome < 0 ? strsignal(-outcome) : strerrorname_np(outcome);
}

void skip(const char *what, const char *why)
{
    (void)fprintf(stderr, "SKIP %s: %s\n", what, why);
}

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

    return abi > 0 ? (int)abi : 0;
}

int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
