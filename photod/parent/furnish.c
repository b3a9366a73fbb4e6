#include "photod/parent/furnish.h"

#include <signal.h>
#include "photod/base/log.h"

/* Whether c is not in the way of it: false only when its channel is full. */
static bool tell(struct child *c, enum msg type, const void *shape, const int *fds, unsigned count)
{
    char name[CHILD_NAME];
    enum err e;

    if (!child_is_living(c))
        return true;
    e = channel_send(&c->control, type, 0, shape, fds, count, false);
    if (!e || e == ERR_CLOSED)
        return true;
    child_name(name, c);
    log_error("%s does not take %s (%s)", name, message_name(type), err_name(e));
    if (c->process != PROCESS_VAULT)
        (void)kill(c->pid, SIGKILL);
    return false;
}

static void tell_fd(struct child *c, enum msg type, int fd)
{
    (void)tell(c, type, NULL, &fd, 1);
}

/* The position of a descriptor is shared with whoever read it before. */
static void tell_fd_rewound(struct child *c, enum msg type, int fd)
{
    (void)lseek(fd, 0, SEEK_SET);
    tell_fd(c, type, fd);
}

static void furnish_vault(struct child *c, const struct holdings *h, int root_key)
{
    tell_fd_rewound(c, MSG_STATE_DIR, h->state_dir);
    tell_fd_rewound(c, MSG_ROOT_KEY, root_key);
    tell_fd(c, MSG_LISTEN, h->admin);
}

void furnish(struct child *c, struct holdings *h, int root_key)
{
    tell_fd_rewound(c, MSG_CONFIG, h->config_text);
    switch (c->process) {
    case PROCESS_VAULT:
        furnish_vault(c, h, root_key);
        break;
    case PROCESS_LAW:
    case PROCESS_OFFICE:
        tell_fd(c, MSG_LISTEN, c->process == PROCESS_LAW ? h->law : h->office);
        furnish_tls(c, &h->tls);
        break;
    case PROCESS_INTAKE:
    case PROCESS_PARENT:
    case PROCESS_CTL:
        break;
    }
}

static bool tell_link(struct child *c, const struct child *far, int fd)
{
    const struct shape_link link = {.process = far->process, .index = far->index};

    return tell(c, MSG_LINK, &link, &fd, 1);
}

void furnish_link(struct child *vault, struct child *peer)
{
    int fds[2];

    if (!child_is_living(vault) || !child_is_living(peer))
        return;
    if (channel_pair(fds)) { /* logged */
        (void)kill(peer->pid, SIGKILL);
        return;
    }
    if (!tell_link(vault, peer, fds[0]) || !tell_link(peer, vault, fds[1]))
        (void)kill(peer->pid, SIGKILL); /* without its link it is of no use */
    (void)close(fds[0]);
    (void)close(fds[1]);
}

void furnish_go(struct child *c)
{
    (void)tell(c, MSG_GO, NULL, NULL, 0);
}

void furnish_tls(struct child *web, const struct tls_files *tls)
{
    (void)tell(web, MSG_TLS, NULL, tls->fds, TLS_FILES);
}

void furnish_stop(struct child *c)
{
    (void)tell(c, MSG_STOP, NULL, NULL, 0);
}

void furnish_process(struct child *vault, const struct shape_process *about)
{
    (void)tell(vault, MSG_PROCESS, about, NULL, 0);
}
