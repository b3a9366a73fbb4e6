/*
 * The connection table.  Runs in photod-web; one lock, short holds.
 *
 *   phase   entered when                        deadline
 *   FREE    -                                   -
 *   ADDED   accepted, handed to libmicrohttpd   10 s (HEAD's)
 *   HEAD    libmicrohttpd has it: handshake,    10 s
 *           then headers
 *   BODY    headers are judged, body comes      10 s, or for uploads by size; and 8 KiB/s over 10 s
 *   WORK    the vault is asked                  150 s, past the vault's own
 *   WRITE   the answer is queued                10 s + its size at 8 KiB/s
 *   REST    the answer is sent                  30 s, for the whole of the next headers
 *   CUT     shutdown() was called               -
 *   LINGER  libmicrohttpd closed it, we drain   2 s
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/web/visitor.h"

#define HEAD_MS      10000
#define BODY_MS      10000
#define WINDOW_MS    10000
#define WORK_MS      150000 /* no vault call takes longer */
#define WRITE_MS     10000
#define REST_MS      30000
#define LINGER_MS    2000
#define LIFE_MS      (60 * 60 * 1000)
#define MIN_RATE     8192 /* bytes a second, uploads and answers */
#define WINDOW_BYTES ((uint64_t)MIN_RATE * WINDOW_MS / 1000)

enum phase { FREE, ADDED, HEAD, BODY, WORK, WRITE, REST, CUT, LINGER };

struct visitor_place {
    struct visitor visitor;
    enum phase phase;
    int fd;     /* libmicrohttpd's, to recognise it at the start; not ours to touch */
    int handle; /* our duplicate */
    bool authenticated, linger, streamed;
    uint64_t number; /* order of arrival */
    int64_t born_ms, deadline_ms;
    int64_t body_ms;   /* of the deadline left when the vault was asked */
    int64_t window_ms; /* start of the window in which the rate is measured */
    uint64_t window_bytes;
};

static struct {
    pthread_mutex_t lock;
    struct visitor_place *places;
    unsigned limit, capacity, used; /* used: not FREE */
    unsigned present;               /* used, and neither CUT nor LINGER */
    uint64_t next;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum err visitors_init(unsigned limit)
{
    table.limit = limit;
    table.capacity = 2 * limit + 16; /* the cut ones are gone a moment later */
    table.places = calloc(table.capacity, sizeof *table.places);
    return table.places ? OK : ERR_NOMEM;
}

void visitors_clear(void)
{
    for (unsigned i = 0; table.places && i < table.capacity; i++)
        if (table.places[i].phase != FREE)
            (void)close(table.places[i].handle);
    free(table.places);
    table.places = NULL;
}

unsigned visitors_capacity(void)
{
    return table.capacity;
}

static bool is_present(const struct visitor_place *p)
{
    return p->phase != FREE && p->phase != CUT && p->phase != LINGER;
}

static void cut(struct visitor_place *p)
{
    (void)shutdown(p->handle, SHUT_RDWR);
    p->phase = CUT;
    /* What never started is given up by tick() when this passes. */
    p->deadline_ms = clock_steady_ms() + HEAD_MS;
    table.present--;
}

static void release(struct visitor_place *p)
{
    if (is_present(p))
        table.present--;
    (void)close(p->handle);
    memset(p, 0, sizeof *p);
    table.used--;
}

/* The oldest who has not shown who it is; else who has rested longest. */
static struct visitor_place *least_wanted(void)
{
    struct visitor_place *stranger = NULL, *resting = NULL;

    for (unsigned i = 0; i < table.capacity; i++) {
        struct visitor_place *p = &table.places[i];

        if (!is_present(p))
            continue;
        if (!p->authenticated && (!stranger || p->number < stranger->number))
            stranger = p;
        if (p->phase == REST && (!resting || p->deadline_ms < resting->deadline_ms))
            resting = p;
    }
    return stranger ? stranger : resting;
}

static struct visitor_place *find_free(void)
{
    for (unsigned i = 0; i < table.capacity; i++)
        if (table.places[i].phase == FREE)
            return &table.places[i];
    return NULL;
}

static void write_source(char text[static 46], const struct sockaddr *address)
{
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;
    const void *bytes = &a.v4.sin_addr;
    int family = address->sa_family;

    memcpy(&a, address, family == AF_INET6 ? sizeof a.v6 : sizeof a.v4);
    if (family == AF_INET6) {
        bytes = &a.v6.sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr)) {
            bytes = a.v6.sin6_addr.s6_addr + 12;
            family = AF_INET;
        }
    }
    if (!inet_ntop(family, bytes, text, 46))
        text[0] = '\0';
}

static bool admit_locked(int fd, int handle, const struct sockaddr *address)
{
    struct visitor_place *p;

    if (table.present >= table.limit) {
        p = least_wanted();
        if (!p)
            return false;
        cut(p);
    }
    p = find_free();
    if (!p)
        return false;
    *p = (struct visitor_place){.phase = ADDED, .fd = fd, .handle = handle, .number = table.next++};
    p->visitor.place = p;
    write_source(p->visitor.source, address);
    p->born_ms = clock_steady_ms();
    p->deadline_ms = p->born_ms + HEAD_MS;
    table.used++;
    table.present++;
    return true;
}

bool visitor_admit(int fd, const struct sockaddr *address)
{
    int handle = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    bool admitted;

    if (handle < 0) {
        log_errno("duplicating a connection");
        return false;
    }
    pthread_mutex_lock(&table.lock);
    admitted = admit_locked(fd, handle, address);
    pthread_mutex_unlock(&table.lock);
    if (!admitted)
        (void)close(handle);
    return admitted;
}

struct visitor *visitor_started(int fd)
{
    struct visitor *found = NULL;

    pthread_mutex_lock(&table.lock);
    for (unsigned i = 0; i < table.capacity && !found; i++) {
        struct visitor_place *p = &table.places[i];

        if (p->fd != fd || (p->phase != ADDED && p->phase != CUT))
            continue;
        if (p->phase == ADDED)
            p->phase = HEAD;
        p->fd = -1; /* recognised once */
        found = &p->visitor;
    }
    pthread_mutex_unlock(&table.lock);
    return found;
}

void visitor_closed(struct visitor *v)
{
    struct visitor_place *p = v->place;

    pthread_mutex_lock(&table.lock);
    if (p->linger && is_present(p)) {
        p->phase = LINGER;
        p->deadline_ms = clock_steady_ms() + LINGER_MS;
        table.present--;
    } else {
        release(p);
    }
    pthread_mutex_unlock(&table.lock);
}

/* Enters a phase, unless the visitor has been cut meanwhile. */
static void enter(struct visitor_place *p, enum phase phase, int64_t for_ms)
{
    int64_t now = clock_steady_ms();

    if (!is_present(p))
        return;
    if (p->phase == BODY)
        p->body_ms = p->deadline_ms - now;
    p->phase = phase;
    p->deadline_ms = now + for_ms;
    p->window_ms = now;
    p->window_bytes = 0;
}

static void enter_locking(struct visitor *v, enum phase phase, int64_t for_ms)
{
    pthread_mutex_lock(&table.lock);
    enter(v->place, phase, for_ms);
    pthread_mutex_unlock(&table.lock);
}

static int64_t at_min_rate(uint64_t bytes)
{
    return (int64_t)(bytes / MIN_RATE * 1000);
}

void visitor_reads_body(struct visitor *v, uint64_t bytes, bool streamed)
{
    pthread_mutex_lock(&table.lock);
    v->place->streamed = streamed;
    enter(v->place, BODY, streamed ? BODY_MS + at_min_rate(bytes) : BODY_MS);
    pthread_mutex_unlock(&table.lock);
}

void visitor_got(struct visitor *v, size_t bytes)
{
    pthread_mutex_lock(&table.lock);
    v->place->window_bytes += bytes;
    pthread_mutex_unlock(&table.lock);
}

void visitor_works(struct visitor *v)
{
    enter_locking(v, WORK, WORK_MS);
}

void visitor_reads_on(struct visitor *v)
{
    pthread_mutex_lock(&table.lock);
    enter(v->place, BODY, v->place->body_ms);
    pthread_mutex_unlock(&table.lock);
}

void visitor_writes(struct visitor *v, uint64_t bytes)
{
    enter_locking(v, WRITE, WRITE_MS + at_min_rate(bytes));
}

void visitor_rests(struct visitor *v)
{
    enter_locking(v, REST, REST_MS);
}

void visitor_authenticated(struct visitor *v)
{
    pthread_mutex_lock(&table.lock);
    v->place->authenticated = true;
    pthread_mutex_unlock(&table.lock);
}

void visitor_linger(struct visitor *v)
{
    pthread_mutex_lock(&table.lock);
    v->place->linger = true;
    pthread_mutex_unlock(&table.lock);
}

bool visitor_may_stay(struct visitor *v)
{
    return clock_steady_ms() - v->place->born_ms < LIFE_MS;
}

static bool is_late(struct visitor_place *p, int64_t now)
{
    bool slow;

    if (now >= p->deadline_ms)
        return true;
    if (p->phase != BODY || !p->streamed || now - p->window_ms < WINDOW_MS)
        return false;
    slow = p->window_bytes < WINDOW_BYTES;
    p->window_ms = now;
    p->window_bytes = 0;
    return slow;
}

void visitors_tick(int64_t now)
{
    pthread_mutex_lock(&table.lock);
    for (unsigned i = 0; i < table.capacity; i++) {
        struct visitor_place *p = &table.places[i];

        if (p->phase == FREE || !is_late(p, now))
            continue;
        if (is_present(p))
            cut(p);
        else if (p->phase == LINGER || p->fd >= 0) /* fd: libmicrohttpd never took it */
            release(p);
    }
    pthread_mutex_unlock(&table.lock);
}

unsigned visitors_poll(struct pollfd *fds, unsigned max)
{
    unsigned count = 0;

    pthread_mutex_lock(&table.lock);
    for (unsigned i = 0; i < table.capacity && count < max; i++)
        if (table.places[i].phase == LINGER)
            fds[count++] = (struct pollfd){.fd = table.places[i].handle, .events = POLLIN};
    pthread_mutex_unlock(&table.lock);
    return count;
}

static void drain(int handle)
{
    char waste[16384];
    ssize_t n = recv(handle, waste, sizeof waste, MSG_DONTWAIT);

    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    pthread_mutex_lock(&table.lock);
    for (unsigned i = 0; i < table.capacity; i++)
        if (table.places[i].phase == LINGER && table.places[i].handle == handle)
            release(&table.places[i]);
    pthread_mutex_unlock(&table.lock);
}

void visitors_drain(const struct pollfd *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fds[i].revents)
            drain(fds[i].fd);
}

unsigned visitors_open(void)
{
    unsigned used;

    pthread_mutex_lock(&table.lock);
    used = table.used;
    pthread_mutex_unlock(&table.lock);
    return used;
}

void visitors_cut(bool all)
{
    pthread_mutex_lock(&table.lock);
    for (unsigned i = 0; i < table.capacity; i++) {
        struct visitor_place *p = &table.places[i];

        if (p->phase == LINGER)
            release(p);
        else if (is_present(p) && (all || p->phase == REST || p->phase == HEAD || p->phase == ADDED))
            cut(p);
    }
    pthread_mutex_unlock(&table.lock);
}
