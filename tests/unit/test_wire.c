/* pack, bulk, message, channel. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "photod/wire/bulk.h"
#include "photod/wire/channel.h"
#include "tests/unit/suite.h"

static void pair(struct channel *a, enum process pa, struct channel *b, enum process pb,
                 enum channel_state state)
{
    int fds[2];

    ck_assert(!channel_pair(fds));
    *a = (struct channel){fds[0], pa, pb, state};
    *b = (struct channel){fds[1], pb, pa, state};
}

START_TEST(a_message_arrives_as_it_was_sent)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_lookup ask = {.oca = "A-1", .state_id = "012345678", .rendition = "mobile"};
    struct channel a, b;

    memset(ask.fingerprint, 7, sizeof ask.fingerprint);
    pair(&a, PROCESS_LAW, &b, PROCESS_VAULT, STATE_SERVE);
    ck_assert(!channel_send(&a, MSG_LOOKUP, 42, &ask, NULL, 0, true));
    ck_assert(!channel_recv(&b, &m, false));
    ck_assert_int_eq(m.type, MSG_LOOKUP);
    ck_assert_uint_eq(m.request, 42);
    ck_assert_str_eq(m.is.lookup.oca, "A-1");
    ck_assert_str_eq(m.is.lookup.state_id, "012345678");
    ck_assert(!memcmp(m.is.lookup.fingerprint, ask.fingerprint, 32));
    ck_assert_int_eq(channel_recv(&b, &m, false), ERR_BUSY);
    channel_close(&a);
    ck_assert_int_eq(channel_recv(&b, &m, true), ERR_CLOSED);
    channel_close(&b);
}
END_TEST

START_TEST(a_message_out_of_turn_is_malformed)
{
    static const struct {
        enum process from, to;
        enum channel_state state;
        enum msg type;
    } rows[] = {
        {PROCESS_OFFICE, PROCESS_VAULT, STATE_SERVE, MSG_LOOKUP},    /* the office door asks for a photo */
        {PROCESS_LAW, PROCESS_VAULT, STATE_SERVE, MSG_BATCH_CREATE}, /* the law door uploads */
        {PROCESS_INTAKE, PROCESS_VAULT, STATE_IDLE,
         MSG_CHUNK_WANT}, /* a worker asks for bytes without a job */
        {PROCESS_INTAKE, PROCESS_VAULT, STATE_IMAGE, MSG_CHUNK_WANT}, /* ... or in another */
        {PROCESS_LAW, PROCESS_VAULT, STATE_SERVE, MSG_STATUS},        /* a door plays administrator */
        {PROCESS_LAW, PROCESS_VAULT, STATE_SERVE, MSG_NONE},          /* an answer comes as a question */
        {PROCESS_PARENT, PROCESS_VAULT, STATE_SERVE, MSG_GO},         /* too late */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct channel a, b;
        union shape zero;

        memset(&zero, 0, sizeof zero);
        pair(&a, rows[i].from, &b, rows[i].to, rows[i].state);
        ck_assert(!channel_send(&a, rows[i].type, 1, &zero, NULL, 0, true));
        ck_assert_msg(channel_recv(&b, &m, true) == ERR_MALFORMED, "row %zu", i);
        channel_close(&a);
        channel_close(&b);
    }
}
END_TEST

static unsigned open_fds(void)
{
    unsigned n = 0;

    for (int fd = 3; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

START_TEST(descriptors_that_do_not_belong_are_refused_and_closed)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_lookup ask = {.oca = ""};
    struct channel a, b;
    const int extra[2] = {STDOUT_FILENO, STDERR_FILENO};
    unsigned before;

    pair(&a, PROCESS_LAW, &b, PROCESS_VAULT, STATE_SERVE);
    before = open_fds();
    ck_assert(!channel_send(&a, MSG_LOOKUP, 1, &ask, extra, 2, true));
    ck_assert_int_eq(channel_recv(&b, &m, true), ERR_MALFORMED);
    ck_assert_uint_eq(open_fds(), before);
    channel_close(&a);
    channel_close(&b);
}
END_TEST

START_TEST(bytes_that_fit_no_shape_are_malformed)
{
    CLEANUP(buf) struct buf *good = NULL;
    struct shape_lookup ask = {.oca = "A-1", .state_id = "012345678"};
    unsigned refused = 0;

    ck_assert(!buf_new(&good, MESSAGE_MAX));
    ck_assert(!message_encode(good, MSG_LOOKUP, 1, &ask));
    for (size_t len = 0; len < buf_len(good); len++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;

        refused += message_decode(&m, buf_bytes(good), len) == ERR_MALFORMED;
    }
    ck_assert_uint_eq(refused, buf_len(good)); /* every cut */
    ck_assert(!buf_append(good, "x", 1));
    {
        CLEANUP(message) struct message m = MESSAGE_NONE;

        ck_assert_int_eq(message_decode(&m, buf_bytes(good), buf_len(good)),
                         ERR_MALFORMED); /* one byte more */
    }
}
END_TEST

START_TEST(random_bytes_never_end_the_receiver)
{
    unsigned seed = 1, refused = 0;

    for (int i = 0; i < 200000; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        unsigned char bytes[256];
        size_t len = (size_t)rand_r(&seed) % sizeof bytes;

        for (size_t n = 0; n < len; n++)
            bytes[n] = (unsigned char)rand_r(&seed);
        if (len >= 4) { /* so that many have a type that exists */
            bytes[0] = (unsigned char)(bytes[0] % (MSG_COUNT + 2));
            bytes[1] = bytes[2] = bytes[3] = 0;
        }
        refused += message_decode(&m, bytes, len) != OK;
    }
    ck_assert_uint_gt(refused, 150000);
}
END_TEST

START_TEST(a_text_longer_than_its_field_or_with_a_nul_is_malformed)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct pack p;
    struct take t;
    char text[4];

    ck_assert(!buf_new(&b, 100));
    p = PACK(b);
    pack_text(&p, "four");
    ck_assert(!pack_end(&p));
    t = TAKE_BYTES(buf_bytes(b), buf_len(b));
    take_text(&t, text, sizeof text);
    ck_assert_int_eq(take_end(&t), ERR_MALFORMED);
    buf_truncate(b, 0);
    pack_bytes(&p, "a\0b", 3);
    t = TAKE_BYTES(buf_bytes(b), buf_len(b));
    take_text(&t, text, sizeof text);
    ck_assert_int_eq(take_end(&t), ERR_MALFORMED);
}
END_TEST

START_TEST(bulk_is_taken_only_when_sealed_and_small_enough)
{
    CLEANUP(fd) int fd = -1;
    CLEANUP(fd) int unsealed = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CLEANUP(bulk) struct bulk b = {(const unsigned char *)"", 0};

    ck_assert(!bulk_new(&fd, "picture", 7));
    ck_assert_int_eq(bulk_map(&b, fd, 6), ERR_LIMIT);
    ck_assert(!bulk_map(&b, fd, 7));
    ck_assert_uint_eq(b.len, 7);
    ck_assert(!memcmp(b.bytes, "picture", 7));
    ck_assert_int_eq(write(fd, "x", 1), -1);
    ck_assert_int_eq(ftruncate(fd, 1), -1);
    {
        CLEANUP(bulk) struct bulk other = {(const unsigned char *)"", 0};

        ck_assert_int_eq(write(unsealed, "picture", 7), 7);
        ck_assert_int_eq(bulk_map(&other, unsealed, 100), ERR_MALFORMED);
        ck_assert(!fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
        ck_assert_int_eq(bulk_map(&other, unsealed, 100), ERR_MALFORMED); /* it could still be written */
    }
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_busy_not_a_stall)
{
    struct channel a, b;
    struct shape_released big = {.leaf = 1};
    enum err e = OK;
    CLEANUP(fd) int fd = -1;
    int sent = 0;

    memset(big.receipt, 'x', sizeof big.receipt - 1);
    ck_assert(!bulk_new(&fd, "p", 1));
    pair(&a, PROCESS_VAULT, &b, PROCESS_LAW, STATE_SERVE);
    while (sent < 100000 && !(e = channel_send(&a, MSG_RELEASED, 1, &big, &fd, 1, false)))
        sent++;
    ck_assert_int_eq(e, ERR_BUSY);
    channel_close(&a);
    channel_close(&b);
}
END_TEST

SUITE("wire", a_message_arrives_as_it_was_sent, a_message_out_of_turn_is_malformed,
      descriptors_that_do_not_belong_are_refused_and_closed, bytes_that_fit_no_shape_are_malformed,
      random_bytes_never_end_the_receiver, a_text_longer_than_its_field_or_with_a_nul_is_malformed,
      bulk_is_taken_only_when_sealed_and_small_enough, a_peer_that_does_not_read_is_busy_not_a_stall)
