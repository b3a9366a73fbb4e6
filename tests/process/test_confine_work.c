/*
 * What a confined process still may do, the limits it has, and the change of
 * user; the libraries' side of it is in test_confine_libraries.c.
 */
#include "tests/process/test_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct scene scene;

#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            return errno ? errno : EIO;                                                                      \
    } while (0)

static void *add_one(void *argument)
{
    free(malloc(100000));
    (void)pthread_setname_np(pthread_self(), "added");
    __atomic_add_fetch((int *)argument, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int start_threads(struct scene *s)
{
    pthread_t threads[8];
    int count = 0;

    (void)s;
    for (int i = 0; i < 8; i++)
        MUST((errno = pthread_create(&threads[i], NULL, add_one, &count)) == 0);
    for (int i = 0; i < 8; i++)
        MUST((errno = pthread_join(threads[i], NULL)) == 0);
    MUST(count == 8);
    return 0;
}

static int allocate(struct scene *s)
{
    (void)s;
    for (size_t len = 1; len <= (size_t)64 << 20; len *= 4) {
        unsigned char *bytes = malloc(len);

        MUST(bytes);
        memset(bytes, 1, len);
        bytes = realloc(bytes, len * 2);
        MUST(bytes);
        free(bytes);
    }
    return 0;
}

static int seal_memfd(struct scene *s)
{
    int fd = memfd_create("bulk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char *bytes;
    struct stat st;

    (void)s;
    MUST(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    bytes = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(bytes != MAP_FAILED);
    memset(bytes, 7, 1 << 20);
    MUST(munmap(bytes, 1 << 20) == 0);
    MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
    MUST(fcntl(fd, F_GET_SEALS) >= 0 && fstat(fd, &st) == 0 && st.st_size == 1 << 20);
    bytes = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, fd, 0);
    MUST(bytes != MAP_FAILED && bytes[4711] == 7);
    return 0;
}

union control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
};

static int pass_descriptor(struct scene *s)
{
    union control control = {0};
    char byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr h = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
    struct cmsghdr *m = CMSG_FIRSTHDR(&h);
    int fd = memfd_create("passed", MFD_CLOEXEC), got;

    m->cmsg_level = SOL_SOCKET;
    m->cmsg_type = SCM_RIGHTS;
    m->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(m), &fd, sizeof fd);
    MUST(fd >= 0 && write(fd, "hello", 5) == 5);
    MUST(sendmsg(s->channel[0], &h, MSG_NOSIGNAL) == 1);
    memset(&control, 0, sizeof control);
    MUST(recvmsg(s->channel[1], &h, MSG_CMSG_CLOEXEC) == 1);
    memcpy(&got, CMSG_DATA(m), sizeof got);
    MUST(lseek(got, 0, SEEK_END) == 5);
    return 0;
}

static int wait_and_tell_time(struct scene *s)
{
    const struct timespec moment = {0, 1000000};
    struct timespec now;
    struct pollfd p = {s->channel[0], POLLIN, 0};
    unsigned char bytes[32];
    int event = eventfd(1, EFD_CLOEXEC);
    uint64_t count;

    MUST(nanosleep(&moment, NULL) == 0);
    MUST(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    MUST(syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0);
    MUST(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    MUST(poll(&p, 1, 1) == 0);
    MUST(event >= 0 && read(event, &count, sizeof count) == sizeof count);
    return 0;
}

static int write_state_files(struct scene *s)
{
    char path[64];
    struct statvfs v;
    struct stat st;
    int dir, fd = openat(s->inside, "new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    MUST(fd >= 0 && write(fd, "state", 5) == 5);
    MUST(posix_fallocate(fd, 0, 65536) == 0 && ftruncate(fd, 4096) == 0);
    MUST(fdatasync(fd) == 0 && fsync(fd) == 0 && flock(fd, LOCK_EX) == 0);
    MUST(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}) == 0);
    MUST(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED) == 0);
    MUST(renameat(s->inside, "new", s->inside, "moved") == 0);
    MUST(renameat(s->inside, "moved", s->inside, "sub/moved") == 0);
    MUST(fsync(s->inside) == 0 && fstatvfs(s->inside, &v) == 0);
    MUST(fstatat(s->inside, "sub/moved", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == 4096);
    /* As LMDB is opened, whose interface knows only paths. */
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/sub/moved", s->inside);
    MUST((fd = open(path, O_RDWR | O_CLOEXEC)) >= 0);
    MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
    MUST(mkdirat(s->inside, "made", 0700) == 0 && unlinkat(s->inside, "made", AT_REMOVEDIR) == 0);
    MUST((dir = openat(s->inside, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
    MUST(syscall(SYS_getdents64, dir, (char[4096]){0}, 4096) > 0);
    MUST(unlinkat(s->inside, "sub/moved", 0) == 0);
    return 0;
}

static int lock_pages(struct scene *s)
{
    size_t len = (size_t)4 << 20;
    void *pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)s;
    MUST(pages != MAP_FAILED && madvise(pages, len, MADV_DONTDUMP) == 0);
    MUST(mlock(pages, len) == 0 && mprotect(pages, len, PROT_NONE) == 0);
    MUST(mprotect(pages, len, PROT_READ) == 0 && munlock(pages, len) == 0);
    return 0;
}

static int accept_and_ask_peer(struct scene *s)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    int fd = accept4(s->unix_listener, NULL, NULL, SOCK_CLOEXEC);

    MUST(fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getppid());
    return 0;
}

static int accept_tcp(struct scene *s)
{
    const struct timeval patience = {5, 0};
    const int on = 1;
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    char byte;
    int fd = accept4(s->listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

    MUST(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    MUST(setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on) == 0);
    MUST(recv(fd, &byte, 1, 0) == 1 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && shutdown(fd, SHUT_RDWR) == 0);
    return 0;
}

static volatile sig_atomic_t rang;

static void ring(int number)
{
    (void)number;
    rang = 1;
}

static int set_timer(struct scene *s)
{
    const struct itimerval soon = {.it_value = {0, 2000}};
    sigset_t none;

    (void)s;
    (void)signal(SIGALRM, ring);
    MUST(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    (void)sigemptyset(&none);
    while (!rang)
        (void)sigsuspend(&none);
    return 0;
}

#define WEB      1U
#define VAULT    2U
#define INTAKE   4U
#define CHILDREN 7U

static const struct work {
    const char *name;
    act *act;
    unsigned profiles;
} works[] = {
    {"start_threads", start_threads, CHILDREN},
    {"allocate", allocate, CHILDREN},
    {"seal_memfd", seal_memfd, CHILDREN},
    {"pass_descriptor", pass_descriptor, CHILDREN},
    {"wait_and_tell_time", wait_and_tell_time, CHILDREN},
    {"write_state_files", write_state_files, VAULT},
    {"lock_pages", lock_pages, VAULT},
    {"accept_and_ask_peer", accept_and_ask_peer, VAULT},
    {"set_timer", set_timer, INTAKE},
};

#define WORKS ((int)(sizeof works / sizeof works[0]))

START_TEST(a_confined_process_can_do_its_work)
{
    const struct work *w = &works[_i];

    for (int profile = CONFINE_WEB; profile <= CONFINE_INTAKE; profile++) {
        int got = w->profiles & 1U << profile ? outcome(&scene, profile, w->act) : 0;

        ck_assert_msg(got == 0, "%s in profile %d: %s", w->name, profile, outcome_text(got));
    }
}
END_TEST

START_TEST(web_serves_a_connection_on_the_listener_it_was_given)
{
    char byte = 'x';

    ck_assert_int_eq(connect(scene.stranger, (struct sockaddr *)&scene.address, sizeof scene.address), 0);
    ck_assert_int_eq(send(scene.stranger, &byte, 1, 0), 1);
    ck_assert_int_eq(outcome(&scene, CONFINE_WEB, accept_tcp), 0);
    ck_assert_int_eq(recv(scene.stranger, &byte, 1, 0), 1);
}
END_TEST

static int start_thread_and_confine(struct scene *s, enum confine_profile profile, void *(*run)(void *))
{
    struct confined got;
    pthread_t thread;
    enum err e;

    MUST(pthread_create(&thread, NULL, run, s) == 0);
    e = confine(&got, profile, NULL, 0);
    MUST(write(s->channel[0], "x", 1) == 1);
    (void)pthread_join(thread, NULL);
    return e ? EBUSY : 0;
}

static void *socket_when_told(void *argument)
{
    const struct scene *s = argument;
    char byte;

    if (read(s->channel[1], &byte, 1) == 1)
        (void)socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return NULL;
}

static int confine_intake_late(struct scene *s)
{
    return start_thread_and_confine(s, CONFINE_INTAKE, socket_when_told);
}

static int confine_vault_late(struct scene *s)
{
    return start_thread_and_confine(s, CONFINE_VAULT, socket_when_told);
}

START_TEST(threads_that_run_already_are_filtered_too)
{
    ck_assert_int_eq(outcome(&scene, UNCONFINED, confine_intake_late), DIES);
}
END_TEST

START_TEST(the_vault_cannot_be_confined_once_it_has_threads)
{
    ck_assert_int_eq(outcome(&scene, UNCONFINED, confine_vault_late), EBUSY);
}
END_TEST

static bool is_limited(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit now;

    return getrlimit(resource, &now) == 0 && now.rlim_max <= most && now.rlim_cur <= most;
}

/* Every field of /proc/self/status that begins with Cap, by the kernel's own word for it. */
static int holds_nothing(struct scene *s)
{
    struct {
        unsigned version;
        int pid;
    } header = {0x20080522, 0};
    unsigned sets[6];

    (void)s;
    MUST(syscall(SYS_capget, &header, sets) == 0);
    for (unsigned i = 0; i < 6; i++)
        MUST(sets[i] == 0);
    for (unsigned long cap = 0; getuid() == 0 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        MUST(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 0);
    MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    MUST(SANITIZED || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    MUST(is_limited(RLIMIT_CORE, 0));
    return 0;
}

START_TEST(a_confined_process_holds_no_capability_and_leaves_no_core)
{
    for (int profile = CONFINE_WEB; profile <= CONFINE_INTAKE; profile++)
        ck_assert_int_eq(outcome(&scene, profile, holds_nothing), 0);
}
END_TEST

static int check_intake_limits(struct scene *s)
{
    (void)s;
    MUST(is_limited(RLIMIT_NOFILE, 256) && is_limited(RLIMIT_FSIZE, (rlim_t)64 << 20));
    MUST(SANITIZED || (is_limited(RLIMIT_DATA, (rlim_t)256 << 20) && malloc((size_t)256 << 20) == NULL));
    MUST(SANITIZED ||
         mmap(NULL, (size_t)3 << 30, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    return 0;
}

START_TEST(intake_cannot_take_all_memory)
{
    ck_assert_int_eq(outcome(&scene, CONFINE_INTAKE, check_intake_limits), 0);
}
END_TEST

static int confine_and_tell(struct scene *s)
{
    struct confined got = {0};

    MUST(confine(&got, CONFINE_VAULT, &s->inside, 1) == OK);
    MUST(got.seccomp && got.landlock_abi >= 0);
    return got.landlock_abi;
}

START_TEST(what_the_kernel_gave_is_told)
{
    ck_assert_int_eq(outcome(&scene, UNCONFINED, confine_and_tell), landlock_abi());
}
END_TEST

/* Makes a kernel that has never heard of Landlock. */
static int confine_on_old_kernel(struct scene *s)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};
    struct confined got = {.landlock_abi = -1};

    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    MUST(confine(&got, CONFINE_VAULT, &s->inside, 1) == OK && got.landlock_abi == 0 && got.seccomp);
    return 0;
}

START_TEST(a_kernel_without_landlock_is_no_error_and_is_told)
{
    ck_assert_int_eq(outcome(&scene, UNCONFINED, confine_on_old_kernel), 0);
}
END_TEST

/* In sanitizer builds this runs the leak check, which must not be killed. */
static int leave_by_exit(struct scene *s)
{
    (void)s;
    exit(EXIT_SUCCESS);
}

START_TEST(a_confined_process_can_exit)
{
    for (int profile = CONFINE_WEB; profile <= CONFINE_UNSEAL; profile++)
        ck_assert_int_eq(outcome(&scene, profile, leave_by_exit), 0);
}
END_TEST

/* The parent's own work: sockets, children, and turning them into other users. */
static int be_a_parent(struct scene *s)
{
    int status;
    pid_t pid = fork();

    (void)s;
    MUST(is_limited(RLIMIT_CORE, 0) && socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    if (pid == 0) {
        if (getuid() == 0 && confine_user("nobody"))
            _exit(1);
        (void)execl("/bin/true", "true", (char *)NULL);
        _exit(2);
    }
    MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

START_TEST(the_parent_still_starts_children_as_other_users)
{
    ck_assert_int_eq(outcome(&scene, CONFINE_PARENT, be_a_parent), 0);
}
END_TEST

/* A token's library: it is loaded, reads its files, talks to its server and starts threads; no program, no
 * rights. */
static int be_a_token(struct scene *s)
{
    void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int count = 0;
    pthread_t thread;

    MUST(code != MAP_FAILED && open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
    MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    MUST(pthread_create(&thread, NULL, add_one, &count) == 0 && pthread_join(thread, NULL) == 0);
    MUST(SANITIZED || (fork() < 0 && errno == EPERM));
    return holds_nothing(s);
}

static int run_program(struct scene *s)
{
    (void)s;
    return execl("/bin/true", "true", (char *)NULL);
}

START_TEST(a_tokens_library_can_work_but_start_no_program)
{
    ck_assert_int_eq(outcome(&scene, CONFINE_UNSEAL, be_a_token), 0);
    ck_assert_int_eq(outcome(&scene, UNCONFINED, run_program), 0);
    ck_assert_int_eq(outcome(&scene, CONFINE_UNSEAL, run_program), -SIGSYS);
}
END_TEST

static const char *user;

static int become_user(struct scene *s)
{
    enum err e = confine_user(user);

    (void)s;
    if (e)
        return e == ERR_NOTFOUND ? ENOENT : e == ERR_DENIED ? EPERM : EIO;
    MUST(getuid() != 0 && geteuid() != 0 && getegid() != 0 && setresuid(0, 0, 0) && setgid(0));
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        MUST(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 0);
    errno = 0;
    MUST(strcmp(user, "4242") != 0 || (getuid() == 4242 && getgid() == 4242 && getgroups(0, NULL) == 0));
    return 0;
}

static int outcome_as(const char *name)
{
    user = name;
    return outcome(&scene, UNCONFINED, become_user);
}

START_TEST(a_change_of_user_is_for_good)
{
    if (getuid() != 0) {
        skip("a_change_of_user_is_for_good", "only root can change its user");
        return;
    }
    ck_assert_int_eq(outcome_as("nobody"), 0);
    ck_assert_int_eq(outcome_as("65534"), 0);
    ck_assert_int_eq(outcome_as("4242"), 0);
}
END_TEST

START_TEST(root_and_strangers_are_no_users_to_change_to)
{
    ck_assert_int_eq(outcome_as("root"), EPERM);
    ck_assert_int_eq(outcome_as("0"), EPERM);
    ck_assert_int_eq(outcome_as("nobody-of-that-name"), ENOENT);
    ck_assert_int_eq(outcome_as("4294967295"), ENOENT);
    ck_assert_int_eq(outcome_as("-1"), ENOENT);
    ck_assert_int_eq(outcome_as(""), ENOENT);
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
    Suite *s = suite_create("confine_work");
    TCase *t = tcase_create("allowed");

    tcase_add_checked_fixture(t, set, clear);
    tcase_add_loop_test(t, a_confined_process_can_do_its_work, 0, WORKS);
    tcase_add_test(t, web_serves_a_connection_on_the_listener_it_was_given);
    tcase_add_test(t, threads_that_run_already_are_filtered_too);
    tcase_add_test(t, the_vault_cannot_be_confined_once_it_has_threads);
    tcase_add_test(t, a_confined_process_holds_no_capability_and_leaves_no_core);
    tcase_add_test(t, intake_cannot_take_all_memory);
    tcase_add_test(t, what_the_kernel_gave_is_told);
    tcase_add_test(t, a_kernel_without_landlock_is_no_error_and_is_told);
    tcase_add_test(t, a_confined_process_can_exit);
    tcase_add_test(t, the_parent_still_starts_children_as_other_users);
    tcase_add_test(t, a_tokens_library_can_work_but_start_no_program);
    tcase_add_test(t, a_change_of_user_is_for_good);
    tcase_add_test(t, root_and_strangers_are_no_users_to_change_to);
    suite_add_tcase(s, t);
    return run_suite(s);
}
