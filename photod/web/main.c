/*
 * photod-web: one door.  Run twice, as `photod-web law` and `photod-web
 * office`: TLS and HTTP for clients, questions for the vault.  It holds no
 * key of the store, opens no file and makes no connection; whatever it is
 * told by a client it hands on as the client's word.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/config.h"
#include "photod/base/log.h"
#include "photod/confine/confine.h"
#include "photod/web/answer.h"
#include "photod/web/gate.h"
#include "photod/web/routes.h"
#include "photod/web/strangers.h"
#include "photod/web/vault.h"
#include "photod/wire/channel.h"

/* The parent does not start a door again that leaves with this before it was ready. */
#define EXIT_CANNOT_SERVE 4

#define PARENT_FD         3
#define GRACE_MS          5000
#define LAW_POOL          ((size_t)32 << 10)
#define OFFICE_POOL       ((size_t)128 << 10)

static struct web {
    enum process door;
    struct channel parent;
    struct config config;
    int listen_fd, vault_fd;
    bool has_config, has_tls, go;
} web = {.listen_fd = -1, .vault_fd = -1};

static bool checks_clients(void)
{
    return web.door == PROCESS_LAW;
}

/* What the parent may bring before GO. */
static enum err adopt(struct message *m)
{
    struct config_fault fault;

    switch ((int)m->type) {
    case MSG_CONFIG:
        if (config_read(&web.config, &fault, m->fds[0])) {
            log_error("configuration, line %u: %s", fault.line, fault.text);
            return ERR_MALFORMED;
        }
        web.has_config = true;
        return OK;
    case MSG_LISTEN:
        fd_cleanup(&web.listen_fd);
        web.listen_fd = message_take_fd(m, 0);
        return OK;
    case MSG_TLS:
        web.has_tls = true;
        return identity_load(m->fds, checks_clients());
    case MSG_LINK:
        if (m->is.link.process != PROCESS_VAULT)
            return OK;
        fd_cleanup(&web.vault_fd);
        web.vault_fd = message_take_fd(m, 0);
        return OK;
    case MSG_GO:
        web.go = true;
        return OK;
    default:
        return ERR_CLOSED; /* STOP */
    }
}

static enum err adopt_all(void)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    while (!web.go) {
        TRY(channel_recv(&web.parent, &m, true));
        TRY(adopt(&m));
    }
    if (web.has_config && web.has_tls && web.listen_fd >= 0)
        return OK;
    log_error("the parent said GO before it gave a configuration, TLS files and a door");
    return ERR_MALFORMED;
}

/* From the parent, while serving.  False: stop. */
static bool obey(struct message *m)
{
    switch ((int)m->type) {
    case MSG_TLS:
        if (identity_load(m->fds, checks_clients()))
            log_error("the new TLS files are refused; the old ones stay in force");
        else
            log_info("new TLS files are in force");
        return true;
    case MSG_LINK:
        if (m->is.link.process == PROCESS_VAULT)
            link_take(message_take_fd(m, 0));
        return true;
    default:
        return false;
    }
}

static void serve(void)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct pollfd from_parent = {.fd = web.parent.fd, .events = POLLIN};
    int64_t next = clock_steady_ms() + STRANGERS_PERIOD_MS;

    for (;;) {
        int64_t now = clock_steady_ms();

        if (now >= next) {
            strangers_send();
            next = now + STRANGERS_PERIOD_MS;
        }
        if (poll(&from_parent, 1, now < next ? (int)(next - now) : 0) <= 0)
            continue;
        if (channel_recv(&web.parent, &m, true) || !obey(&m))
            return;
    }
}

static enum err start(void)
{
    struct gate_plan plan = {.listen_fd = web.listen_fd, .asks_certificate = checks_clients()};

    plan.limit = (unsigned)(checks_clients() ? web.config.law_connections : web.config.office_connections);
    plan.pool_bytes = checks_clients() ? LAW_POOL : OFFICE_POOL;
    routes_init(web.door, web.config.upload_max_mib);
    TRY(link_open(web.door));
    if (web.vault_fd >= 0)
        link_take(TAKE_FD(web.vault_fd));
    return gate_open(&plan);
}

static void stop(void)
{
    gate_quiesce(GRACE_MS);
    strangers_send();
    link_close();
    gate_close();
    identity_clear();
    fd_cleanup(&web.listen_fd);
    channel_close(&web.parent);
}

int main(int argc, char **argv)
{
    struct confined confined = {0};
    struct shape_ready ready;
    enum err e;

    if (argc == 2 && strcmp(argv[1], "law") == 0)
        web.door = PROCESS_LAW;
    else if (argc == 2 && strcmp(argv[1], "office") == 0)
        web.door = PROCESS_OFFICE;
    else
        return 2;
    log_init(process_name(web.door));
    (void)signal(SIGPIPE, SIG_IGN);
    answer_init();
    web.parent = (struct channel){PARENT_FD, web.door, PROCESS_PARENT, STATE_START};
    e = adopt_all();
    if (e == ERR_CLOSED) /* the parent stops before we began */
        return 0;
    if (e)
        return e == ERR_MALFORMED ? EXIT_CANNOT_SERVE : 1;
    if (confine(&confined, CONFINE_WEB, NULL, 0) || start())
        return 1;
    web.parent.state = STATE_SERVE;
    ready = (struct shape_ready){(uint32_t)confined.landlock_abi, confined.seccomp, 0};
    if (channel_send(&web.parent, MSG_READY, 0, &ready, NULL, 0, true))
        return 1;
    serve();
    stop();
    return 0;
}
