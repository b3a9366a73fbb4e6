#include "intake_rig.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000

const char *rig_program = INTAKE_PROGRAM;

static const char usual[] = "state = /nowhere\nsocket = /nowhere\nroot_key = /nowhere\n"
                            "tls_certificate = /nowhere\ntls_key = /nowhere\ntls_ca = /nowhere\n"
                            "tls_crl = /nowhere\n";

int rig_bulk(const void *bytes, size_t len)
{
    int fd = -1;

    ck_assert_int_eq(bulk_new(&fd, bytes, len), OK);
    return fd;
}

void rig_map(struct bulk *out, struct message *m, unsigned n)
{
    ck_assert_int_eq(bulk_map(out, m->fds[n], 64u << 20), OK);
}

static void tell(struct rig *r, enum msg type, const void *shape, int fd)
{
    ck_assert_int_eq(channel_send(&r->control, type, 0, shape, &fd, fd >= 0, true), OK);
    if (fd >= 0)
        (void)close(fd);
}

void rig_spawn(struct rig *r, const char *more)
{
    char config[1024];
    int fds[2], len;

    ck_assert_int_eq(channel_pair(fds), OK);
    r->vault = CHANNEL_CLOSED;
    r->control = (struct channel){fds[0], PROCESS_PARENT, PROCESS_INTAKE, STATE_SERVE};
    r->pid = fork();
    ck_assert_int_ge(r->pid, 0);
    if (r->pid == 0) {
        (void)dup2(fds[1], 3);
        (void)close_range(4, ~0U, 0);
        (void)execl(rig_program, "photod-intake", "0", (char *)NULL);
        _exit(99);
    }
    (void)close(fds[1]);
    len = snprintf(config, sizeof config, "%s%s", usual, more);
    tell(r, MSG_CONFIG, NULL, rig_bulk(config, (size_t)len));
}

void rig_start(struct rig *r, const char *more)
{
    static const struct shape_link link = {.process = PROCESS_VAULT};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    int fds[2];

    rig_spawn(r, more);
    ck_assert_int_eq(channel_pair(fds), OK);
    r->vault = (struct channel){fds[0], PROCESS_VAULT, PROCESS_INTAKE, STATE_IDLE};
    tell(r, MSG_LINK, &link, fds[1]);
    tell(r, MSG_GO, NULL, -1);
    ck_assert_int_eq(channel_recv(&r->control, &m, true), OK);
    ck_assert_int_eq(m.type, MSG_READY);
    r->ready = m.is.ready;
}

void rig_clear(struct rig *r)
{
    channel_close(&r->control);
    channel_close(&r->vault);
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
    }
    r->pid = 0;
}

int rig_wait(struct rig *r)
{
    int status = -1;

    ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
    r->pid = 0;
    return status;
}

void rig_ask(struct rig *r, enum channel_state state, enum msg type, const void *shape, int fd)
{
    ck_assert_int_eq(channel_send(&r->vault, type, 7, shape, &fd, fd >= 0, true), OK);
    if (fd >= 0)
        (void)close(fd);
    r->vault.state = state;
}

void rig_hear(struct rig *r, struct message *out, enum msg type)
{
    struct pollfd p = {.fd = r->vault.fd, .events = POLLIN};
    enum err e;

    ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "no answer, expected %s", message_name(type));
    e = channel_recv(&r->vault, out, true);
    ck_assert_msg(!e, "%s, expected %s", err_name(e), message_name(type));
    ck_assert_msg(
        out->type == type, "%s, expected %s%s%s", message_name(out->type), message_name(type),
        out->type == MSG_IMAGE_FAULT || out->type == MSG_ZIP_REFUSED || out->type == MSG_ROSTER_FAULT ? ": "
                                                                                                      : "",
        out->type == MSG_IMAGE_FAULT || out->type == MSG_ZIP_REFUSED || out->type == MSG_ROSTER_FAULT
            ? out->is.fault.code
            : "");
    ck_assert_int_eq(out->request, 7);
}
