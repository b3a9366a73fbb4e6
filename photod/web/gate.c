/*
 * Accept loop and deadlines, in photod-web.  Threads: this loop, one of
 * libmicrohttpd that starts and buries connections, one per connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/web/gate.h"
#include "photod/web/routes.h"

#define TICK_MS      250
#define ACCEPT_BURST 64
#define LINGER_MAX   64
#define STACK_BYTES  ((size_t)1 << 20) /* jansson descends 2,048 levels */

static struct {
    struct MHD_Daemon *daemon;
    int listen_fd, wake_fd;
    bool asks_certificate;
    pthread_t loop;
} gate;

static void on_connection(void *unused, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    (void)unused;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context)
            visitor_closed(*context);
        return;
    }
    *context =
        visitor_started(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    if (gate.asks_certificate) {
        gnutls_session_t session = gate_session(connection);

        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        /* No list of CAs: it would be the one of the start, not of the last reload. */
        gnutls_certificate_send_x509_rdn_sequence(session, 1);
    }
}

struct visitor *gate_visitor(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

gnutls_session_t gate_session(struct MHD_Connection *connection)
{
    return (gnutls_session_t)MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)
        ->tls_session;
}

/* Paths are judged as they came: no route needs an escape. */
static size_t keep_escapes(void *unused, struct MHD_Connection *connection, char *text)
{
    (void)unused, (void)connection;
    return strlen(text);
}

static bool accept_one(void)
{
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    } from = {0};
    socklen_t len = sizeof from;
    int fd = accept4(gate.listen_fd, &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            log_errno("accept");
        return false;
    }
    if (!visitor_admit(fd, &from.any))
        (void)close(fd);
    else
        (void)MHD_add_connection(gate.daemon, fd, &from.any, len); /* closes it if it cannot */
    return true;
}

static void *loop_main(void *unused)
{
    struct pollfd fds[2 + LINGER_MAX] = {{.fd = gate.wake_fd, .events = POLLIN},
                                         {.fd = gate.listen_fd, .events = POLLIN}};
    unsigned lingering;

    for (;;) {
        lingering = visitors_poll(fds + 2, LINGER_MAX);
        if (poll(fds, 2 + lingering, visitors_open() ? TICK_MS : -1) < 0 && errno != EINTR) {
            log_errno("poll");
            break;
        }
        if (fds[0].revents)
            break;
        visitors_drain(fds + 2, lingering);
        visitors_tick(clock_steady_ms());
        for (int i = 0; fds[1].revents && i < ACCEPT_BURST; i++)
            if (!accept_one())
                break;
    }
    return unused;
}

static struct MHD_Daemon *start_daemon(const struct gate_plan *plan)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
                     MHD_USE_TLS | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC;

    return MHD_start_daemon(flags, 0, NULL, NULL, routes_request, NULL, MHD_OPTION_CONNECTION_LIMIT,
                            visitors_capacity(), MHD_OPTION_CONNECTION_MEMORY_LIMIT, plan->pool_bytes,
                            MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
                            on_connection, NULL, MHD_OPTION_NOTIFY_COMPLETED, routes_completed, NULL,
                            MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_HTTPS_PRIORITIES, IDENTITY_PRIORITY, MHD_OPTION_HTTPS_CERT_CALLBACK2,
                            identity_show, MHD_OPTION_END);
}

static enum err fail(const char *what)
{
    log_errno("%s", what);
    return ERR_IO;
}

enum err gate_open(const struct gate_plan *plan)
{
    int flags = fcntl(plan->listen_fd, F_GETFL);

    gate.listen_fd = plan->listen_fd;
    gate.asks_certificate = plan->asks_certificate;
    if (flags < 0 || fcntl(plan->listen_fd, F_SETFL, flags | O_NONBLOCK))
        return fail("the listening socket");
    TRY(visitors_init(plan->limit));
    gate.wake_fd = eventfd(0, EFD_CLOEXEC);
    if (gate.wake_fd < 0)
        return fail("eventfd");
    gate.daemon = start_daemon(plan);
    if (!gate.daemon)
        return fail("libmicrohttpd does not start");
    if (pthread_create(&gate.loop, NULL, loop_main, NULL))
        return fail("the accept loop does not start");
    return OK;
}

void gate_quiesce(int64_t grace_ms)
{
    int64_t end = clock_steady_ms() + grace_ms;
    const struct timespec moment = {.tv_nsec = 20000000};

    (void)eventfd_write(gate.wake_fd, 1);
    (void)pthread_join(gate.loop, NULL);
    do
        visitors_cut(false);
    while (visitors_open() && clock_steady_ms() < end && nanosleep(&moment, NULL) == 0);
    visitors_cut(true);
}

void gate_close(void)
{
    MHD_stop_daemon(gate.daemon);
    (void)close(gate.wake_fd);
    visitors_clear();
}
