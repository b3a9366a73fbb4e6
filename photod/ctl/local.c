#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include "lawapi/problem.h"
#include "photod/base/config.h"
#include "photod/base/text.h"
#include "photod/ctl/local.h"

#define DEFAULT_CONFIG "/etc/photod/photod.conf"
#define WAIT_S         60

static enum ctl_exit socket_from_config(char *path, size_t size, const char *file)
{
    CLEANUP(fd) int fd = open(file, O_RDONLY | O_CLOEXEC);
    CLEANUP(heap) struct config *c = calloc(1, sizeof *c);
    struct config_fault fault;

    if (fd < 0)
        return say_fail(CTL_USAGE, "%s: %s; give --socket or --config", file, strerror(errno));
    if (!c || config_read(c, &fault, fd))
        return say_fail(CTL_FAILED, "%s line %u: %s", file, fault.line, c ? fault.text : "out of memory");
    if (text_copy(path, size, c->socket))
        return say_fail(CTL_FAILED, "%s: the socket's path is too long", file);
    return CTL_OK;
}

static enum ctl_exit find_socket(char *path, size_t size, const struct local_where *where)
{
    if (!where->socket)
        return socket_from_config(path, size, where->config ? where->config : DEFAULT_CONFIG);
    if (text_copy(path, size, where->socket))
        return say_fail(CTL_USAGE, "--socket: the path is longer than %zu bytes", size - 1);
    return CTL_OK;
}

static enum ctl_exit connect_to(int *out, const struct sockaddr_un *to, unsigned wait_s)
{
    CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct timeval wait = {.tv_sec = (time_t)wait_s};

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait))
        return say_fail(CTL_FAILED, "cannot make a socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)to, sizeof *to)) {
        if (errno == EACCES || errno == EPERM)
            return say_fail(CTL_UNREACHABLE, "this user may not use photod's socket %s", to->sun_path);
        return say_fail(CTL_UNREACHABLE, "cannot reach photod at %s: %s; is it running?", to->sun_path,
                        strerror(errno));
    }
    *out = TAKE_FD(fd);
    return CTL_OK;
}

static enum ctl_exit say_refused(const struct shape_refused *r)
{
    const struct problem_text *p = problem_text((enum problem)r->problem);

    if (r->detail[0])
        return say_fail(CTL_FAILED, "photod refused: %s", r->detail);
    return say_fail(CTL_FAILED, "photod refused: %s. %s", p ? p->title : "no reason given",
                    p ? p->advice : "");
}

static enum ctl_exit say_lost(enum err e, unsigned wait_s)
{
    if (e == ERR_BUSY)
        return say_fail(CTL_UNREACHABLE, "photod did not answer within %u seconds", wait_s);
    if (e == ERR_CLOSED)
        return say_fail(CTL_UNREACHABLE,
                        "photod closed the connection: it answers root, its own user and the members "
                        "of its admin_group");
    return say_fail(CTL_FAILED, "the talk with photod failed: %s", err_name(e));
}

static enum ctl_exit talk(struct message *answer, struct channel *c, const struct local_question *q,
                          bool *sent)
{
    enum err e;

    *sent = true;
    e = channel_send(c, q->type, 1, q->shape, q->fd, q->fd ? 1 : 0, true);
    if (!e)
        e = channel_recv(c, answer, true);
    if (e)
        return say_lost(e, q->wait_s);
    if (answer->type == MSG_REFUSED)
        return say_refused(&answer->is.refused);
    if (answer->type != q->wanted || answer->request != 1)
        return say_fail(CTL_FAILED, "photod answered %s: is photoctl of the same version?",
                        message_name(answer->type));
    return CTL_OK;
}

bool local_read(enum ctl_exit *code, struct local_line *l, int argc, char **argv)
{
    const struct option_row rows[] = {OPTION_FLAG("json", l->json, "Print JSON."), LOCAL_OPTIONS(l->where)};
    const size_t from = l->has_json ? 0 : 1;
    const struct usage u = {l->command, "", l->about, rows + from, sizeof rows / sizeof rows[0] - from,
                            NULL,       0};

    return options_read(code, &u, argc, argv);
}

enum ctl_exit local_ask_long(struct message *answer, const struct local_where *where,
                             const struct local_question *q, bool *sent)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct channel c = {.fd = -1, .self = PROCESS_CTL, .peer = PROCESS_VAULT, .state = STATE_SERVE};
    enum ctl_exit code;
    bool reached = false;

    TRY_CTL(find_socket(to.sun_path, sizeof to.sun_path, where));
    TRY_CTL(connect_to(&c.fd, &to, q->wait_s));
    code = talk(answer, &c, q, &reached);
    channel_close(&c);
    if (sent)
        *sent = reached;
    return code;
}

enum ctl_exit local_ask(struct message *answer, const struct local_where *where, enum msg question,
                        const void *shape, enum msg wanted)
{
    const struct local_question q = {.type = question, .wanted = wanted, .shape = shape, .wait_s = WAIT_S};

    return local_ask_long(answer, where, &q, NULL);
}
