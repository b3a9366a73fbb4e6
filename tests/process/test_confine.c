/*
 * What a confined process must not do, tried one by one from inside, and as a
 * control from a child that is not confined, where each act succeeds.
 */
#include "tests/process/test_confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct scene scene;

static int result(long rc)
{
    return rc < 0 ? errno : 0;
}

static int read_passwd(struct scene *s)
{
    (void)s;
    return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int read_outside(struct scene *s)
{
    return result(openat(s->outside, "file", O_RDONLY | O_CLOEXEC));
}

static int read_by_openat2(struct scene *s)
{
    uint64_t how[3] = {O_RDONLY | O_CLOEXEC, 0, 0};

    return result(syscall(SYS_openat2, s->outside, "file", how, sizeof how));
}

static int write_outside(struct scene *s)
{
    return result(openat(s->outside, "file", O_WRONLY | O_CLOEXEC));
}

static int create_outside(struct scene *s)
{
    return result(openat(s->outside, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int create_beside(struct scene *s)
{
    if (openat(s->inside, "../test_confine_stray", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0)
        return errno;
    return result(unlink("/tmp/test_confine_stray"));
}

static int stat_path(struct scene *s)
{
    struct stat st;

    return result(stat(s->outside_path, &st));
}

static int list_outside(struct scene *s)
{
    return result(openat(s->outside, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int unlink_outside(struct scene *s)
{
    return result(unlinkat(s->outside, "file", 0));
}

static int rename_outside(struct scene *s)
{
    return result(renameat(s->outside, "file", s->outside, "moved"));
}

static int rename_out(struct scene *s)
{
    return result(renameat(s->inside, "file", s->outside, "moved"));
}

static int mkdir_outside(struct scene *s)
{
    return result(mkdirat(s->outside, "made", 0700));
}

static int link_inside(struct scene *s)
{
    return result(symlinkat("/etc/passwd", s->inside, "new"));
}

static int chmod_inside(struct scene *s)
{
    return result(fchmodat(s->inside, "file", 0644, 0));
}

static int make_socket(struct scene *s)
{
    (void)s;
    return result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_unix_socket(struct scene *s)
{
    (void)s;
    return result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_socketpair(struct scene *s)
{
    int fds[2];

    (void)s;
    return result(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
}

static int connect_tcp(struct scene *s)
{
    return result(connect(s->stranger, (struct sockaddr *)&s->address, sizeof s->address));
}

static int connect_unix(struct scene *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    (void)snprintf(a.sun_path, sizeof a.sun_path, "%.80s/socket", s->outside_path);
    return result(connect(s->unix_client, (struct sockaddr *)&a, sizeof a)) == EISCONN ? 0 : errno;
}

static int bind_tcp(struct scene *s)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return result(bind(s->stranger, (struct sockaddr *)&any, sizeof any));
}

static int listen_anew(struct scene *s)
{
    return result(listen(s->listener, 4));
}

/* A connection without connect(), even without socket(): the listener becomes the client. */
static int connect_by_sendmsg(struct scene *s)
{
    struct iovec part = {(void *)(uintptr_t) "x", 1};
    struct msghdr h = {
        .msg_name = &s->address, .msg_namelen = sizeof s->address, .msg_iov = &part, .msg_iovlen = 1};

    return result(sendmsg(s->stranger, &h, MSG_FASTOPEN | MSG_NOSIGNAL));
}

static int connect_by_sendto(struct scene *s)
{
    return result(sendto(s->stranger, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&s->address,
                         sizeof s->address));
}

static int set_odd_option(struct scene *s)
{
    int on = 1;

    return result(setsockopt(s->stranger, SOL_SOCKET, SO_BROADCAST, &on, sizeof on));
}

static int execute(struct scene *s)
{
    char *list[] = {(char *)(uintptr_t) "true", NULL};

    (void)s;
    return result(execv("/bin/true", list));
}

static int fork_child(struct scene *s)
{
    pid_t pid = fork();

    (void)s;
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int leave_shared_state(struct scene *s)
{
    (void)s;
    return result(unshare(CLONE_FS));
}

static int run_shell(struct scene *s)
{
    (void)s;
    return system("exit 0") == 0 ? 0 : errno;
}

static int trace_victim(struct scene *s)
{
    return result(ptrace(PTRACE_SEIZE, s->victim, NULL, NULL));
}

static int read_victim(struct scene *s)
{
    char here;
    struct iovec to = {&here, 1}, from = {(void *)(uintptr_t) "x", 1};

    return result(process_vm_readv(s->victim, &to, 1, &from, 1, 0));
}

static int kill_victim(struct scene *s)
{
    return result(kill(s->victim, SIGCONT));
}

static int kill_parent(struct scene *s)
{
    (void)s;
    return result(kill(getppid(), SIGCONT));
}

static int kill_victims_thread(struct scene *s)
{
    return result(syscall(SYS_tgkill, s->victim, s->victim, SIGCONT));
}

/* F_SETOWN and F_SETSIG make the kernel send any signal when the descriptor turns readable. */
static int kill_by_descriptor(struct scene *s)
{
    return result(fcntl(s->channel[0], F_SETOWN, s->victim));
}

static int become_another(struct scene *s)
{
    (void)s;
    return result(setresuid(getuid(), getuid(), getuid()));
}

static int mprotect_executable(struct scene *s)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)s;
    return page == MAP_FAILED ? ENOMEM : result(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int map_executable(struct scene *s)
{
    int fd = memfd_create("code", MFD_CLOEXEC);

    (void)s;
    if (fd < 0 || ftruncate(fd, 4096))
        return EIO;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) == MAP_FAILED ? errno : 0;
}

static int show_memory(struct scene *s)
{
    (void)s;
    return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int change_limit(struct scene *s)
{
    const struct rlimit none = {0, 0};

    (void)s;
    return result(setrlimit(RLIMIT_CORE, &none));
}

static int accept_connection(struct scene *s)
{
    return result(accept4(s->unix_listener, NULL, NULL, SOCK_CLOEXEC));
}

static int lock_memory(struct scene *s)
{
    static char page[4096];

    (void)s;
    return result(mlock(page, sizeof page));
}

static int grow_past_file_limit(struct scene *s)
{
    (void)s;
    return result(ftruncate(memfd_create("large", MFD_CLOEXEC), (off_t)65 << 20));
}

enum note { PLAIN, RELEASE_ONLY, NEEDS_LANDLOCK };

#define ROW(act, ...)                                                                                        \
    {                                                                                                        \
#act, act, __VA_ARGS__                                                                               \
    }

/* Outcome in web, vault, intake; 0: this one may. */
static const struct trial {
    const char *name;
    act *act;
    int expected[3];
    enum note note;
} trials[] = {
    ROW(read_passwd, {EACCES, EACCES, EACCES}, RELEASE_ONLY),
    ROW(read_outside, {EACCES, EACCES, EACCES}, RELEASE_ONLY),
    ROW(read_by_openat2, {EACCES, EACCES, EACCES}, RELEASE_ONLY),
    ROW(list_outside, {EACCES, EACCES, EACCES}, RELEASE_ONLY),
    ROW(stat_path, {EACCES, 0, EACCES}, RELEASE_ONLY),
    ROW(write_outside, {EACCES, EACCES, EACCES}, NEEDS_LANDLOCK),
    ROW(create_outside, {EACCES, EACCES, EACCES}, NEEDS_LANDLOCK),
    ROW(create_beside, {EACCES, EACCES, EACCES}, NEEDS_LANDLOCK),
    ROW(unlink_outside, {EACCES, EACCES, EACCES}, NEEDS_LANDLOCK),
    ROW(rename_outside, {EACCES, EACCES, EACCES}, NEEDS_LANDLOCK),
    ROW(rename_out, {EACCES, EACCES, EACCES}, NEEDS_LANDLOCK),
    ROW(mkdir_outside, {EACCES, EACCES, EACCES}, NEEDS_LANDLOCK),
    ROW(link_inside, {EACCES, EACCES, EACCES}, PLAIN),
    ROW(chmod_inside, {EPERM, EPERM, EPERM}, PLAIN),
    ROW(make_socket, {DIES, DIES, DIES}, PLAIN),
    ROW(make_unix_socket, {DIES, DIES, DIES}, PLAIN),
    ROW(make_socketpair, {DIES, DIES, DIES}, PLAIN),
    ROW(connect_tcp, {DIES, DIES, DIES}, PLAIN),
    ROW(connect_unix, {DIES, DIES, DIES}, PLAIN),
    ROW(connect_by_sendmsg, {DIES, DIES, DIES}, PLAIN),
    ROW(connect_by_sendto, {DIES, DIES, DIES}, PLAIN),
    ROW(bind_tcp, {DIES, DIES, DIES}, PLAIN),
    ROW(listen_anew, {DIES, DIES, DIES}, PLAIN),
    ROW(set_odd_option, {EPERM, EPERM, EPERM}, PLAIN),
    ROW(accept_connection, {0, 0, EPERM}, PLAIN),
    ROW(execute, {DIES, DIES, DIES}, PLAIN),
    ROW(fork_child, {DIES, DIES, DIES}, RELEASE_ONLY),
    ROW(run_shell, {DIES, DIES, DIES}, RELEASE_ONLY),
    ROW(leave_shared_state, {DIES, DIES, DIES}, PLAIN),
    ROW(trace_victim, {DIES, DIES, DIES}, RELEASE_ONLY),
    ROW(read_victim, {DIES, DIES, DIES}, RELEASE_ONLY),
    ROW(kill_victim, {DIES, DIES, DIES}, PLAIN),
    ROW(kill_parent, {DIES, DIES, DIES}, PLAIN),
    ROW(kill_victims_thread, {DIES, DIES, DIES}, PLAIN),
    ROW(kill_by_descriptor, {EPERM, EPERM, EPERM}, PLAIN),
    ROW(become_another, {DIES, DIES, DIES}, PLAIN),
    ROW(mprotect_executable, {EPERM, EPERM, EPERM}, PLAIN),
    ROW(map_executable, {EPERM, EPERM, EPERM}, PLAIN),
    ROW(show_memory, {EPERM, EPERM, EPERM}, RELEASE_ONLY),
    ROW(change_limit, {EPERM, EPERM, EPERM}, PLAIN),
    ROW(lock_memory, {EPERM, 0, EPERM}, RELEASE_ONLY),
    ROW(grow_past_file_limit, {EFBIG, 0, EFBIG}, PLAIN),
};

#define TRIALS ((int)(sizeof trials / sizeof trials[0]))

static bool skipped(const struct trial *t, int profile)
{
    bool by_landlock = t->note == NEEDS_LANDLOCK || (profile == CONFINE_VAULT && t->note == RELEASE_ONLY);

    if (SANITIZED && t->note == RELEASE_ONLY)
        skip(t->name, "a sanitizer needs it, or answers itself");
    else if (by_landlock && (profile == CONFINE_VAULT || SANITIZED) && t->expected[profile] == EACCES &&
             !landlock_abi())
        skip(t->name, "this kernel has no Landlock");
    else
        return false;
    return true;
}

static void expect(const struct trial *t, int profile)
{
    int got;

    if (skipped(t, profile))
        return;
    got = outcome(&scene, profile, t->act);
    ck_assert_msg(got == t->expected[profile], "%s in profile %d: %s, expected %s", t->name, profile,
                  outcome_text(got), outcome_text(t->expected[profile]));
}

START_TEST(an_unconfined_child_may_do_each_of_the_acts)
{
    int got = outcome(&scene, UNCONFINED, trials[_i].act);

    ck_assert_msg(got == 0, "%s: %s", trials[_i].name, outcome_text(got));
}
END_TEST

START_TEST(web_is_refused_or_dies_at_what_is_not_its_own)
{
    expect(&trials[_i], CONFINE_WEB);
}
END_TEST

START_TEST(the_vault_is_refused_or_dies_at_what_is_not_its_own)
{
    expect(&trials[_i], CONFINE_VAULT);
}
END_TEST

START_TEST(intake_is_refused_or_dies_at_what_is_not_its_own)
{
    expect(&trials[_i], CONFINE_INTAKE);
}
END_TEST

/* Called with zeros, which does nothing; whether the kernel has them or lets us does not matter. */
static const struct door {
    const char *name;
    long call;
    bool parent; /* closed to it too */
} doors[] = {
#define DOOR(call, parent)                                                                                   \
    {                                                                                                        \
#call, SYS_##call, parent                                                                            \
    }
    DOOR(bpf, true),
    DOOR(perf_event_open, true),
    DOOR(userfaultfd, true),
    DOOR(io_uring_setup, true),
    DOOR(io_uring_enter, true),
    DOOR(io_uring_register, true),
    DOOR(add_key, true),
    DOOR(request_key, true),
    DOOR(keyctl, true),
    DOOR(process_vm_writev, true),
    DOOR(pidfd_getfd, true),
    DOOR(kcmp, true),
    DOOR(open_by_handle_at, true),
    DOOR(mount, true),
    DOOR(umount2, true),
    DOOR(pivot_root, true),
    DOOR(fsopen, true),
    DOOR(move_mount, true),
    DOOR(init_module, true),
    DOOR(finit_module, true),
    DOOR(kexec_load, true),
    DOOR(swapon, true),
    DOOR(reboot, true),
    DOOR(clock_settime, true),
    DOOR(setns, false),
    DOOR(unshare, false),
    DOOR(execveat, false),
    DOOR(pidfd_open, false),
    DOOR(pidfd_send_signal, false),
    DOOR(rt_sigqueueinfo, false),
    DOOR(tkill, false),
    DOOR(setuid, false),
    DOOR(setgroups, false),
    DOOR(chroot, false),
#undef DOOR
};

#define DOORS ((int)(sizeof doors / sizeof doors[0]))

static long door_call;

static int try_door(struct scene *s)
{
    (void)s;
    (void)syscall(door_call, 0, 0, 0, 0, 0, 0);
    return 0;
}

START_TEST(a_door_of_the_kernel_is_death_to_whom_it_is_closed)
{
    const struct door *d = &doors[_i];

    door_call = d->call;
    ck_assert_msg(outcome(&scene, UNCONFINED, try_door) == 0, "%s, unconfined", d->name);
    for (int profile = CONFINE_WEB; profile <= CONFINE_UNSEAL; profile++) {
        int got = outcome(&scene, profile, try_door),
            expected = profile != CONFINE_PARENT || d->parent ? DIES : 0;

        ck_assert_msg(got == expected, "%s in profile %d: %s", d->name, profile, outcome_text(got));
    }
}
END_TEST

static int call_clone3(struct scene *s)
{
    (void)s;
    return result(syscall(SYS_clone3, NULL, 0));
}

START_TEST(clone3_is_not_implemented)
{
    ck_assert_int_eq(outcome(&scene, UNCONFINED, call_clone3), EINVAL);
    for (int profile = CONFINE_WEB; profile <= CONFINE_INTAKE; profile++)
        ck_assert_int_eq(outcome(&scene, profile, call_clone3), ENOSYS);
}
END_TEST

static int call_unknown(struct scene *s)
{
    (void)s;
    return result(syscall(4000));
}

START_TEST(a_call_nobody_has_heard_of_is_not_permitted)
{
    ck_assert_int_eq(outcome(&scene, UNCONFINED, call_unknown), ENOSYS);
    for (int profile = CONFINE_WEB; profile <= CONFINE_INTAKE; profile++)
        ck_assert_int_eq(outcome(&scene, profile, call_unknown), EPERM);
}
END_TEST

#ifdef __x86_64__
static int call_x32(struct scene *s)
{
    (void)s;
    (void)syscall(0x40000000L | SYS_getpid);
    return 0;
}

START_TEST(a_call_of_another_architecture_kills)
{
    ck_assert_int_eq(outcome(&scene, UNCONFINED, call_x32), 0);
    for (int profile = CONFINE_WEB; profile <= CONFINE_UNSEAL; profile++)
        ck_assert_int_eq(outcome(&scene, profile, call_x32), DIES);
}
END_TEST
#endif

static struct sockaddr_in elsewhere;

/* The listener web inherits would do for it, once it is shut down. */
static int connect_with_listener(struct scene *s)
{
    struct iovec part = {(void *)(uintptr_t) "x", 1};
    struct msghdr h = {
        .msg_name = &elsewhere, .msg_namelen = sizeof elsewhere, .msg_iov = &part, .msg_iovlen = 1};

    (void)shutdown(s->listener, SHUT_RD);
    return result(sendmsg(s->listener, &h, MSG_FASTOPEN | MSG_NOSIGNAL));
}

START_TEST(web_cannot_turn_its_listener_into_a_client)
{
    socklen_t len = sizeof elsewhere;
    int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    elsewhere = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(bind(target, (struct sockaddr *)&elsewhere, sizeof elsewhere), 0);
    ck_assert_int_eq(listen(target, 4), 0);
    ck_assert_int_eq(getsockname(target, (struct sockaddr *)&elsewhere, &len), 0);
    ck_assert_int_eq(outcome(&scene, CONFINE_WEB, connect_with_listener), DIES);
    ck_assert_int_lt(accept4(target, NULL, NULL, SOCK_CLOEXEC), 0);
    ck_assert_int_eq(outcome(&scene, UNCONFINED, connect_with_listener), 0);
    ck_assert_int_ge(accept4(target, NULL, NULL, SOCK_CLOEXEC), 0);
    (void)close(target);
}
END_TEST

static void set(void)
{
    scene_set(&scene);
}

static void clear(void)
{
    scene_clear(&scene);
}

int main(void)
{
    Suite *s = suite_create("confine");
    TCase *t = tcase_create("forbidden");

    tcase_add_checked_fixture(t, set, clear);
    tcase_add_loop_test(t, an_unconfined_child_may_do_each_of_the_acts, 0, TRIALS);
    tcase_add_loop_test(t, web_is_refused_or_dies_at_what_is_not_its_own, 0, TRIALS);
    tcase_add_loop_test(t, the_vault_is_refused_or_dies_at_what_is_not_its_own, 0, TRIALS);
    tcase_add_loop_test(t, intake_is_refused_or_dies_at_what_is_not_its_own, 0, TRIALS);
    tcase_add_loop_test(t, a_door_of_the_kernel_is_death_to_whom_it_is_closed, 0, DOORS);
    tcase_add_test(t, clone3_is_not_implemented);
    tcase_add_test(t, a_call_nobody_has_heard_of_is_not_permitted);
#ifdef __x86_64__
    tcase_add_test(t, a_call_of_another_architecture_kills);
#endif
    tcase_add_test(t, web_cannot_turn_its_listener_into_a_client);
    suite_add_tcase(s, t);
    return run_suite(s);
}
