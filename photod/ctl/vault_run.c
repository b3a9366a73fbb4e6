#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/vault_run.h"

#define OUTPUT_MAX     16384
#define ARGS_MAX       40
#define FIRST_FD       3
#define OUT_OF_THE_WAY 64 /* of the numbers that the descriptors get */

static enum ctl_exit find_program(char *out, size_t size, const char *name)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (len > 0) {
        self[len] = '\0';
        slash = strrchr(self, '/');
        if (slash && snprintf(out, size, "%.*s/%s", (int)(slash - self), self, name) < (int)size &&
            access(out, X_OK) == 0)
            return CTL_OK;
    }
    if (snprintf(out, size, "%s/%s", PHOTOD_LIBEXEC, name) < (int)size && access(out, X_OK) == 0)
        return CTL_OK;
    return say_fail(CTL_FAILED, "%s is neither beside photoctl nor in %s", name, PHOTOD_LIBEXEC);
}

/* ---- Its descriptors ---- */

struct placing {
    posix_spawn_file_actions_t actions;
    int moved[RUN_FDS + 2]; /* first all out of the way, so that none is overwritten before it is placed */
    unsigned count;
};

static int place(struct placing *p, int fd, int number)
{
    int moved;

    if (fd < 0)
        return 0;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    if (moved < 0)
        return errno;
    p->moved[p->count++] = moved;
    return posix_spawn_file_actions_adddup2(&p->actions, moved, number);
}

static enum ctl_exit start(pid_t *pid, const struct run *r, int out, char *const *argv)
{
    struct placing p = {.count = 0};
    int rc = posix_spawn_file_actions_init(&p.actions);

    if (!rc)
        rc = place(&p, r->in, STDIN_FILENO);
    if (!rc)
        rc = place(&p, out, STDOUT_FILENO);
    for (unsigned i = 0; !rc && i < r->fd_count && i < RUN_FDS; i++)
        rc = place(&p, r->fds[i], FIRST_FD + (int)i);
    (void)fflush(stdout);
    if (!rc)
        rc = posix_spawn(pid, argv[0], &p.actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&p.actions);
    while (p.count)
        (void)close(p.moved[--p.count]);
    return rc ? say_fail(CTL_FAILED, "%s: %s", argv[0], strerror(rc)) : CTL_OK;
}

/* ---- Its output and end ---- */

static enum ctl_exit read_output(struct buf *out, int fd, const char *program)
{
    char chunk[1024];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || buf_append(out, chunk, (size_t)n))
            return say_fail(CTL_FAILED, "%s printed what cannot be read", program);
    }
    explicit_bzero(chunk, sizeof chunk); /* shares went through it */
    return CTL_OK;
}

static enum ctl_exit finish(pid_t pid, const char *program)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return say_fail(CTL_FAILED, "waiting for %s: %s", program, strerror(errno));
    if (WIFSIGNALED(status))
        return say_fail(CTL_FAILED, "%s was killed by signal %d", program, WTERMSIG(status));
    if (WEXITSTATUS(status))
        return WEXITSTATUS(status) == CTL_USAGE ? CTL_USAGE : CTL_FAILED;
    return CTL_OK;
}

/* Its standard input, from r->feed; closes fd.  What was not fed to its end must not be taken for whole. */
static enum ctl_exit feed(const struct run *r, int fd, pid_t pid)
{
    enum ctl_exit code;

    if (fd < 0)
        return CTL_OK;
    (void)signal(SIGPIPE, SIG_IGN); /* a program that ends early has said why */
    code = r->feed(r->feed_context, fd);
    if (code)
        (void)kill(pid, SIGKILL);
    (void)close(fd);
    (void)signal(SIGPIPE, SIG_DFL);
    return code;
}

static enum ctl_exit start_fed(pid_t *pid, const struct run *r, int out, char *const *argv, int *feed_fd)
{
    struct run fed = *r;
    enum ctl_exit code;
    int ends[2];

    *feed_fd = -1;
    if (!r->feed)
        return start(pid, r, out, argv);
    if (pipe2(ends, O_CLOEXEC))
        return say_fail(CTL_FAILED, "cannot make a pipe: %s", strerror(errno));
    fed.in = ends[0];
    code = start(pid, &fed, out, argv);
    (void)close(ends[0]);
    if (code)
        (void)close(ends[1]);
    else
        *feed_fd = ends[1];
    return code;
}

static enum ctl_exit run_read(const struct run *r, char *const *argv)
{
    CLEANUP(buf) struct buf *text = NULL;
    CLEANUP(fd) int from = -1;
    int ends[2], feed_fd;
    enum ctl_exit code, ended, fed;
    pid_t pid;

    if (buf_new(&text, OUTPUT_MAX))
        return say_fail(CTL_FAILED, "out of memory");
    if (pipe2(ends, O_CLOEXEC))
        return say_fail(CTL_FAILED, "cannot make a pipe: %s", strerror(errno));
    from = ends[0];
    code = start_fed(&pid, r, ends[1], argv, &feed_fd);
    (void)close(ends[1]);
    TRY_CTL(code);
    fed = feed(r, feed_fd, pid);
    code = read_output(text, from, r->program);
    if (fed) {
        (void)waitpid(pid, NULL, 0);
        return fed;
    }
    ended = finish(pid, r->program);
    TRY_CTL(ended);
    TRY_CTL(code);
    *r->output = TAKE(text);
    return CTL_OK;
}

enum ctl_exit run_program(const struct run *r)
{
    char program[PATH_MAX], *argv[ARGS_MAX + 2] = {program};
    pid_t pid;

    TRY_CTL(find_program(program, sizeof program, r->program));
    for (unsigned n = 0; r->args[n]; n++) {
        if (n == ARGS_MAX)
            return say_fail(CTL_USAGE, "too many arguments");
        argv[n + 1] = (char *)(uintptr_t)r->args[n]; /* exec's prototype: it writes to none */
    }
    if (r->output)
        return run_read(r, argv);
    TRY_CTL(start(&pid, r, r->out, argv));
    return finish(pid, r->program);
}

enum ctl_exit vault_run(struct buf **output, const char *const *args)
{
    return run_program(
        &(struct run){.program = "photod-vault", .args = args, .in = -1, .out = -1, .output = output});
}
