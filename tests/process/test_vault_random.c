/* photod-vault itself; everybody who may talk to it sends random messages.  PHOTOD_MESSAGES, PHOTOD_SEED. */
#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "vault_rig.h"

#define MESSAGES 20000

static struct rig rig;
static uint64_t state;
static uint64_t released, max_release, cuts, answers, pictures_elsewhere;

static void setup(void)
{
    rig_start(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

/* xorshift64*: the same messages for the same seed. */
static uint32_t any(uint32_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

/* Mostly what may be true, so that messages get past the first check. */
static const char *any_text(size_t size)
{
    static char text[6001];
    const char *const known[] = {"",           RIG_CHILD,
                                 "012345679",  RIG_DISTRICT,
                                 rig.key,      "missing-child-report",
                                 "TEST-1",     "2026-11-23T03:05:00Z",
                                 "2026-10-01", "standard",
                                 "not-a-zip",  "stored",
                                 "accepted",   "MT0250100",
                                 "192.0.2.1"};
    uint32_t len = any((uint32_t)size);

    if (any(4)) {
        (void)snprintf(text, size, "%s", known[any(sizeof known / sizeof known[0])]);
        return text;
    }
    for (uint32_t i = 0; i < len; i++)
        text[i] = (char)(1 + any(255));
    text[len] = '\0';
    return text;
}

static uint64_t any_number(void)
{
    return any(3) ? any(4) : any(2) ? any(UINT32_MAX) : UINT64_MAX - any(2);
}

static struct date any_date(void)
{
    return any(3) ? (struct date){2026, 10, 1 + (int)any(28)} : (struct date){0};
}

/* One filler per shape, from the same list as the codecs. */
#define U8(f)      s->f = (unsigned char)any_number();
#define U32(f)     s->f = (uint32_t)any_number();
#define U64(f)     s->f = any_number();
#define DATE(f)    s->f = any_date();
#define RAW(f, n)  memcpy(s->f, rig.fingerprint, n);
#define TEXT(f, n) (void)snprintf(s->f, n, "%s", any_text(n));
#define SHAPE(name, ...)                                                                                     \
    static void fill_##name(union shape *shape)                                                              \
    {                                                                                                        \
        struct shape_##name *s = &shape->name;                                                               \
        (void)s;                                                                                             \
        __VA_ARGS__                                                                                          \
    }                                                                                                        \
    static void fill_##name(union shape *shape) __attribute__((unused));
#include "photod/wire/shapes.def"
#undef SHAPE

static void (*const fillers[MSG_COUNT])(union shape *shape) = {
#define MSG(name, shape, from, to, state, fds) [MSG_##name] = fill_##shape,
#include "photod/wire/messages.def"
#undef MSG
};

static const unsigned fd_counts[MSG_COUNT] = {
#define MSG(name, shape, from, to, state, fds) [MSG_##name] = fds,
#include "photod/wire/messages.def"
#undef MSG
};

static int any_fd(void)
{
    static char bytes[3000];
    int fds[3];

    switch (any(6)) {
    case 0:
        return rig_unsealed(any(5000));
    case 1:
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    case 2:
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)any(256);
        return rig_bulk(bytes, any(sizeof bytes));
    case 3:
        return rig_listing(any(3));
    case 4:
        return rig_roster_table(any(3));
    default:
        rig_pictures(fds);
        (void)close(fds[1]);
        (void)close(fds[2]);
        return fds[0];
    }
}

/* What the vault says meanwhile; follows a worker's dialogue so that its answers are in turn now and then. */
static void listen_to(struct channel *c)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    while (c->fd >= 0) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};

        if (poll(&p, 1, 0) != 1 || channel_recv(c, &m, false))
            return;
        answers++;
        if (m.type == MSG_RELEASED) {
            ck_assert_int_eq(c->self, PROCESS_LAW);
            released++;
            max_release = m.is.released.leaf > max_release ? m.is.released.leaf : max_release;
        }
        for (unsigned i = 0; i < m.fd_count && c->self == PROCESS_OFFICE; i++) {
            CLEANUP(bulk) struct bulk b = {(const unsigned char *)"", 0};

            ck_assert_int_eq(bulk_map(&b, m.fds[i], 64u << 20), OK);
            pictures_elsewhere += memmem(b.bytes, b.len, RIG_MARK, strlen(RIG_MARK)) != NULL;
        }
        if (c->self == PROCESS_INTAKE)
            c->state = m.type == MSG_ZIP_CLOSE      ? STATE_IDLE
                       : m.type == MSG_IMAGE        ? STATE_IMAGE
                       : m.type == MSG_ROSTER_PARSE ? STATE_ROSTER
                                                    : STATE_ZIP;
    }
}

/* A type that this sender may send now, seven times of eight. */
static enum msg any_type(const struct channel *c)
{
    enum msg type = (enum msg)any(MSG_COUNT);

    for (unsigned i = 0; i < 2000 && any(800); i++) {
        if (message_allowed(type, c->self, PROCESS_VAULT, c->state, fd_counts[type]))
            return type;
        type = (enum msg)any(MSG_COUNT);
    }
    return type;
}

static void send_random(struct channel *c)
{
    enum msg type = any_type(c);
    unsigned count = any(50) ? fd_counts[type] : any(MESSAGE_FDS + 1);
    struct buf *b = NULL;
    unsigned char *bytes;
    union shape shape;
    int fds[MESSAGE_FDS];
    size_t len;

    memset(&shape, 0, sizeof shape);
    fillers[type](&shape);
    if (type == MSG_LOOKUP && any(2))
        shape.lookup = rig_lookup(&rig, RIG_CHILD);
    for (unsigned i = 0; i < count; i++)
        fds[i] = any_fd();
    ck_assert_int_eq(buf_new(&b, MESSAGE_MAX), OK);
    ck_assert_int_eq(message_encode(b, type, any(UINT32_MAX), &shape), OK);
    len = buf_len(b);
    bytes = malloc(len + 8);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, buf_bytes(b), len);
    if (!any(30)) /* a bent byte, or another length */
        bytes[any((uint32_t)len)] ^= (unsigned char)(1u << any(8));
    if (!any(100))
        len -= any((uint32_t)len);
    rig_send_raw(c, bytes, len, fds, count);
    for (unsigned i = 0; i < count; i++)
        (void)close(fds[i]);
    free(bytes);
    buf_free(b);
}

static bool is_cut(const struct channel *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

static uint64_t setting(const char *name, uint64_t usual)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : usual;
}

START_TEST(random_messages_end_only_who_sends_them)
{
    static const enum process senders[] = {PROCESS_LAW,    PROCESS_LAW, PROCESS_OFFICE,
                                           PROCESS_OFFICE, PROCESS_CTL, PROCESS_INTAKE};
    uint64_t messages = setting("PHOTOD_MESSAGES", MESSAGES);
    uint64_t seed = setting("PHOTOD_SEED", (uint64_t)time(NULL)), leaves;

    (void)printf("%" PRIu64 " messages, seed %" PRIu64 "\n", messages, seed);
    (void)fflush(stdout);
    state = seed * 2 + 1;
    rig_child(&rig);
    for (uint64_t i = 0; i < messages; i++) {
        enum process process = senders[any(sizeof senders / sizeof senders[0])];
        uint32_t index = process == PROCESS_INTAKE ? any(RIG_WORKERS) : 0;
        struct channel *c = rig_channel(&rig, process, index);

        listen_to(c);
        if (is_cut(c)) {
            cuts++;
            rig_link(&rig, c, process, index);
        }
        send_random(c);
        if (i % 2000 == 1999) {
            leaves = rig_expect_serving(&rig);
            ck_assert(!released || max_release < leaves);
        }
    }
    leaves = rig_expect_serving(&rig);
    (void)printf("%" PRIu64 " answers, %" PRIu64 " cut off, %" PRIu64 " releases, %" PRIu64 " leaves\n",
                 answers, cuts, released, leaves);
    ck_assert_uint_eq(pictures_elsewhere, 0);
    ck_assert_uint_gt(released, 0);
    ck_assert_uint_gt(cuts, 0);
    ck_assert_uint_lt(max_release, leaves);
    ck_assert_uint_le(released, leaves);
    rig_expect_leaf(&rig, "\"type\":\"peer-dropped\"");
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {random_messages_end_only_who_sends_them};

    return rig_suite("vault_random", tests, 1, setup, teardown);
}
