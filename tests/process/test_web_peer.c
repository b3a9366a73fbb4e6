#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lawapi/problem.h"
#include "photod/base/clock.h"
#include "photod/wire/bulk.h"
#include "tests/process/test_web.h"

static const char config_text[] =
    "state = /nonexistent\nsocket = /nonexistent\ntls_certificate = /nonexistent\n"
    "tls_key = /nonexistent\ntls_ca = /nonexistent\ntls_crl = /nonexistent\n"
    "root_key = /nonexistent\nlaw_connections = 16\noffice_connections = 16\n"
    "upload_max_mib = 16\n";

/* The vault. */

static void note(struct peer *p, const struct message *m)
{
    struct stat st;

    pthread_mutex_lock(&p->lock);
    p->counts[m->type]++;
    p->last[m->type] = m->is;
    if (m->type == MSG_UPLOAD_CHUNK && fstat(m->fds[0], &st) == 0 && m->is.upload_chunk.offset >> 20 < 64) {
        p->chunk_sizes[m->is.upload_chunk.offset >> 20] = (uint32_t)st.st_size;
        p->upload_bytes += (uint64_t)st.st_size;
    }
    pthread_mutex_unlock(&p->lock);
}

static void *peer_main(void *cls)
{
    struct peer *p = cls;
    struct message m = MESSAGE_NONE;

    while (!channel_recv(&p->channel, &m, true)) {
        note(p, &m);
        p->answer(p, &m);
    }
    message_clear(&m);
    (void)shutdown(p->channel.fd, SHUT_RDWR);
    return NULL;
}

void peer_start(struct peer *p, int fd, enum process door, peer_answer *answer)
{
    memset(p, 0, sizeof *p);
    p->channel = (struct channel){fd, PROCESS_VAULT, door, STATE_SERVE};
    p->answer = answer;
    (void)pthread_mutex_init(&p->lock, NULL);
    ck_assert_int_eq(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

void peer_stop(struct peer *p)
{
    if (!p->answer)
        return;
    (void)shutdown(p->channel.fd, SHUT_RDWR);
    (void)pthread_join(p->thread, NULL);
    channel_close(&p->channel);
    p->answer = NULL;
}

unsigned peer_count(struct peer *p, enum msg type)
{
    unsigned n;

    pthread_mutex_lock(&p->lock);
    n = p->counts[type];
    pthread_mutex_unlock(&p->lock);
    return n;
}

bool peer_awaits(struct peer *p, enum msg type, unsigned n)
{
    const struct timespec moment = {.tv_nsec = 5000000};

    for (int i = 0; i < 1000 && peer_count(p, type) < n; i++)
        (void)nanosleep(&moment, NULL);
    return peer_count(p, type) >= n;
}

void peer_say(struct peer *p, enum msg type, uint32_t request, const void *shape, int fd)
{
    enum err e = channel_send(&p->channel, type, request, shape, &fd, fd >= 0, true);

    (void)e; /* web may have gone: the test sees that by other means */
}

void peer_refuse(struct peer *p, uint32_t request, unsigned problem)
{
    struct shape_refused refused = {.problem = problem, .leaf = 8};

    (void)snprintf(refused.detail, sizeof refused.detail, "the vault says so");
    if (problem == PROBLEM_BACK_OFF)
        refused.retry_after_s = 16;
    peer_say(p, MSG_REFUSED, request, &refused, -1);
}

/* The parent. */

static void tell(struct door *d, enum msg type, const void *shape, const int *fds, unsigned count)
{
    ck_assert_int_eq(channel_send(&d->control, type, 0, shape, fds, count, true), OK);
}

static int bulk_of(const void *bytes, size_t len)
{
    int fd = -1;

    ck_assert_int_eq(bulk_new(&fd, bytes, len), OK);
    return fd;
}

void door_tls(struct door *d, enum who server, gnutls_datum_t crl)
{
    const gnutls_datum_t parts[4] = {pairs[server].certificate, pairs[server].key, ca_pem, crl};
    int fds[4];

    for (int i = 0; i < 4; i++)
        fds[i] = bulk_of(parts[i].data, parts[i].size);
    tell(d, MSG_TLS, NULL, fds, 4);
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
}

void door_link(struct door *d, peer_answer *answer)
{
    struct shape_link link = {PROCESS_VAULT, 0, 0};
    int ends[2];

    ck_assert_int_eq(channel_pair(ends), OK);
    tell(d, MSG_LINK, &link, &ends[1], 1);
    (void)close(ends[1]);
    peer_start(&d->vault, ends[0], d->process, answer);
}

static int listen_anywhere(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(fd, 128), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static pid_t spawn(int control, enum process process)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int fd = fcntl(control, F_DUPFD, 10); /* 3 may be anything in the test */

        if (fd < 0 || dup2(fd, 3) != 3)
            _exit(126);
        (void)close(fd);
        (void)setpgid(0, 0);
        (void)execl(PHOTOD_WEB, "photod-web", process == PROCESS_LAW ? "law" : "office", (char *)NULL);
        _exit(127);
    }
    return pid;
}

void door_start(struct door *d, enum process process, peer_answer *answer)
{
    struct message ready = MESSAGE_NONE;
    int ends[2], fd;

    memset(d, 0, sizeof *d);
    d->process = process;
    ck_assert_int_eq(channel_pair(ends), OK);
    d->pid = spawn(ends[1], process);
    (void)close(ends[1]);
    d->control = (struct channel){ends[0], PROCESS_PARENT, process, STATE_SERVE};
    fd = bulk_of(config_text, sizeof config_text - 1);
    tell(d, MSG_CONFIG, NULL, &fd, 1);
    (void)close(fd);
    fd = listen_anywhere(&d->port);
    tell(d, MSG_LISTEN, NULL, &fd, 1);
    (void)close(fd);
    door_tls(d, SERVER, crl_pem);
    if (answer)
        door_link(d, answer);
    tell(d, MSG_GO, NULL, NULL, 0);
    ck_assert_int_eq(channel_recv(&d->control, &ready, true), OK);
    ck_assert_int_eq(ready.type, MSG_READY);
    ck_assert_uint_eq(ready.is.ready.seccomp, 1);
}

void door_stop(struct door *d)
{
    int status = -1;

    tell(d, MSG_STOP, NULL, NULL, 0);
    ck_assert_int_eq(waitpid(d->pid, &status, 0), d->pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "photod-web ended with status %d", status);
    peer_stop(&d->vault);
    channel_close(&d->control);
}
