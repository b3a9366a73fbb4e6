/*
 * What a picture that took over its worker would try: loaded into
 * photod-intake by LD_PRELOAD, it runs one act when the first job begins,
 * which is after confinement, and says on standard error how that went.
 *
 *   ESCAPE_ACT   which one (acts below)
 *   ESCAPE_DIR   a directory that is none of the worker's; ESCAPE_PORT  a TCP port of loopback that listens
 *   ESCAPE_PID   a process of the same user; ESCAPE_ADDRESS  where memory is mapped in it
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    char path[512], file[600];
    uintptr_t address;
    uint16_t port;
    pid_t pid;
    void *page;
} here;

static int result(long rc)
{
    return rc < 0 ? errno : 0;
}

static int open_file(void)
{
    return result(open(here.file, O_RDONLY | O_CLOEXEC));
}

static int list_folder(void)
{
    return result(open(here.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int write_file(void)
{
    return result(open(here.file, O_WRONLY | O_APPEND | O_CLOEXEC));
}

static int create_file(void)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/escaped", here.path);
    return result(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int remove_file(void)
{
    return result(unlink(here.file));
}

static int connect_tcp(void)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(here.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd < 0 ? errno : result(connect(fd, (const struct sockaddr *)&to, sizeof to));
}

static int connect_local(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(to.sun_path, sizeof to.sun_path, "%.90s/socket", here.path);
    return fd < 0 ? errno : result(connect(fd, (const struct sockaddr *)&to, sizeof to));
}

static int execute(void)
{
    char *list[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t) "echo 'escape: 0' >&2", NULL};

    (void)execv("/bin/sh", list);
    return errno;
}

static int fork_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int kill_process(void)
{
    return result(kill(here.pid, SIGUSR1));
}

static int trace_process(void)
{
    return result(ptrace(PTRACE_SEIZE, here.pid, NULL, NULL));
}

static int read_process(void)
{
    char c;
    struct iovec to = {&c, 1}, from = {(void *)here.address, 1};

    return result(process_vm_readv(here.pid, &to, 1, &from, 1, 0));
}

static int read_process_file(void)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)here.pid);
    return result(open(path, O_RDONLY | O_CLOEXEC));
}

static int run_own_code(void)
{
    return result(mprotect(here.page, 4096, PROT_READ | PROT_EXEC));
}

static int leave_shared_state(void)
{
    return result(unshare(CLONE_FILES));
}

static int change_root(void)
{
    return result(chdir(here.path));
}

static const struct {
    const char *name;
    int (*run)(void);
} acts[] = {
    {"open", open_file},
    {"list", list_folder},
    {"write", write_file},
    {"create", create_file},
    {"remove", remove_file},
    {"connect", connect_tcp},
    {"local", connect_local},
    {"exec", execute},
    {"fork", fork_child},
    {"kill", kill_process},
    {"ptrace", trace_process},
    {"vm-read", read_process},
    {"proc-mem", read_process_file},
    {"code", run_own_code},
    {"unshare", leave_shared_state},
    {"chdir", change_root},
};

/* Before main: what is known of the outside would not be readable later. */
__attribute__((constructor)) static void look_around(void)
{
    const char *dir = getenv("ESCAPE_DIR"), *port = getenv("ESCAPE_PORT"), *pid = getenv("ESCAPE_PID"),
               *address = getenv("ESCAPE_ADDRESS");

    (void)snprintf(here.path, sizeof here.path, "%s", dir ? dir : "/");
    (void)snprintf(here.file, sizeof here.file, "%s/file", here.path);
    here.port = (uint16_t)(port ? atoi(port) : 0);
    here.address = (uintptr_t)(address ? strtoull(address, NULL, 0) : 0);
    here.pid = pid ? atoi(pid) : 1;
    here.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_to_escape(void)
{
    const char *name = getenv("ESCAPE_ACT");

    for (size_t i = 0; name && i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(name, acts[i].name) == 0) {
            char text[32];
            int n = snprintf(text, sizeof text, "escape: %d\n", acts[i].run());

            if (write(STDERR_FILENO, text, (size_t)n) != n)
                abort();
        }
}

/* Every job starts its clock by it (photod/intake/limit.c). */
__attribute__((visibility("default"))) int
setitimer(__itimer_which_t which, const struct itimerval *restrict value, struct itimerval *restrict old);

int setitimer(__itimer_which_t which, const struct itimerval *restrict value, struct itimerval *restrict old)
{
    static int tried;

    if (value && value->it_value.tv_sec && !tried++)
        try_to_escape();
    return (int)syscall(SYS_setitimer, which, value, old);
}
