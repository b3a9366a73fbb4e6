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
#include "photod/ctl/init_vault.h"
#include "photod/ctl/note.h"

#define PROGRAM    "photod-vault"
#define OUTPUT_MAX 4096

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

/* *from: its standard output. */
static enum ctl_exit start(pid_t *pid, int *from, char *const *argv)
{
    posix_spawn_file_actions_t actions;
    int ends[2], rc;

    if (pipe2(ends, O_CLOEXEC))
        return say_fail(CTL_FAILED, "cannot make a pipe: %s", strerror(errno));
    rc = posix_spawn_file_actions_init(&actions);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (!rc)
        rc = posix_spawn(pid, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (rc) {
        (void)close(ends[0]);
        return say_fail(CTL_FAILED, "%s: %s", argv[0], strerror(rc));
    }
    *from = ends[0];
    return CTL_OK;
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
        return say_fail(CTL_FAILED, PROGRAM " could not make the state");
    return CTL_OK;
}

enum ctl_exit init_vault(struct buf **verifier, const char *config, const char *policy, const char *origin)
{
    CLEANUP(buf) struct buf *text = NULL;
    CLEANUP(fd) int fd = -1;
    char program[PATH_MAX];
    char words[][20] = {"--init", "--config", "--consent-policy", "--origin"};
    char *argv[] = {program,  words[0],
                    words[1], (char *)(uintptr_t)config,
                    words[2], (char *)(uintptr_t)policy,
                    words[3], (char *)(uintptr_t)origin,
                    NULL};
    enum ctl_exit code, ended;
    struct vkey key;
    pid_t pid;

    if (buf_new(&text, OUTPUT_MAX))
        return say_fail(CTL_FAILED, "out of memory");
    TRY_CTL(find_program(program, sizeof program));
    TRY_CTL(start(&pid, &fd, argv));
    code = read_output(text, fd);
    ended = finish(pid);
    TRY_CTL(ended);
    TRY_CTL(code);
    if (vkey_parse(&key, buf_text(text)))
        return say_fail(CTL_FAILED, PROGRAM " printed no log key");
    *verifier = TAKE(text);
    return CTL_OK;
}
