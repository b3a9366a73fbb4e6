#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/vault_run.h"

#define PROGRAM    "photod-vault"
#define OUTPUT_MAX 16384
#define ARGS_MAX   40

static enum ctl_exit find_program(char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (len > 0) {
        self[len] = '\0';
        slash = strrchr(self, '/');
        if (slash && snprintf(out, size, "%.*s/" PROGRAM, (int)(slash - self), self) < (int)size &&
            access(out, X_OK) == 0)
            return CTL_OK;
    }
    if (snprintf(out, size, "%s/" PROGRAM, PHOTOD_LIBEXEC) < (int)size && access(out, X_OK) == 0)
        return CTL_OK;
    return say_fail(CTL_FAILED, PROGRAM " is neither beside photoctl nor in %s", PHOTOD_LIBEXEC);
}

/* to: its standard output. */
static enum ctl_exit start(pid_t *pid, int to, char *const *argv)
{
    posix_spawn_file_actions_t actions;
    int rc;

    rc = posix_spawn_file_actions_init(&actions);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    if (!rc)
        rc = posix_spawn(pid, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc ? say_fail(CTL_FAILED, "%s: %s", argv[0], strerror(rc)) : CTL_OK;
}

static enum ctl_exit read_output(struct buf *out, int fd)
{
    char chunk[1024];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || buf_append(out, chunk, (size_t)n))
            return say_fail(CTL_FAILED, PROGRAM " printed what cannot be read");
    }
    explicit_bzero(chunk, sizeof chunk); /* shares went through it */
    return CTL_OK;
}

static enum ctl_exit finish(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return say_fail(CTL_FAILED, "waiting for " PROGRAM ": %s", strerror(errno));
    if (WIFSIGNALED(status))
        return say_fail(CTL_FAILED, PROGRAM " was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        return WEXITSTATUS(status) == CTL_USAGE ? CTL_USAGE : CTL_FAILED;
    return CTL_OK;
}

static enum ctl_exit run_read(struct buf **output, char *const *argv)
{
    CLEANUP(buf) struct buf *text = NULL;
    CLEANUP(fd) int from = -1;
    int ends[2];
    enum ctl_exit code, ended;
    pid_t pid;

    if (buf_new(&text, OUTPUT_MAX))
        return say_fail(CTL_FAILED, "out of memory");
    if (pipe2(ends, O_CLOEXEC))
        return say_fail(CTL_FAILED, "cannot make a pipe: %s", strerror(errno));
    from = ends[0];
    code = start(&pid, ends[1], argv);
    (void)close(ends[1]);
    TRY_CTL(code);
    code = read_output(text, from);
    ended = finish(pid);
    TRY_CTL(ended);
    TRY_CTL(code);
    *output = TAKE(text);
    return CTL_OK;
}

enum ctl_exit vault_run(struct buf **output, const char *const *args)
{
    char program[PATH_MAX], *argv[ARGS_MAX + 2] = {program};
    pid_t pid;

    TRY_CTL(find_program(program, sizeof program));
    for (unsigned n = 0; args[n]; n++) {
        if (n == ARGS_MAX)
            return say_fail(CTL_USAGE, "too many arguments");
        argv[n + 1] = (char *)(uintptr_t)args[n]; /* exec's prototype: it writes to none */
    }
    if (output)
        return run_read(output, argv);
    (void)fflush(stdout);
    TRY_CTL(start(&pid, STDOUT_FILENO, argv));
    return finish(pid);
}
