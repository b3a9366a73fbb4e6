/* photod-vault itself; the test is its parent and plays doors and a photoctl that are in somebody else's
 * hands. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "lawapi/problem.h"
#include "vault_rig.h"

static struct rig rig;

static void setup(void)
{
    rig_start(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

static const enum process everybody[] = {PROCESS_LAW, PROCESS_OFFICE, PROCESS_CTL, PROCESS_INTAKE};

/* How many descriptors the message has in its row, whoever may send it. */
static unsigned fds_of(enum msg type)
{
    for (unsigned fds = 0; fds <= MESSAGE_FDS; fds++)
        for (unsigned from = 1; from <= PROCESS_CTL; from *= 2)
            for (unsigned to = 1; to <= PROCESS_CTL; to *= 2)
                for (unsigned state = 1; state <= STATE_ROSTER; state *= 2)
                    if (message_allowed(type, (enum process)from, (enum process)to, (enum channel_state)state,
                                        fds))
                        return fds;
    return 0;
}

static bool has_mark(int fd)
{
    CLEANUP(bulk) struct bulk b = {(const unsigned char *)"", 0};

    return !bulk_map(&b, fd, 64u << 20) && memmem(b.bytes, b.len, RIG_MARK, strlen(RIG_MARK));
}

/* ---- The good way ---- */

START_TEST(a_released_photo_has_its_leaf_in_the_log)
{
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);
    CLEANUP(message) struct message m = MESSAGE_NONE;
    uint64_t last = 0;

    rig_child(&rig);
    for (unsigned i = 0; i < 20; i++) {
        rig_ask(&rig, &rig.law, MSG_LOOKUP, &ask, -1, &m, MSG_RELEASED);
        ck_assert(has_mark(m.fds[0]));
        ck_assert_uint_gt(m.is.released.leaf, last);
        last = m.is.released.leaf;
        ck_assert_uint_gt(rig_expect_serving(&rig), last);
    }
    rig_expect_leaf(&rig, "\"type\":\"release\"");
    rig_stop(&rig);
}
END_TEST

START_TEST(a_fingerprint_that_is_not_enrolled_is_credential_unknown)
{
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);

    rig_child(&rig);
    for (unsigned bit = 0; bit < 256; bit += 17) {
        memcpy(ask.fingerprint, rig.fingerprint, sizeof ask.fingerprint);
        ask.fingerprint[bit / 8] ^= (unsigned char)(1u << bit % 8);
        rig_refused(&rig, &rig.law, MSG_LOOKUP, &ask, -1, PROBLEM_CREDENTIAL_UNKNOWN);
    }
    memset(ask.fingerprint, 0, sizeof ask.fingerprint);
    rig_refused(&rig, &rig.law, MSG_LOOKUP, &ask, -1, PROBLEM_CREDENTIAL_UNKNOWN);
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

/* ---- What no honest process sends ---- */

START_TEST(every_message_out_of_turn_cuts_its_sender_off)
{
    static const union shape nothing;
    int fds[MESSAGE_FDS];

    for (unsigned i = 0; i < MESSAGE_FDS; i++)
        fds[i] = rig_bulk("", 0);
    for (unsigned e = 0; e < sizeof everybody / sizeof everybody[0]; e++) {
        enum channel_state state = everybody[e] == PROCESS_INTAKE ? STATE_IDLE : STATE_SERVE;
        struct channel *c = rig_channel(&rig, everybody[e], 0);

        for (unsigned type = 0; type < MSG_COUNT; type++) {
            unsigned count = fds_of((enum msg)type);

            if (message_allowed((enum msg)type, everybody[e], PROCESS_VAULT, state, count))
                continue;
            ck_assert_int_eq(channel_send(c, (enum msg)type, 1, &nothing, fds, count, true), OK);
            rig_expect_cut(c);
            rig_link(&rig, c, everybody[e], 0);
        }
        channel_close(c);
        rig_link(&rig, c, everybody[e], 0);
        ck_assert_int_eq(channel_send(c, MSG_GO, 1, &nothing, NULL, 0, true), OK);
        rig_expect_dropped(&rig, c, everybody[e], 0);
    }
    rig_stop(&rig);
}
END_TEST

static void cut_by(const void *bytes, size_t len, const int *fds, unsigned count)
{
    for (unsigned e = 0; e < sizeof everybody / sizeof everybody[0]; e++) {
        struct channel *c = rig_channel(&rig, everybody[e], 0);

        rig_send_raw(c, bytes, len, fds, count);
        rig_expect_cut(c);
        rig_link(&rig, c, everybody[e], 0);
    }
}

START_TEST(truncated_and_garbage_bytes_cut_their_sender_off)
{
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);
    struct buf *b = NULL;
    unsigned char *bytes = calloc(1, 2 * MESSAGE_MAX);

    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(buf_new(&b, MESSAGE_MAX), OK);
    ck_assert_int_eq(message_encode(b, MSG_LOOKUP, 1, &ask), OK);
    memcpy(bytes, buf_bytes(b), buf_len(b));
    for (size_t len = 0; len < buf_len(b); len += len < 16 ? 1 : 7)
        cut_by(bytes, len, NULL, 0);
    cut_by(bytes, buf_len(b) + 1, NULL, 0);
    bytes[8 + 32] = 0xff; /* the first text is longer than the message */
    cut_by(bytes, buf_len(b), NULL, 0);
    memset(bytes, 0xff, MESSAGE_MAX);
    cut_by(bytes, 1, NULL, 0);
    cut_by(bytes, 8, NULL, 0);
    cut_by(bytes, MESSAGE_MAX, NULL, 0);
    cut_by(bytes, MESSAGE_MAX + 1, NULL, 0);
    buf_free(b);
    free(bytes);
    for (unsigned e = 0; e < sizeof everybody / sizeof everybody[0]; e++) {
        struct channel *c = rig_channel(&rig, everybody[e], 0);

        rig_send_raw(c, "garbage", 7, NULL, 0);
        rig_expect_dropped(&rig, c, everybody[e], 0);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(a_wrong_number_of_descriptors_cuts_the_sender_off)
{
    static const unsigned counts[] = {1, 2, 4, 5, 16};
    struct shape_upload_chunk chunk = {.upload = 1};
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);
    struct buf *lookup = NULL, *upload = NULL;
    int fds[16];

    for (unsigned i = 0; i < 16; i++)
        fds[i] = rig_bulk("x", 1);
    ck_assert_int_eq(buf_new(&lookup, MESSAGE_MAX), OK);
    ck_assert_int_eq(buf_new(&upload, MESSAGE_MAX), OK);
    ck_assert_int_eq(message_encode(lookup, MSG_LOOKUP, 1, &ask), OK);
    ck_assert_int_eq(message_encode(upload, MSG_UPLOAD_CHUNK, 1, &chunk), OK);
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        rig_send_raw(&rig.law, buf_bytes(lookup), buf_len(lookup), fds, counts[i]);
        rig_expect_dropped(&rig, &rig.law, PROCESS_LAW, 0);
        rig_send_raw(&rig.office, buf_bytes(upload), buf_len(upload), fds, i ? counts[i] : 0);
        rig_expect_dropped(&rig, &rig.office, PROCESS_OFFICE, 0);
    }
    buf_free(lookup);
    buf_free(upload);
    rig_stop(&rig);
}
END_TEST

START_TEST(chunks_that_are_no_sealed_memory_cut_the_office_door_off)
{
    struct shape_roster_open ask = rig_roster_open(&rig);
    static char large[(1 << 20) + 1];
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (unsigned i = 0; i < 8; i++) {
        struct shape_upload_chunk chunk = {.offset = 0};
        int fd = i == 0   ? rig_unsealed(10)
                 : i == 1 ? rig_bulk(large, sizeof large)
                 : i == 2 ? open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                 : i == 3 ? pair[0]
                 : i == 4 ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
                 : i == 5 ? rig_bulk("", 0)
                 : i == 6 ? rig_bulk("rosters", 7) /* past the end */
                          : rig_unsealed((size_t)1 << 40);

        if (i == 0)
            ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
        chunk.upload = rig_open(&rig, MSG_ROSTER_OPEN, &ask);
        (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, fd);
        rig_expect_dropped(&rig, &rig.office, PROCESS_OFFICE, 0);
    }
    (void)close(pair[1]);
    rig_stop(&rig);
}
END_TEST

/* ---- Uploads ---- */

static void refused_chunk(struct channel *c, uint64_t upload, uint64_t offset, enum problem problem)
{
    struct shape_upload_chunk chunk = {.upload = upload, .offset = offset};

    rig_refused(&rig, c, MSG_UPLOAD_CHUNK, &chunk, rig_bulk("roster", 3), problem);
}

START_TEST(chunks_out_of_order_and_of_other_peers_are_refused)
{
    static const uint64_t elsewhere[] = {0, 1, 2, 4, 6, 1u << 20, UINT32_MAX, UINT64_MAX - 2, UINT64_MAX};
    struct shape_roster_open open = rig_roster_open(&rig);
    struct channel other = CHANNEL_CLOSED;
    struct shape_upload_name name = {.upload = rig_open(&rig, MSG_ROSTER_OPEN, &open)};
    uint64_t upload = name.upload;

    rig_link(&rig, &other, PROCESS_OFFICE, 1);
    rig_chunk(&rig, upload, 0, "ros", 3, MSG_UPLOAD_KEPT);
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        refused_chunk(&rig.office, upload, elsewhere[i], PROBLEM_UPLOAD_OFFSET);
    refused_chunk(&rig.office, upload + 1, 3, PROBLEM_UPLOAD_LOCKED);
    refused_chunk(&rig.office, UINT64_MAX, 3, PROBLEM_UPLOAD_LOCKED);
    refused_chunk(&rig.office, 0, 3, PROBLEM_UPLOAD_LOCKED);
    refused_chunk(&other, upload, 3, PROBLEM_UPLOAD_LOCKED);
    (void)rig_send(&rig, &other, MSG_UPLOAD_LEAVE, &name, -1); /* it is not theirs */
    rig_chunk(&rig, upload, 3, "te", 2, MSG_UPLOAD_KEPT);
    (void)rig_send(&rig, &rig.office, MSG_UPLOAD_LEAVE, &name, -1);
    refused_chunk(&rig.office, upload, 5, PROBLEM_UPLOAD_LOCKED); /* a roster that was left is gone */
    open.length = 0;
    rig_refused(&rig, &rig.office, MSG_ROSTER_OPEN, &open, -1, PROBLEM_UPLOAD_INCOMPLETE);
    open.length = UINT64_MAX;
    rig_refused(&rig, &rig.office, MSG_ROSTER_OPEN, &open, -1, PROBLEM_BODY_TOO_LARGE);
    channel_close(&other);
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

START_TEST(uploads_opened_without_end_are_refused_and_starve_no_lookup)
{
    struct shape_roster_open open = rig_roster_open(&rig);
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);
    CLEANUP(message) struct message m = MESSAGE_NONE;
    unsigned opened = 0;

    rig_child(&rig);
    for (; opened < 400; opened++) {
        (void)rig_send(&rig, &rig.office, MSG_ROSTER_OPEN, &open, -1);
        rig_hear(&rig, &rig.office, &m);
        if (m.type == MSG_REFUSED)
            break;
    }
    ck_assert_int_eq(m.type, MSG_REFUSED);
    ck_assert_uint_eq(m.is.refused.problem, PROBLEM_BUSY);
    (void)printf("%u uploads at once\n", opened);
    rig_ask(&rig, &rig.law, MSG_LOOKUP, &ask, -1, &m, MSG_RELEASED);
    rig_link(&rig, &rig.office, PROCESS_OFFICE, 0); /* the old one's uploads go with it */
    rig_ask(&rig, &rig.office, MSG_ROSTER_OPEN, &open, -1, &m, MSG_UPLOAD_READY);
    rig_stop(&rig);
}
END_TEST

/* ---- Texts ---- */

static void fill(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('0' + i % 10);
    text[len] = '\0';
}

START_TEST(names_of_every_length_are_refused_and_harm_nobody)
{
    struct shape_roster_open open = rig_roster_open(&rig);
    CLEANUP(message) struct message m = MESSAGE_NONE;

    for (size_t len = 0; len < 32; len++) {
        struct shape_lookup ask = rig_lookup(&rig, "");

        fill(ask.state_id, len);
        rig_ask(&rig, &rig.law, MSG_LOOKUP, &ask, -1, &m, len == 9 ? MSG_NONE : MSG_REFUSED);
        ask = rig_lookup(&rig, RIG_CHILD);
        fill(ask.rendition, len);
        rig_ask(&rig, &rig.law, MSG_LOOKUP, &ask, -1, &m, len ? MSG_REFUSED : MSG_NONE);
    }
    for (size_t len = 0; len < 48; len++) {
        struct shape_batch_name name = {.source = "192.0.2.2", .district = RIG_DISTRICT};

        memcpy(name.key, rig.key, sizeof name.key);
        fill(name.batch, len);
        rig_refused(&rig, &rig.office, MSG_BATCH_GET, &name, -1, PROBLEM_BATCH_UNKNOWN);
    }
    for (size_t len = 0; len < 16; len++) {
        fill(open.district, len);
        rig_refused(&rig, &rig.office, MSG_ROSTER_OPEN, &open, -1, PROBLEM_CREDENTIAL_SCOPE);
    }
    for (size_t len = 0; len < 100; len++) {
        fill(open.key, len);
        rig_refused(&rig, &rig.office, MSG_ROSTER_OPEN, &open, -1, PROBLEM_CREDENTIAL_UNKNOWN);
    }
    for (uint32_t problem = 0; problem < 60; problem++) {
        struct shape_door_refused refused = {.problem = problem < 59 ? problem : UINT32_MAX};
        struct shape_strangers strangers = {.problem = refused.problem, .count = UINT32_MAX};

        memcpy(refused.fingerprint, rig.fingerprint, sizeof refused.fingerprint);
        (void)rig_send(&rig, &rig.law, MSG_DOOR_REFUSED, &refused, -1);
        (void)rig_send(&rig, &rig.office, MSG_STRANGERS, &strangers, -1);
    }
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

/* ---- Pictures ---- */

START_TEST(the_office_door_gets_no_picture_by_any_message)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name name;

    rig_child(&rig);
    for (unsigned type = 0; type < MSG_COUNT; type++) {
        struct pollfd p = {.events = POLLIN};
        union shape shape;
        int fds[MESSAGE_FDS];

        memset(&shape, 0, sizeof shape);
        if (type == MSG_LOOKUP)
            shape.lookup = rig_lookup(&rig, RIG_CHILD);
        if (type == MSG_BATCH_GET || type == MSG_BATCH_COMMIT || type == MSG_BATCH_UNDO) {
            rig_judge(&rig, rig_batch(&rig, &name));
            (void)rig_batch_staged(&rig, &name);
            shape.batch_name = name;
        }
        for (unsigned i = 0; i < MESSAGE_FDS; i++)
            fds[i] = rig_bulk("x", 1);
        ck_assert_int_eq(
            channel_send(&rig.office, (enum msg)type, 1, &shape, fds, fds_of((enum msg)type), true), OK);
        for (unsigned i = 0; i < MESSAGE_FDS; i++)
            (void)close(fds[i]);
        p.fd = rig.office.fd;
        while (poll(&p, 1, 50) == 1 && !channel_recv(&rig.office, &m, false)) {
            ck_assert_msg(m.type != MSG_RELEASED, "%s got a picture", message_name((enum msg)type));
            for (unsigned i = 0; i < m.fd_count; i++)
                ck_assert_msg(!has_mark(m.fds[i]), "%s got a picture", message_name((enum msg)type));
        }
        rig_link(&rig, &rig.office, PROCESS_OFFICE, 0);
    }
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

/* ---- Peers that do not listen, or go ---- */

/* Asks without ever reading, until the vault has enough of it. */
static void ask_deaf(struct channel *c, enum msg type, const void *shape)
{
    for (unsigned i = 0; i < 100000; i++) {
        enum err e = channel_send(c, type, i, shape, NULL, 0, true);

        if (e == ERR_CLOSED)
            return;
        ck_assert_int_eq(e, OK);
    }
    ck_abort_msg("%s may ask without end and never reads", process_name(c->self));
}

START_TEST(a_peer_that_never_reads_its_answers_is_cut_off)
{
    struct shape_lookup ask = rig_lookup(&rig, "999999999");
    struct shape_batch_name name = {.source = "192.0.2.2", .district = RIG_DISTRICT};

    memcpy(name.key, rig.key, sizeof name.key);
    ask_deaf(&rig.law, MSG_LOOKUP, &ask);
    (void)rig_expect_serving(&rig);
    ask_deaf(&rig.office, MSG_BATCH_GET, &name);
    (void)rig_expect_serving(&rig);
    ask_deaf(&rig.ctl, MSG_STATUS, NULL);
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

/* How many short answers wait for a peer that does not read before it is cut off. */
static unsigned answers_that_wait(void)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    unsigned count = 0, ends = 0;

    ask_deaf(&rig.office, MSG_HEALTH, NULL);
    while (ends < 2) { /* the first end may be the reset, with answers behind it */
        if (channel_recv(&rig.office, &m, false))
            ends++;
        else
            count++;
    }
    rig_link(&rig, &rig.office, PROCESS_OFFICE, 0);
    return count;
}

START_TEST(a_refusal_that_a_deaf_peer_is_dropped_over_drops_its_upload_once)
{
    struct shape_roster_open open = rig_roster_open(&rig);
    unsigned full = answers_that_wait();

    ck_assert_uint_gt(full, 10);
    for (unsigned n = full - 2; n <= full + 1; n++) {
        struct shape_upload_chunk last = {.upload = rig_open(&rig, MSG_ROSTER_OPEN, &open), .offset = 7};
        int fd = rig_bulk("r", 1);
        enum err e;

        for (unsigned i = 0; i < n; i++)
            (void)rig_send(&rig, &rig.office, MSG_HEALTH, NULL, -1);
        e = channel_send(&rig.office, MSG_UPLOAD_CHUNK, 1, &last, &fd, 1, true);
        (void)close(fd);
        ck_assert(!e || e == ERR_CLOSED);
        (void)rig_expect_serving(&rig);
        rig_link(&rig, &rig.office, PROCESS_OFFICE, 0);
    }
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

START_TEST(peers_that_vanish_with_their_question_under_way_harm_nobody)
{
    struct shape_roster_open open = rig_roster_open(&rig);
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);
    struct shape_key_add key = {.district = RIG_DISTRICT, .label = "gone", .days = 1};

    rig_child(&rig);
    for (unsigned i = 0; i < 50; i++) {
        struct shape_upload_chunk chunk = {.offset = 0};
        struct shape_upload_name name;
        CLEANUP(message) struct message m = MESSAGE_NONE;

        for (unsigned n = 0; n <= i % 5; n++)
            (void)rig_send(&rig, &rig.law, MSG_LOOKUP, &ask, -1);
        rig_link(&rig, &rig.law, PROCESS_LAW, 0);
        do { /* what the last one left is gone once its chunk is written */
            (void)rig_send(&rig, &rig.office, MSG_ROSTER_OPEN, &open, -1);
            rig_hear(&rig, &rig.office, &m);
        } while (m.type == MSG_REFUSED && m.is.refused.problem == PROBLEM_BUSY);
        ck_assert_int_eq(m.type, MSG_UPLOAD_READY);
        chunk.upload = name.upload = m.is.upload_state.upload;
        (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk("x", 1));
        if (i % 2)
            (void)rig_send(&rig, &rig.office, MSG_UPLOAD_LEAVE, &name, -1);
        rig_link(&rig, &rig.office, PROCESS_OFFICE, 0);
        (void)rig_send(&rig, &rig.ctl, MSG_KEY_ADD, &key, -1);
        rig_link(&rig, &rig.ctl, PROCESS_CTL, 0);
    }
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_released_photo_has_its_leaf_in_the_log,
        a_fingerprint_that_is_not_enrolled_is_credential_unknown,
        every_message_out_of_turn_cuts_its_sender_off,
        truncated_and_garbage_bytes_cut_their_sender_off,
        a_wrong_number_of_descriptors_cuts_the_sender_off,
        chunks_that_are_no_sealed_memory_cut_the_office_door_off,
        chunks_out_of_order_and_of_other_peers_are_refused,
        uploads_opened_without_end_are_refused_and_starve_no_lookup,
        names_of_every_length_are_refused_and_harm_nobody,
        the_office_door_gets_no_picture_by_any_message,
        a_peer_that_never_reads_its_answers_is_cut_off,
        a_refusal_that_a_deaf_peer_is_dropped_over_drops_its_upload_once,
        peers_that_vanish_with_their_question_under_way_harm_nobody,
    };

    return rig_suite("vault", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
