#include "photod/parent/doors.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "photod/base/cleanup.h"
#include "photod/base/log.h"
#include "photod/parent/users.h"

/*
 * The children of a photod that was killed end right after it, and hold its
 * sockets until then.  systemd waits for them, a shell does not.
 */
enum { PREDECESSOR_MS = 3000, PREDECESSOR_STEP_MS = 20 };

static bool predecessor_may_end(int *waited_ms)
{
    if (*waited_ms >= PREDECESSOR_MS)
        return false;
    (void)poll(NULL, 0, PREDECESSOR_STEP_MS);
    *waited_ms += PREDECESSOR_STEP_MS;
    return true;
}

struct addrinfo_list {
    struct addrinfo *first;
};

static void addrinfo_list_cleanup(struct addrinfo_list *l)
{
    if (l->first)
        freeaddrinfo(l->first);
}

/* Splits at the last colon and takes the brackets off. */
static enum err split(char *text, char **host, char **port)
{
    char *colon = strrchr(text, ':');
    size_t len;

    if (!colon || colon == text || !colon[1])
        return ERR_MALFORMED;
    *colon = '\0';
    len = strlen(text);
    if (text[0] == '[') {
        if (text[len - 1] != ']')
            return ERR_MALFORMED;
        text[len - 1] = '\0';
        text++;
    } else if (strchr(text, ':')) { /* ::1:8443 would be a guess */
        return ERR_MALFORMED;
    }
    *host = text;
    *port = colon + 1;
    return OK;
}

/* Numbers only: a name server must not decide where the doors are. */
static enum err resolve(struct addrinfo_list *out, const char *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    CLEANUP(heap) char *text = strdup(address);
    char *host, *port;

    if (!text)
        return ERR_NOMEM;
    TRY(split(text, &host, &port));
    return getaddrinfo(host, port, &hints, &out->first) ? ERR_MALFORMED : OK;
}

static enum err refuse_bind(const char *key, const char *address)
{
    switch (errno) {
    case EADDRINUSE:
        log_error("%s: the port of %s is in use by another program", key, address);
        return ERR_EXISTS;
    case EADDRNOTAVAIL:
        log_error("%s: this machine does not have the address of %s", key, address);
        return ERR_NOTFOUND;
    case EACCES:
        log_error("%s: %s may only be opened by root", key, address);
        return ERR_DENIED;
    default:
        log_errno("%s: listening at %s", key, address);
        return ERR_IO;
    }
}

/* false: errno says why. */
static bool listen_at(int *fd, const struct addrinfo *at)
{
    CLEANUP(fd) int made = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    if (made < 0 || setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(made, at->ai_addr, at->ai_addrlen) || listen(made, SOMAXCONN))
        return false;
    *fd = TAKE_FD(made);
    return true;
}

enum err door_open(int *fd, const char *key, const char *address)
{
    __attribute__((cleanup(addrinfo_list_cleanup))) struct addrinfo_list list = {NULL};
    int waited_ms = 0;

    if (resolve(&list, address)) {
        log_error("%s: `%s` is no address and port, as in 127.0.0.1:8443 or [::1]:8443", key, address);
        return ERR_MALFORMED;
    }
    while (!listen_at(fd, list.first))
        if (errno != EADDRINUSE || !predecessor_may_end(&waited_ms))
            return refuse_bind(key, address);
    return OK;
}

void door_url(char url[static DOOR_URL], int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    char host[48] = "?", port[8] = "?";
    const char *open = "", *close = "";

    if (!getsockname(fd, (struct sockaddr *)&at, &len))
        (void)getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV);
    if (at.ss_family == AF_INET6) {
        open = "[";
        close = "]";
    }
    (void)snprintf(url, DOOR_URL, "https://%s%s%s:%s", open, host, close, port);
}

/* EACCES and the like count as in use: whoever listens there is left alone. */
static enum err in_use(bool *yes, const struct sockaddr_un *at)
{
    CLEANUP(fd) int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (probe < 0) {
        log_errno("socket");
        return ERR_IO;
    }
    *yes = !connect(probe, (const struct sockaddr *)at, sizeof *at) || errno != ECONNREFUSED;
    return OK;
}

/*
 * Removes what a killed photod left.  Only connect() can tell it from a
 * socket in use, so anything but a refused connection is left alone.
 */
static enum err clear_stale(const struct sockaddr_un *at)
{
    int waited_ms = 0;
    bool busy;
    struct stat st;

    if (lstat(at->sun_path, &st)) {
        if (errno == ENOENT)
            return OK;
        log_errno("socket %s", at->sun_path);
        return ERR_IO;
    }
    if (!S_ISSOCK(st.st_mode)) {
        log_error("socket: %s is there already and is no socket", at->sun_path);
        return ERR_EXISTS;
    }
    do
        TRY(in_use(&busy, at));
    while (busy && predecessor_may_end(&waited_ms));
    if (busy) {
        log_error("socket: photod is already running: %s is in use", at->sun_path);
        return ERR_EXISTS;
    }
    if (unlink(at->sun_path)) {
        log_errno("removing the stale socket %s", at->sun_path);
        return ERR_IO;
    }
    return OK;
}

/* -1 leaves the owner or the group as it is. */
static enum err owners(uid_t *uid, gid_t *gid, const struct config *c)
{
    const char *vault = user_of(c, PROCESS_VAULT);

    *uid = (uid_t)-1;
    *gid = (gid_t)-1;
    if (vault)
        TRY(user_find(uid, vault));
    if (*c->admin_group)
        TRY(group_find(gid, c->admin_group));
    return OK;
}

enum err admin_open(int *fd, const struct config *c)
{
    CLEANUP(fd) int made = -1;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    mode_t old_mask;
    bool bound;
    uid_t uid;
    gid_t gid;

    _Static_assert(sizeof c->socket <= sizeof at.sun_path, "a configured path always fits");
    memcpy(at.sun_path, c->socket, strlen(c->socket) + 1);
    TRY(clear_stale(&at));
    TRY(owners(&uid, &gid, c));
    made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    old_mask = umask(
        0117); /* the socket's mode from its first moment; chmod() would follow a link put in its place */
    bound = made >= 0 && !bind(made, (const struct sockaddr *)&at, sizeof at);
    (void)umask(old_mask);
    if (!bound) {
        log_errno("socket %s", c->socket);
        return ERR_IO;
    }
    /* Nobody can connect before listen(): the owner is right by then. */
    if (lchown(c->socket, uid, gid) || listen(made, 16)) {
        log_errno("socket %s", c->socket);
        (void)unlink(c->socket);
        return ERR_IO;
    }
    *fd = TAKE_FD(made);
    return OK;
}
