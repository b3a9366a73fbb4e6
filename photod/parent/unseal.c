#include "photod/parent/unseal.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include "photod/base/cleanup.h"
#include "photod/base/log.h"
#include "photod/parent/spawn.h"
#include "photod/parent/users.h"

#define NOTE "refused-pin" /* in the state directory; photod/unseal/refused.h */

static enum err open_note(int *fd, const struct holdings *h)
{
    *fd = openat(h->state_dir, NOTE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (*fd >= 0)
        return OK;
    log_errno(NOTE " in the state directory");
    return ERR_IO;
}

static enum err start(pid_t *pid, struct holdings *h, int to)
{
    static char name[] = "photod-unseal", mode[] = "open";
    char *const arguments[] = {name, mode, NULL};
    char extra[sizeof h->config.pkcs11_environment];
    CLEANUP(fd) int key = -1;
    CLEANUP(fd) int pin = -1;
    CLEANUP(fd) int note = -1;

    TRY(sealed_key_open(&key, &pin, &h->config));
    TRY(open_note(&note, h));
    (void)lseek(h->config_text, 0, SEEK_SET);
    memcpy(extra, h->config.pkcs11_environment, sizeof extra);
    return spawn(pid, &(struct spawn){.program = h->programs[PROGRAM_UNSEAL],
                                      .arguments = arguments,
                                      .user = users_differ(&h->config) ? h->config.user_unseal : NULL,
                                      .extra = extra,
                                      .fds = {h->null, to, STDERR_FILENO, h->config_text, pin, key, note},
                                      .fd_count = 7});
}

enum err unseal_begin(int *fd, struct supervisor *s)
{
    CLEANUP(fd) int from = -1;
    CLEANUP(fd) int to = -1;
    int ends[2];

    if (strcmp(s->held->config.seal, "pkcs11") != 0)
        return root_key_open(fd, &s->held->config);
    if (s->unseal_pid) /* of a vault that died before it was answered */
        (void)kill(s->unseal_pid, SIGKILL);
    if (pipe2(ends, O_CLOEXEC)) {
        log_errno("pipe");
        return ERR_IO;
    }
    from = ends[0];
    to = ends[1];
    TRY(start(&s->unseal_pid, s->held, to));
    *fd = TAKE_FD(from);
    return OK;
}

bool unseal_is_buried(struct supervisor *s, pid_t pid, int wait_status)
{
    char end[CHILD_END];

    if (pid != s->unseal_pid)
        return false;
    s->unseal_pid = 0;
    if (WIFSIGNALED(wait_status)) {
        child_end(end, wait_status);
        log_error("photod-unseal %s", end);
    }
    return true;
}
