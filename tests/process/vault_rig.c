#include "vault_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"

#define PATIENCE_MS 10000
#define ORI         "MT0250100"

static char *path_of(const struct rig *r, const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    return path;
}

static size_t write_config(const struct rig *r, char *text, size_t size)
{
    int len = snprintf(text, size,
                       "state = %s/state\nsocket = %s/socket\nroot_key = %s/root.key\n"
                       "tls_certificate = /nowhere\ntls_key = /nowhere\ntls_ca = /nowhere\n"
                       "tls_crl = /nowhere\nconfinement = same-user\nfull_percent = 100\n"
                       "ballast_mib = %u\n",
                       r->dir, r->dir, r->dir, r->ballast_mib);
    FILE *f = fopen(path_of(r, "photod.conf"), "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
    return (size_t)len;
}

/* photod-vault with its standard error in a file beside the state. */
static pid_t spawn(const struct rig *r, int control, char *const argv[])
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int log = open(path_of(r, "log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
        (void)dup2(control, 3);
        (void)close_range(4, ~0U, 0);
        if (r->clock_library) {
            char shift[24];

            (void)snprintf(shift, sizeof shift, "%lld", (long long)r->clock_shift_ms);
            (void)setenv("LD_PRELOAD", r->clock_library, 1);
            (void)setenv("CLOCK_SHIFT_MS", shift, 1);
        }
        if (r->fault_library) {
            (void)setenv("LD_PRELOAD", r->fault_library, 1);
            (void)setenv("FAULT_CONTROL", path_of(r, "fault"), 1);
        }
        (void)execv(VAULT_PROGRAM, argv);
        _exit(99);
    }
    return pid;
}

static _Noreturn void show_log(const struct rig *r, const char *what)
{
    char text[8192];
    FILE *f = fopen(path_of(r, "log"), "r");
    size_t len = 0;

    if (f && !fseek(f, 0, SEEK_END)) {
        long size = ftell(f);

        (void)fseek(f, size > 8000 ? size - 8000 : 0, SEEK_SET);
        len = fread(text, 1, sizeof text - 1, f);
    }
    text[len] = '\0';
    ck_abort_msg("%s\n%s", what, text);
}

static void init_state(const struct rig *r)
{
    char program[] = "photod-vault", init[] = "--init", config[] = "--config", policy[] = "--consent-policy",
         carried[] = "carried", origin[] = "--origin", name[] = "test.example/log", file[128];
    char *const argv[] = {program, init, config, file, policy, carried, origin, name, NULL};
    int status = -1;
    pid_t pid;

    ck_assert_int_eq(mkdir(path_of(r, "state"), 0700), 0);
    (void)snprintf(file, sizeof file, "%s/photod.conf", r->dir);
    pid = spawn(r, STDIN_FILENO, argv);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (status)
        show_log(r, "photod-vault --init failed");
}

static void tell(struct rig *r, enum msg type, const void *shape, int fd)
{
    if (channel_send(&r->control, type, 0, shape, &fd, fd >= 0, true))
        show_log(r, "the vault is gone");
    if (fd >= 0)
        (void)close(fd);
}

static int listen_here(const struct rig *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%.60s/socket", r->dir);
    (void)unlink(at.sun_path);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    return fd;
}

struct channel *rig_channel(struct rig *r, enum process process, unsigned index)
{
    switch ((int)process) {
    case PROCESS_LAW:
        return &r->law;
    case PROCESS_OFFICE:
        return &r->office;
    case PROCESS_CTL:
        return &r->ctl;
    case PROCESS_INTAKE:
        return &r->workers[index];
    default:
        return NULL;
    }
}

static int connect_ctl(const struct rig *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%.60s/socket", r->dir);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at))
        show_log(r, "the local socket does not answer");
    return fd;
}

void rig_link(struct rig *r, struct channel *c, enum process process, uint32_t index)
{
    const struct shape_link link = {.process = process, .index = index};
    int fds[2];

    channel_close(c);
    if (process == PROCESS_CTL) {
        *c = (struct channel){connect_ctl(r), process, PROCESS_VAULT, STATE_SERVE};
        return;
    }
    ck_assert_int_eq(channel_pair(fds), OK);
    *c = (struct channel){fds[0], process, PROCESS_VAULT,
                          process == PROCESS_INTAKE ? STATE_IDLE : STATE_SERVE};
    tell(r, MSG_LINK, &link, fds[1]);
}

void rig_launch(struct rig *r)
{
    char config[1024], program[] = "photod-vault";
    char *const argv[] = {program, NULL};
    int fds[2];

    channel_close(&r->control);
    ck_assert_int_eq(channel_pair(fds), OK);
    r->control = (struct channel){fds[0], PROCESS_PARENT, PROCESS_VAULT, STATE_SERVE};
    r->pid = spawn(r, fds[1], argv);
    (void)close(fds[1]);
    tell(r, MSG_CONFIG, NULL, rig_bulk(config, write_config(r, config, sizeof config)));
    tell(r, MSG_STATE_DIR, NULL, open(path_of(r, "state"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    tell(r, MSG_ROOT_KEY, NULL, open(path_of(r, "root.key"), O_RDONLY | O_CLOEXEC));
    tell(r, MSG_LISTEN, NULL, listen_here(r));
    tell(r, MSG_GO, NULL, -1);
}

bool rig_is_ready(struct rig *r)
{
    struct pollfd p = {.fd = r->control.fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

void rig_join(struct rig *r)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    if (channel_recv(&r->control, &m, true) || m.type != MSG_READY)
        show_log(r, "the vault is not ready");
    r->ready = m.is.ready;
    rig_link(r, &r->law, PROCESS_LAW, 0);
    rig_link(r, &r->office, PROCESS_OFFICE, 0);
    rig_link(r, &r->ctl, PROCESS_CTL, 0);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        rig_link(r, &r->workers[i], PROCESS_INTAKE, i);
}

static void enrol(struct rig *r)
{
    struct shape_district_add district = {.district = RIG_DISTRICT, .name = "Test District"};
    struct shape_agency_add agency = {.ori = ORI, .name = "Test Sheriff"};
    struct shape_credential_add credential = {.ori = ORI, .label = "dispatch", .not_after_ms = UINT64_MAX};
    struct shape_key_add key = {.district = RIG_DISTRICT, .label = "upload", .days = 30};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    memset(r->fingerprint, 0x5a, sizeof r->fingerprint);
    memcpy(credential.fingerprint, r->fingerprint, sizeof r->fingerprint);
    rig_ask(r, &r->ctl, MSG_DISTRICT_ADD, &district, -1, &m, MSG_DONE);
    rig_ask(r, &r->ctl, MSG_AGENCY_ADD, &agency, -1, &m, MSG_DONE);
    rig_ask(r, &r->ctl, MSG_CREDENTIAL_ADD, &credential, -1, &m, MSG_DONE);
    rig_ask(r, &r->ctl, MSG_KEY_ADD, &key, -1, &m, MSG_KEY_ISSUED);
    memcpy(r->key, m.is.key_issued.key, sizeof r->key);
}

static void share_fault(struct rig *r)
{
    CLEANUP(fd) int fd = open(path_of(r, "fault"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_eq(ftruncate(fd, sizeof *r->fault), 0);
    r->fault = mmap(NULL, sizeof *r->fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(r->fault, MAP_FAILED);
    r->fault->class = FAULT_NONE;
}

void rig_start(struct rig *r)
{
    char config[1024];

    ck_assert_int_eq(law_zone_open(), OK); /* the vault's day is Montana's, and so must ours be */
    *r = (struct rig){.control = CHANNEL_CLOSED,
                      .law = CHANNEL_CLOSED,
                      .office = CHANNEL_CLOSED,
                      .clock_library = r->clock_library,
                      .fault_library = r->fault_library,
                      .ballast_mib = r->ballast_mib,
                      .below = r->below};
    r->ctl = CHANNEL_CLOSED;
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        r->workers[i] = CHANNEL_CLOSED;
    (void)snprintf(r->dir, sizeof r->dir, "%s/photod-vault-XXXXXX", r->below ? r->below : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(r->dir));
    (void)write_config(r, config, sizeof config);
    if (r->fault_library)
        share_fault(r);
    init_state(r);
    rig_launch(r);
    rig_join(r);
    enrol(r);
}

static void close_all(struct rig *r)
{
    channel_close(&r->control);
    channel_close(&r->law);
    channel_close(&r->office);
    channel_close(&r->ctl);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        channel_close(&r->workers[i]);
}

void rig_stop(struct rig *r)
{
    int status = -1;

    tell(r, MSG_STOP, NULL, -1);
    ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
    r->pid = 0;
    if (status)
        show_log(r, "the vault did not leave in order");
}

bool rig_ends_within(struct rig *r, unsigned ms, int status)
{
    int64_t until_ms = clock_steady_ms() + ms;
    int got = -1;

    while (waitpid(r->pid, &got, WNOHANG) == 0) {
        if (clock_steady_ms() >= until_ms)
            return false;
        (void)usleep(2000);
    }
    r->pid = 0;
    if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
        show_log(r, "the vault did not leave as it should");
    return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void rig_kill(struct rig *r)
{
    int status = 0;

    if (r->pid <= 0)
        return;
    (void)kill(r->pid, SIGKILL);
    (void)waitpid(r->pid, &status, 0);
    r->pid = 0;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        show_log(r, "the vault had ended by itself");
}

void rig_clear(struct rig *r)
{
    close_all(r);
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
    }
    r->pid = 0;
    (void)nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- Asking ---- */

uint32_t rig_send(struct rig *r, struct channel *c, enum msg type, const void *shape, int fd)
{
    enum err e = channel_send(c, type, ++r->request, shape, &fd, fd >= 0, true);

    if (fd >= 0)
        (void)close(fd);
    if (e)
        show_log(r, "the vault does not hear");
    return r->request;
}

static bool receive(struct channel *c, struct message *out)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};

    return poll(&p, 1, PATIENCE_MS) == 1 && !channel_recv(c, out, true);
}

void rig_hear_any(struct rig *r, struct channel *c, struct message *out)
{
    if (!receive(c, out))
        show_log(r, "no answer");
}

void rig_hear(struct rig *r, struct channel *c, struct message *out)
{
    do
        rig_hear_any(r, c, out);
    while (out->request != r->request);
}

void rig_ask(struct rig *r, struct channel *c, enum msg type, const void *shape, int fd, struct message *out,
             enum msg expected)
{
    (void)rig_send(r, c, type, shape, fd);
    rig_hear(r, c, out);
    ck_assert_msg(out->type == expected, "%s answers %s (problem %u, %s), expected %s",
                  message_name(out->type), message_name(type),
                  out->type == MSG_REFUSED ? out->is.refused.problem : 0,
                  out->type == MSG_REFUSED ? out->is.refused.detail : "", message_name(expected));
}

void rig_refused(struct rig *r, struct channel *c, enum msg type, const void *shape, int fd, uint32_t problem)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(r, c, type, shape, fd, &m, MSG_REFUSED);
    ck_assert_uint_eq(m.is.refused.problem, problem);
}

void rig_worker_hear(struct channel *c, struct message *out, enum msg expected)
{
    ck_assert_msg(receive(c, out), "the worker hears nothing, expected %s", message_name(expected));
    ck_assert_msg(out->type == expected, "the worker hears %s, expected %s", message_name(out->type),
                  message_name(expected));
}

void rig_worker_say(struct rig *r, struct channel *c, enum msg type, const void *shape, int fd,
                    enum channel_state state)
{
    (void)rig_send(r, c, type, shape, fd);
    c->state = state;
}

void rig_send_raw(struct channel *c, const void *bytes, size_t len, const int *fds, unsigned count)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int) * 16)];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};

    if (count) {
        struct cmsghdr *m;

        h.msg_control = control.space;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        m = CMSG_FIRSTHDR(&h);
        m->cmsg_level = SOL_SOCKET;
        m->cmsg_type = SCM_RIGHTS;
        m->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(m), fds, sizeof(int) * count);
    }
    (void)sendmsg(c->fd, &h, MSG_NOSIGNAL);
}

void rig_expect_cut(struct channel *c)
{
    int64_t until_ms = clock_steady_ms() + PATIENCE_MS;

    while (clock_steady_ms() < until_ms) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct pollfd p = {.fd = c->fd, .events = POLLIN};

        if (poll(&p, 1, 100) == 1 && channel_recv(c, &m, false) == ERR_CLOSED)
            return;
    }
    ck_abort_msg("the vault goes on with %s", process_name(c->self));
}

static const char *wanted;
static unsigned found;

static unsigned count_in(const char *path, size_t len)
{
    CLEANUP(heap) char *bytes = malloc(len + 1);
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 && bytes ? read(fd, bytes, len) : -1;
    unsigned count = 0;

    for (char *at = bytes; n > 0 && (at = memmem(at, (size_t)(bytes + n - at), wanted, strlen(wanted))); at++)
        count++;
    return count;
}

/* The tile looked at last: while it is written it has two widths for a moment, and the widest counts. */
static struct {
    char path[128];
    unsigned long widest;
    unsigned count;
} tile;

static int search(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    const char *partial = strstr(path, ".p/");
    unsigned long width = partial ? strtoul(partial + 3, NULL, 10) : 256;
    char of[sizeof tile.path];
    unsigned count;

    (void)ftw;
    (void)snprintf(of, sizeof of, "%.*s", (int)(partial ? (size_t)(partial - path) : strlen(path)), path);
    if (type != FTW_F || (partial && !access(of, F_OK)))
        return 0;
    if (strcmp(of, tile.path) != 0)
        tile.widest = tile.count = 0;
    if (width < tile.widest)
        return 0;
    count = count_in(path, (size_t)st->st_size);
    found += count - tile.count;
    (void)snprintf(tile.path, sizeof tile.path, "%s", of);
    tile.widest = width;
    tile.count = count;
    return 0;
}

static unsigned count_leaves(const struct rig *r, const char *text)
{
    wanted = text;
    found = 0;
    tile.path[0] = '\0';
    (void)nftw(path_of(r, "state/log/tile/entries"), search, 16, FTW_PHYS);
    return found;
}

void rig_expect_leaf(struct rig *r, const char *text)
{
    int64_t until_ms = clock_steady_ms() + PATIENCE_MS;
    const struct timespec pause = {.tv_nsec = 50000000};

    while (!count_leaves(r, text) && clock_steady_ms() < until_ms)
        (void)nanosleep(&pause, NULL);
    if (!found)
        show_log(r, text);
}

unsigned rig_count_leaves(struct rig *r, const char *text)
{
    return count_leaves(r, text);
}

void rig_expect_dropped(struct rig *r, struct channel *c, enum process process, uint32_t index)
{
    char text[80];

    rig_expect_cut(c);
    (void)snprintf(text, sizeof text, "\"type\":\"peer-dropped\",\"process\":\"%s\"", process_name(process));
    rig_expect_leaf(r, text);
    rig_link(r, c, process, index);
    (void)rig_expect_serving(r);
}

uint64_t rig_expect_serving(struct rig *r)
{
    struct shape_lookup ask = rig_lookup(r, "999999999");
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel ctl = CHANNEL_CLOSED, law = CHANNEL_CLOSED;
    int64_t until_ms = clock_steady_ms() + 2 * PATIENCE_MS;
    uint64_t leaf;

    /* Over new channels: the old ones may be in the middle of something, or cut. */
    rig_link(r, &law, PROCESS_LAW, 77);
    do { /* a slow disk, or a queue filled by whoever was here before, is no failure */
        ck_assert_msg(clock_steady_ms() < until_ms, "no lookup is answered any more");
        (void)rig_send(r, &law, MSG_LOOKUP, &ask, -1);
        rig_hear(r, &law, &m);
    } while (m.type == MSG_REFUSED && m.is.refused.retry_after_s);
    ck_assert_msg(m.type == MSG_NONE, "%s answers LOOKUP", message_name(m.type));
    leaf = m.is.none.leaf;
    rig_link(r, &ctl, PROCESS_CTL, 0);
    rig_ask(r, &ctl, MSG_STATUS, NULL, -1, &m, MSG_STATUS_ANSWER);
    ck_assert_uint_gt(m.is.status.leaves, leaf);
    channel_close(&law);
    channel_close(&ctl);
    return m.is.status.leaves;
}

struct shape_lookup rig_lookup(const struct rig *r, const char *state_id)
{
    struct shape_lookup ask = {
        .source = "192.0.2.1", .oca = "TEST-1", .basis = "missing-child-report", .operator= "tester" };

    memcpy(ask.fingerprint, r->fingerprint, sizeof ask.fingerprint);
    clock_format(ask.reported_at, clock_wall_ms() + r->clock_shift_ms - 60000);
    (void)snprintf(ask.state_id, sizeof ask.state_id, "%s", state_id);
    return ask;
}
