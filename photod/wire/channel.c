#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "photod/base/log.h"
#include "photod/wire/channel.h"

static const struct shape_empty nothing;

enum err channel_pair(int fds[static 2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
        log_errno("socketpair");
        return ERR_IO;
    }
    return OK;
}

void channel_close(struct channel *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

static enum err from_errno(const char *what)
{
    switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS: /* too many descriptors in flight */
        return ERR_BUSY;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case EBADF:
        return ERR_CLOSED;
    default:
        log_errno("%s", what);
        return ERR_IO;
    }
}

enum err channel_send_bytes(struct channel *c, const struct buf *message, const int *fds, unsigned fd_count,
                            bool wait)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)buf_bytes(message), buf_len(message)};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    if (c->fd < 0)
        return ERR_CLOSED;
    if (fd_count) {
        struct cmsghdr *m;

        h.msg_control = control.space;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        m = CMSG_FIRSTHDR(&h);
        m->cmsg_level = SOL_SOCKET;
        m->cmsg_type = SCM_RIGHTS;
        m->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(m), fds, sizeof(int) * fd_count);
    }
    do
        n = sendmsg(c->fd, &h, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (n < 0 && errno == EINTR);
    return n < 0 ? from_errno("sendmsg") : OK;
}

enum err channel_send(struct channel *c, enum msg type, uint32_t request, const void *shape, const int *fds,
                      unsigned fd_count, bool wait)
{
    CLEANUP(buf) struct buf *b = NULL;

    TRY(buf_new(&b, MESSAGE_MAX));
    TRY(message_encode(b, type, request, shape ? shape : &nothing));
    return channel_send_bytes(c, b, fds, fd_count, wait);
}

/* Takes the descriptors over first, so that whatever is wrong, they are closed. */
static enum err adopt_fds(struct message *out, struct msghdr *h)
{
    for (struct cmsghdr *m = CMSG_FIRSTHDR(h); m; m = CMSG_NXTHDR(h, m)) {
        size_t count;

        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
            continue;
        count = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(m) + i * sizeof fd, sizeof fd);
            if (out->fd_count < MESSAGE_FDS)
                out->fds[out->fd_count++] = fd;
            else
                (void)close(fd);
        }
    }
    return h->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? ERR_MALFORMED : OK;
}

static enum err judge(struct channel *c, struct message *out, struct msghdr *h, size_t len)
{
    TRY(adopt_fds(out, h));
    TRY(message_decode(out, h->msg_iov->iov_base, len));
    if (!message_allowed(out->type, c->peer, c->self, c->state, out->fd_count)) {
        log_warning("%s sent %s out of turn", process_name(c->peer), message_name(out->type));
        return ERR_MALFORMED;
    }
    return OK;
}

enum err channel_recv(struct channel *c, struct message *out, bool wait)
{
    unsigned char bytes[MESSAGE_MAX];
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
    } control = {0};
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr h = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
    ssize_t n;
    enum err e;

    message_clear(out);
    if (c->fd < 0)
        return ERR_CLOSED;
    do
        n = recvmsg(c->fd, &h, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return from_errno("recvmsg");
    if (n == 0) { /* no message is empty: the far end closed, or sends descriptors with nothing */
        (void)!adopt_fds(out, &h);
        message_clear(out);
        return ERR_CLOSED;
    }
    e = judge(c, out, &h, (size_t)n);
    explicit_bzero(bytes, (size_t)n);
    if (e)
        message_clear(out);
    return e;
}
