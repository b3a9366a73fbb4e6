/* photod-vault itself; the test plays workers that hostile files have taken over, and workers that die. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "lawapi/outcome.h"
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

static enum outcome first_outcome(const struct shape_batch_name *ask)
{
    return (enum outcome)rig_row(&rig, ask, 0).outcome;
}

static void send_pictures(struct channel *c, const int fds[static 3])
{
    static const struct shape_image_done done = {.width = 1200, .height = 1500};

    rig_worker_draws(c, &done, fds);
}

/* Lists one photo and unpacks it; the worker that is to normalise it. */
static struct channel *up_to_image(struct channel *zip)
{
    const struct shape_zip_listed one = {.count = 1};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &one, rig_listing(1), STATE_ZIP);
    rig_worker_hear(zip, &m, MSG_ZIP_READ);
    rig_worker_say(&rig, zip, MSG_ZIP_BYTES, &m.is.zip_index, rig_bulk("jpeg", 4), STATE_ZIP);
    return rig_worker_asked(&rig, MSG_IMAGE, STATE_IMAGE, &m);
}

/* ---- Listings ---- */

/* n bytes cut off the end of a listing, or more appended; index and fault of its first row. */
static int bent_listing(uint32_t count, uint32_t index, const char *fault, int cut)
{
    struct shape_zip_entry row = {.index = index, .name = RIG_CHILD ".jpg", .bytes = 10};
    struct buf *b = NULL;
    struct pack p;
    int fd;

    (void)snprintf(row.fault, sizeof row.fault, "%s", fault);
    ck_assert_int_eq(buf_new(&b, 64u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < count; n++, row.index++)
        pack_zip_entry(&p, &row);
    ck_assert_int_eq(pack_end(&p), OK);
    fd = rig_bulk(buf_bytes(b), buf_len(b) - (size_t)cut);
    buf_free(b);
    return fd;
}

START_TEST(listings_that_do_not_parse_cut_the_worker_off_and_another_goes_on)
{
    struct {
        uint32_t count;
        int fd;
    } bent[] = {
        {100000, bent_listing(100000, 0, "", 0)},
        {20001, bent_listing(20001, 0, "", 0)},
        {1, bent_listing(1, 1, "", 0)},
        {1, bent_listing(2, 0, "", 0)},
        {2, bent_listing(1, 0, "", 0)},
        {20000, bent_listing(1, 0, "", 0)},
        {3, bent_listing(3, 0, "", 1)},
        {0, rig_bulk("x", 1)},
        {1, rig_bulk("garbage garbage garbage garbage", 31)},
        {UINT32_MAX, bent_listing(1, 0, "", 0)},
        {1, rig_unsealed(40)},
    };
    struct shape_batch_name ask;

    rig_roster(&rig, 1);
    for (unsigned i = 0; i < sizeof bent / sizeof bent[0]; i += 2) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct channel *zip = rig_batch(&rig, &ask);

        for (unsigned n = i; n < i + 2 && n < sizeof bent / sizeof bent[0]; n++) {
            const struct shape_zip_listed listed = {.count = bent[n].count};

            rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &listed, bent[n].fd, STATE_ZIP);
            rig_worker_dropped(&rig, zip);
            zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
        }
        rig_judge(&rig, zip);
        ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 1);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(a_listing_cannot_call_a_file_stored)
{
    const struct shape_zip_listed one = {.count = 1};
    struct shape_batch_name ask;

    rig_roster(&rig, 1);
    rig_worker_say(&rig, rig_batch(&rig, &ask), MSG_ZIP_LISTED, &one, bent_listing(1, 0, "stored", 0),
                   STATE_IDLE);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 0);
    ck_assert_int_eq(first_outcome(&ask), OUTCOME_ENTRY_DAMAGED);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_archive_that_three_workers_die_of_is_not_a_zip)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *zip = rig_batch(&rig, &ask);

    for (unsigned i = 0; i < 2; i++) {
        rig_worker_replaced(&rig, zip);
        zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
    }
    rig_worker_replaced(&rig, zip);
    ck_assert_str_eq(rig_batch_staged(&rig, &ask).fault, "not-a-zip");
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

/* ---- Chunks and entries ---- */

START_TEST(chunks_that_the_upload_does_not_have_cut_the_worker_off)
{
    static const uint32_t numbers[] = {1, UINT32_MAX};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *zip = rig_batch(&rig, &ask);
    struct shape_chunk want = {.number = 0};

    rig_worker_say(&rig, zip, MSG_CHUNK_WANT, &want, -1, STATE_ZIP);
    rig_worker_hear(zip, &m, MSG_CHUNK);
    for (unsigned i = 0; i < 2; i++) {
        want.number = numbers[i];
        rig_worker_say(&rig, zip, MSG_CHUNK_WANT, &want, -1, STATE_ZIP);
        rig_worker_dropped(&rig, zip);
        zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
    }
    rig_stop(&rig);
}
END_TEST

/* Whatever the worker is still asked to read is damaged. */
static void fault_rest(struct channel *zip)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    while (!channel_recv(zip, &m, true) && m.type == MSG_ZIP_READ) {
        struct shape_zip_fault fault = {.index = m.is.zip_index.index, .code = "entry-damaged"};

        rig_worker_say(&rig, zip, MSG_ZIP_FAULT, &fault, -1, STATE_ZIP);
    }
    ck_assert_int_eq(m.type, MSG_ZIP_CLOSE);
    zip->state = STATE_IDLE;
}

START_TEST(bytes_and_faults_of_entries_nobody_asked_for_cut_the_worker_off)
{
    static const uint32_t wrong[] = {1, 2, UINT32_MAX};
    const struct shape_zip_listed two = {.count = 2};
    struct shape_batch_name ask;

    rig_roster(&rig, 2);
    for (unsigned i = 0; i < 7; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct channel *zip = rig_batch(&rig, &ask);
        struct shape_zip_index index = {.index = wrong[i % 3]};
        struct shape_zip_fault fault = {.index = wrong[i % 3], .code = "entry-damaged"};

        if (i < 6) { /* the seventh says so before it listed anything */
            rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &two, rig_listing(2), STATE_ZIP);
            rig_worker_hear(zip, &m, MSG_ZIP_READ);
        }
        if (i < 3)
            rig_worker_say(&rig, zip, MSG_ZIP_BYTES, &index, rig_bulk("x", 1), STATE_ZIP);
        else
            rig_worker_say(&rig, zip, MSG_ZIP_FAULT, &fault, -1, STATE_ZIP);
        rig_worker_dropped(&rig, zip);
        zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
        rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &two, rig_listing(2), STATE_ZIP);
        fault_rest(zip);
        ck_assert_uint_eq(rig_batch_staged(&rig, &ask).files, 2);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(a_listing_nobody_asked_for_cuts_the_worker_off)
{
    const struct shape_zip_listed two = {.count = 2};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *zip;

    rig_roster(&rig, 2);
    zip = rig_batch(&rig, &ask);
    for (unsigned i = 0; i < 2; i++)
        rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &two, rig_listing(2), STATE_ZIP);
    rig_worker_dropped(&rig, zip);
    zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &two, rig_listing(2), STATE_ZIP);
    fault_rest(zip);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).files, 2);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_entry_that_is_no_sealed_memory_cuts_the_worker_off)
{
    static char large[(20 << 20) + 1];
    const struct shape_zip_listed one = {.count = 1};
    struct shape_batch_name ask;
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    rig_roster(&rig, 1);
    for (unsigned i = 0; i < 3; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct channel *zip = rig_batch(&rig, &ask);
        int fd = i == 0 ? rig_unsealed(10) : i == 1 ? pair[0] : rig_bulk(large, sizeof large);

        rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &one, rig_listing(1), STATE_ZIP);
        rig_worker_hear(zip, &m, MSG_ZIP_READ);
        rig_worker_say(&rig, zip, MSG_ZIP_BYTES, &m.is.zip_index, fd, STATE_ZIP);
        rig_worker_dropped(&rig, zip);
        rig_judge(&rig, rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m));
        ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 1);
    }
    (void)close(pair[1]);
    rig_stop(&rig);
}
END_TEST

/* The archive was listed, a picture is under way, the worker dies, and the next one says that it is no ZIP.
 */
START_TEST(an_archive_refused_after_it_was_listed_keeps_what_was_judged)
{
    const struct shape_zip_listed two = {.count = 2};
    const struct shape_fault fault = {.code = "not-a-zip"};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *zip, *image;
    int pictures[3];

    rig_roster(&rig, 2);
    zip = rig_batch(&rig, &ask);
    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &two, rig_listing(2), STATE_ZIP);
    rig_worker_hear(zip, &m, MSG_ZIP_READ);
    rig_worker_say(&rig, zip, MSG_ZIP_BYTES, &m.is.zip_index, rig_bulk("jpeg", 4), STATE_ZIP);
    rig_worker_hear(zip, &m, MSG_ZIP_READ);
    image = rig_worker_asked(&rig, MSG_IMAGE, STATE_IMAGE, &m);
    rig_worker_replaced(&rig, zip);
    for (unsigned i = 0; i < 3; i++) {
        zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
        rig_worker_say(&rig, zip, MSG_ZIP_REFUSED, &fault, -1, STATE_IDLE);
        if (i == 0) {
            rig_pictures(pictures);
            send_pictures(image, pictures);
        }
    }
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 1);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).files, 2);
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

/* ---- Pictures ---- */

START_TEST(pictures_that_are_no_renditions_cut_the_worker_off)
{
    static char large[400001];
    struct shape_batch_name ask;

    memcpy(large, "\xff\xd8\xff\xe0", 4);
    rig_roster(&rig, 1);
    for (unsigned i = 0; i < 7; i++) {
        struct channel *image = up_to_image(rig_batch(&rig, &ask));
        int fds[3];

        rig_pictures(fds);
        (void)close(fds[i % 3]);
        fds[i % 3] = i == 0   ? rig_bulk(large, sizeof large)
                     : i == 1 ? rig_bulk(large, 100001)
                     : i == 2 ? rig_bulk(large, 20001)
                     : i == 3 ? rig_bulk("", 0)
                     : i == 4 ? rig_bulk("\x89PNG\r\n\x1a\n", 8)
                     : i == 5 ? rig_unsealed(100)
                              : rig_bulk(large, 4);
        send_pictures(image, fds);
        rig_worker_dropped(&rig, image);
        ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 0);
        ck_assert_int_eq(first_outcome(&ask), OUTCOME_UNREADABLE);
        for (unsigned w = 0; w < RIG_WORKERS; w++) /* ZIP_CLOSE may wait unread */
            rig_worker_replaced(&rig, &rig.workers[w]);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(a_fault_cannot_call_a_picture_stored)
{
    const struct shape_fault fault = {.code = "stored"};
    struct shape_batch_name ask;
    struct channel *image;

    rig_roster(&rig, 1);
    image = up_to_image(rig_batch(&rig, &ask));
    rig_worker_say(&rig, image, MSG_IMAGE_FAULT, &fault, -1, STATE_IDLE);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 0);
    ck_assert_int_eq(first_outcome(&ask), OUTCOME_UNREADABLE);
    rig_stop(&rig);
}
END_TEST

START_TEST(pictures_sent_twice_cut_the_worker_off)
{
    struct shape_batch_name ask;
    struct channel *image;
    int fds[3];

    rig_roster(&rig, 1);
    image = up_to_image(rig_batch(&rig, &ask));
    for (unsigned i = 0; i < 2; i++) {
        rig_pictures(fds);
        send_pictures(image, fds);
    }
    rig_worker_dropped(&rig, image);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 1);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_picture_that_two_workers_die_of_is_too_slow)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *zip, *image;

    rig_roster(&rig, 1);
    zip = rig_batch(&rig, &ask);
    image = up_to_image(zip);
    rig_worker_replaced(&rig, image);
    rig_worker_hear(zip, &m, MSG_ZIP_READ);
    rig_worker_say(&rig, zip, MSG_ZIP_BYTES, &m.is.zip_index, rig_bulk("jpeg", 4), STATE_ZIP);
    rig_worker_replaced(&rig, rig_worker_asked(&rig, MSG_IMAGE, STATE_IMAGE, &m));
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 0);
    ck_assert_int_eq(first_outcome(&ask), OUTCOME_TOO_SLOW);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        listings_that_do_not_parse_cut_the_worker_off_and_another_goes_on,
        a_listing_cannot_call_a_file_stored,
        an_archive_that_three_workers_die_of_is_not_a_zip,
        chunks_that_the_upload_does_not_have_cut_the_worker_off,
        bytes_and_faults_of_entries_nobody_asked_for_cut_the_worker_off,
        a_listing_nobody_asked_for_cuts_the_worker_off,
        an_entry_that_is_no_sealed_memory_cuts_the_worker_off,
        an_archive_refused_after_it_was_listed_keeps_what_was_judged,
        pictures_that_are_no_renditions_cut_the_worker_off,
        a_fault_cannot_call_a_picture_stored,
        pictures_sent_twice_cut_the_worker_off,
        a_picture_that_two_workers_die_of_is_too_slow,
    };

    return rig_suite("vault_intake", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
