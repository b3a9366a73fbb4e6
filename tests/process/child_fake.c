/*
 * A child of photod for tests: stands for vault, web and intake alike.  It
 * writes one line to standard error per event, `@name EVENT (pid)`, and
 * behaves as comment lines of the configuration say: `#plan name: word`.
 *
 *   exit-4     leaves with code 4 instead of READY       crash      dies right after READY
 *   mute       never says READY                          leave      leaves with 0 soon after READY
 *   stubborn   does not heed STOP                        nonsense   speaks out of turn after READY
 *   recycle    (vault) complains of worker 1, once GO came to it
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "photod/wire/bulk.h"
#include "photod/wire/channel.h"

#define LINKS_MAX 16

static char name[32];
static struct bulk config;
static struct channel parent = {3, 0, PROCESS_PARENT, STATE_START};
static struct channel links[LINKS_MAX];
static unsigned link_count;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char text[200], line[300];
    va_list args;
    int len;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    len = snprintf(line, sizeof line, "@%s %s (%d)\n", name, text, (int)getpid());
    (void)!write(STDERR_FILENO, line, (size_t)len);
}

static bool plan(const char *word)
{
    char line[80];
    int len = snprintf(line, sizeof line, "#plan %s: %s\n", name, word);

    return memmem(config.bytes, config.len, line, (size_t)len) != NULL;
}

static void who(int argc, char **argv)
{
    if (strcmp(argv[0], "photod-vault") == 0 && argc == 1) {
        parent.self = PROCESS_VAULT;
        (void)snprintf(name, sizeof name, "vault");
    } else if (strcmp(argv[0], "photod-web") == 0 && argc == 2) {
        parent.self = strcmp(argv[1], "law") == 0 ? PROCESS_LAW : PROCESS_OFFICE;
        (void)snprintf(name, sizeof name, "%.10s", argv[1]);
    } else {
        parent.self = PROCESS_INTAKE;
        (void)snprintf(name, sizeof name, "intake %.10s", argc == 2 ? argv[1] : "?");
    }
}

static void say_surroundings(char **env)
{
    unsigned fds = 0, others = 0;
    struct stat in, null;

    for (int fd = 3; fd < 1024; fd++)
        fds += fcntl(fd, F_GETFD) >= 0;
    for (; *env; env++)
        if (strncmp(*env, "PATH=", 5) && strcmp(*env, "LANG=C.UTF-8") && !strstr(*env, "SAN_OPTIONS="))
            others++;
    say("BORN %u descriptors, %u variables, stdin %s, uid %u", fds, others,
        !fstat(0, &in) && !stat("/dev/null", &null) && in.st_rdev == null.st_rdev ? "null" : "open",
        geteuid());
}

/* Says something over a new link that only the right far end understands. */
static void adopt_link(struct message *m)
{
    static const struct shape_zip_open zip = {.bytes = 1, .chunk_bytes = 1};
    struct channel *c = &links[link_count++ % LINKS_MAX];
    enum process far = (enum process)m->is.link.process;

    say("LINK %s %u", process_name(far), m->is.link.index);
    *c = (struct channel){message_take_fd(m, 0), parent.self, far,
                          far == PROCESS_INTAKE || parent.self == PROCESS_INTAKE ? STATE_IDLE : STATE_SERVE};
    if (parent.self == PROCESS_VAULT && far == PROCESS_INTAKE)
        (void)!channel_send(c, MSG_ZIP_OPEN, 0, &zip, NULL, 0, true);
    else if (parent.self != PROCESS_INTAKE && far == PROCESS_VAULT)
        (void)!channel_send(c, MSG_HEALTH, 0, NULL, NULL, 0, true);
}

static void hear_link(struct channel *c)
{
    static const struct shape_healthy healthy = {.uploads = 1};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    if (channel_recv(c, &m, false)) {
        channel_close(c);
        return;
    }
    say("HEARD %s from %s", message_name(m.type), process_name(c->peer));
    if (m.type == MSG_HEALTH)
        (void)!channel_send(c, MSG_HEALTHY, 0, &healthy, NULL, 0, true);
}

static void go(void)
{
    static const struct shape_ready ready = {.landlock_abi = 5, .seccomp = 1};
    static const struct shape_recycle recycle = {.process = PROCESS_INTAKE, .index = 1};

    if (plan("exit-4"))
        exit(4);
    parent.state = STATE_SERVE;
    if (plan("mute"))
        return;
    (void)!channel_send(&parent, MSG_READY, 0, &ready, NULL, 0, true);
    if (plan("crash"))
        (void)raise(SIGKILL);
    if (plan("nonsense"))
        (void)!channel_send(&parent, MSG_READY, 0, &ready, NULL, 0, true);
    if (plan("leave")) {
        (void)usleep(100000);
        exit(0);
    }
    if (plan("recycle"))
        (void)!channel_send(&parent, MSG_RECYCLE, 0, &recycle, NULL, 0, true);
}

static void say_tls(const struct message *m)
{
    for (unsigned i = 0; i < m->fd_count; i++) {
        struct bulk b;
        const unsigned char *mark;

        if (bulk_map(&b, m->fds[i], 1 << 20)) {
            say("TLS %u is not sealed", i);
            continue;
        }
        mark = memmem(b.bytes, b.len, "mark", 4);
        say("TLS %u %.*s", i, mark ? 6 : 0, mark ? (const char *)mark : "");
        bulk_unmap(&b);
    }
}

static void say_fd(struct message *m)
{
    char first[8] = "";
    int type = 0;
    socklen_t len = sizeof type;

    if (m->type == MSG_ROOT_KEY)
        (void)!read(m->fds[0], first, sizeof first - 1);
    else if (!getsockopt(m->fds[0], SOL_SOCKET, SO_TYPE, &type, &len))
        (void)snprintf(first, sizeof first, "%s", type == SOCK_STREAM ? "stream" : "packet");
    say("%s %s", message_name(m->type), first);
}

static void hear_parent(void)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    enum err e = channel_recv(&parent, &m, false);

    if (e) {
        say("PARENT %s", err_name(e));
        exit(1);
    }
    switch ((unsigned)m.type) {
    case MSG_CONFIG:
        say("CONFIG%s", bulk_map(&config, m.fds[0], 1 << 20) ? " unreadable" : "");
        break;
    case MSG_LINK:
        adopt_link(&m);
        break;
    case MSG_TLS:
        say_tls(&m);
        break;
    case MSG_GO:
        say("GO");
        go();
        break;
    case MSG_STOP:
        say("STOP");
        if (!plan("stubborn"))
            exit(0);
        break;
    case MSG_PROCESS:
        say("PROCESS %s %u, %u restarts, landlock %u", process_name((enum process)m.is.process.process),
            m.is.process.index, m.is.process.restarts, m.is.process.landlock_abi);
        break;
    default:
        say_fd(&m);
        break;
    }
}

int main(int argc, char **argv)
{
    who(argc, argv);
    say_surroundings(environ);
    for (;;) {
        struct pollfd fds[LINKS_MAX + 1] = {{.fd = parent.fd, .events = POLLIN}};
        unsigned count = link_count < LINKS_MAX ? link_count : LINKS_MAX;

        for (unsigned i = 0; i < count; i++)
            fds[i + 1] = (struct pollfd){.fd = links[i].fd, .events = POLLIN};
        if (poll(fds, count + 1, -1) < 0)
            continue;
        for (unsigned i = 0; i < count; i++)
            if (fds[i + 1].revents)
                hear_link(&links[i]);
        if (fds[0].revents)
            hear_parent();
    }
}
