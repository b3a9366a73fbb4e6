/* photod-vault itself; the test is its parent, office doors and workers: uploads that break off and are gone
 * on with. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "lawapi/problem.h"
#include "vault_rig.h"

#define MIB    (1u << 20)
#define LENGTH (3 * MIB + 17)
#define DAY_MS ((int64_t)86400000)

static struct rig rig;
static struct shape_batch_name batch;
static unsigned char content[LENGTH];

static void setup(void)
{
    rig = (struct rig){.clock_library = CLOCK_LIBRARY};
    rig_start(&rig);
    rig_batch_new(&rig, &batch);
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 13);
}

static void teardown(void)
{
    rig_clear(&rig);
}

static void kill_and_start(void)
{
    rig_kill(&rig);
    rig_launch(&rig);
    rig_join(&rig);
}

static uint64_t create(uint64_t length)
{
    const struct shape_upload_create ask = rig_upload_create(&batch, length);

    return rig_open(&rig, MSG_UPLOAD_CREATE, &ask);
}

static uint64_t resume(uint64_t offset, uint64_t bytes)
{
    const struct shape_upload_resume ask = rig_upload_resume(&batch, offset, bytes);

    return rig_open(&rig, MSG_UPLOAD_RESUME, &ask);
}

static void resume_refused(uint64_t offset, uint64_t bytes, enum problem problem)
{
    const struct shape_upload_resume ask = rig_upload_resume(&batch, offset, bytes);

    rig_refused(&rig, &rig.office, MSG_UPLOAD_RESUME, &ask, -1, problem);
}

static void create_refused(uint64_t length, enum problem problem)
{
    const struct shape_upload_create ask = rig_upload_create(&batch, length);

    rig_refused(&rig, &rig.office, MSG_UPLOAD_CREATE, &ask, -1, problem);
}

static void expect_at(uint64_t offset, uint64_t length)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(&rig, &rig.office, MSG_UPLOAD_GET, &batch, -1, &m, MSG_UPLOAD_IS);
    ck_assert_uint_eq(m.is.upload_state.offset, offset);
    ck_assert_uint_eq(m.is.upload_state.length, length);
}

/* Bytes of the content, cut where a MiB ends. */
static void send_bytes(uint64_t upload, uint64_t from, uint64_t to, uint64_t length)
{
    while (from < to) {
        uint64_t end = (from / MIB + 1) * MIB;

        end = end < to ? end : to;
        rig_chunk(&rig, upload, from, content + from, (size_t)(end - from),
                  end == length ? MSG_BATCH_STATE : MSG_UPLOAD_KEPT);
        from = end;
    }
}

/* What the ZIP worker is given is what was sent. */
static void expect_content(const void *bytes, size_t len)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel *zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);

    ck_assert_uint_eq(m.is.zip_open.bytes, len);
    for (uint32_t n = 0; n * (uint64_t)MIB < len; n++) {
        CLEANUP(bulk) struct bulk chunk = {(const unsigned char *)"", 0};
        const struct shape_chunk want = {.number = n};
        size_t at = (size_t)n * MIB, size = len - at < MIB ? len - at : MIB;

        rig_worker_say(&rig, zip, MSG_CHUNK_WANT, &want, -1, STATE_ZIP);
        rig_worker_hear(zip, &m, MSG_CHUNK);
        ck_assert_int_eq(bulk_map(&chunk, m.fds[0], MIB), OK);
        ck_assert_uint_eq(chunk.len, size);
        ck_assert_int_eq(memcmp(chunk.bytes, (const unsigned char *)bytes + at, size), 0);
    }
}

/* The only directory of the spool; "" when there is none. */
static const char *spool_dir(void)
{
    static char path[400];
    char spool[100];
    struct dirent *entry;
    DIR *list;

    (void)snprintf(spool, sizeof spool, "%s/state/spool", rig.dir);
    list = opendir(spool);
    ck_assert_ptr_nonnull(list);
    path[0] = '\0';
    while ((entry = readdir(list)))
        if (entry->d_name[0] != '.')
            (void)snprintf(path, sizeof path, "%s/%s", spool, entry->d_name);
    (void)closedir(list);
    return path;
}

static char *chunk_path(unsigned number)
{
    static char path[420];

    (void)snprintf(path, sizeof path, "%s/%u", spool_dir(), number);
    return path;
}

/* ---- Going on ---- */

START_TEST(an_upload_goes_on_from_what_is_durable)
{
    uint64_t upload = create(LENGTH);

    expect_at(0, LENGTH);
    send_bytes(upload, 0, MIB + 300000, LENGTH);
    kill_and_start();
    expect_at(MIB + 300000, LENGTH);
    send_bytes(resume(MIB + 300000, LENGTH - MIB - 300000), MIB + 300000, LENGTH, LENGTH);
    expect_at(LENGTH, LENGTH);
    expect_content(content, LENGTH);
    rig_stop(&rig);
}
END_TEST

START_TEST(pieces_of_any_size_over_many_connections_and_kills_make_the_same_bytes)
{
    uint64_t seed = (uint64_t)time(NULL), at = 0, upload = create(LENGTH);
    unsigned pieces = 0, resumes = 0, kills = 0;

    (void)printf("seed %" PRIu64 "\n", seed);
    srand((unsigned)seed);
    while (at < LENGTH) {
        uint64_t len = rand() % 10 ? (uint64_t)(rand() % 70000) + 1 : MIB, room = MIB - at % MIB;
        int what = rand() % 16;

        len = len < room ? len : room;
        len = len < LENGTH - at ? len : LENGTH - at;
        if (what == 0) {
            kill_and_start();
            kills++;
        }
        if (what < 5) {
            expect_at(at, LENGTH);
            upload = resume(at, LENGTH - at);
            resumes++;
        }
        send_bytes(upload, at, at + len, LENGTH);
        at += len;
        pieces++;
    }
    expect_content(content, LENGTH);
    (void)printf("%u pieces, %u connections, %u kills\n", pieces, resumes, kills);
    ck_assert_uint_gt(resumes, 0);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_door_that_dies_loses_nothing_that_was_kept)
{
    send_bytes(create(LENGTH), 0, 2 * MIB + 5, LENGTH);
    rig_link(&rig, &rig.office, PROCESS_OFFICE, 0);
    expect_at(2 * MIB + 5, LENGTH);
    send_bytes(resume(2 * MIB + 5, LENGTH - 2 * MIB - 5), 2 * MIB + 5, LENGTH, LENGTH);
    expect_content(content, LENGTH);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_second_connection_ends_the_first_and_nothing_is_interleaved)
{
    struct shape_upload_chunk late = {.offset = 1000};
    struct channel other = CHANNEL_CLOSED;
    uint64_t first = create(LENGTH), second;

    send_bytes(first, 0, 1000, LENGTH);
    rig_link(&rig, &other, PROCESS_OFFICE, 1);      /* the same door, started anew beside the old one */
    resume_refused(999, 10, PROBLEM_UPLOAD_OFFSET); /* which ends nobody */
    send_bytes(first, 1000, 1500, LENGTH);
    second = resume(1500, LENGTH - 1500);
    ck_assert_uint_ne(first, second);
    late.upload = first;
    late.offset = 1500;
    rig_refused(&rig, &rig.office, MSG_UPLOAD_CHUNK, &late, rig_bulk("evil", 4), PROBLEM_UPLOAD_LOCKED);
    send_bytes(second, 1500, LENGTH, LENGTH);
    rig_refused(&rig, &rig.office, MSG_UPLOAD_CHUNK, &late, rig_bulk("evil", 4), PROBLEM_UPLOAD_LOCKED);
    expect_content(content, LENGTH);
    channel_close(&other);
    rig_stop(&rig);
}
END_TEST

START_TEST(what_is_asked_while_a_chunk_is_written_waits_for_it)
{
    const struct shape_upload_resume again = rig_upload_resume(&batch, MIB, 1);
    CLEANUP(message) struct message m = MESSAGE_NONE;

    for (unsigned i = 0; i < 20; i++) {
        struct shape_upload_chunk chunk = {.upload = create(LENGTH)};

        (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(content, MIB));
        expect_at(MIB, LENGTH);
        chunk.offset = MIB;
        (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(content + MIB, MIB));
        resume_refused(MIB, 1, PROBLEM_UPLOAD_OFFSET);
        chunk = (struct shape_upload_chunk){.upload = create(LENGTH)}; /* which ends the one before */
        (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(content, MIB));
        (void)rig_send(&rig, &rig.office, MSG_UPLOAD_RESUME, &again, -1);
        rig_hear(&rig, &rig.office, &m); /* past the answer to the chunk */
        ck_assert_int_eq(m.type, MSG_UPLOAD_READY);
        ck_assert_uint_ne(m.is.upload_state.upload, chunk.upload);
        expect_at(MIB, LENGTH);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(so_does_beginning_anew_and_what_is_asked_of_a_whole_upload)
{
    struct shape_upload_chunk chunk = {.upload = create(MIB)};

    (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(content, MIB / 2));
    chunk.upload = create(MIB);
    expect_at(0, MIB);
    (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(content, MIB));
    create_refused(LENGTH, PROBLEM_BATCH_STATE);
    expect_at(MIB, MIB);
    expect_content(content, MIB);
    rig_stop(&rig);
}
END_TEST

START_TEST(who_waits_and_goes_is_not_missed_and_too_many_are_told)
{
    const struct shape_upload_resume again = rig_upload_resume(&batch, MIB, 1);
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_upload_chunk chunk = {.upload = create(LENGTH)};
    struct channel other = CHANNEL_CLOSED;
    unsigned told = 0, waited = 0;

    rig_link(&rig, &other, PROCESS_OFFICE, 1);
    (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(content, MIB));
    (void)rig_send(&rig, &other, MSG_UPLOAD_RESUME, &again, -1);
    channel_close(&other);
    expect_at(MIB, LENGTH);
    chunk = (struct shape_upload_chunk){.upload = create(LENGTH)};
    (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(content, MIB));
    for (unsigned i = 0; i < 100; i++)
        (void)rig_send(&rig, &rig.office, MSG_UPLOAD_GET, &batch, -1);
    for (unsigned i = 0; i < 101; i++) {
        rig_hear_any(&rig, &rig.office, &m);
        told += m.type == MSG_REFUSED && m.is.refused.problem == PROBLEM_UPLOAD_LOCKED;
        waited += m.type == MSG_UPLOAD_IS && m.is.upload_state.offset == MIB;
    }
    ck_assert_uint_eq(told + waited, 100);
    ck_assert_uint_ge(waited, 1);
    (void)printf("%u waited, %u told\n", waited, told);
    rig_stop(&rig);
}
END_TEST

START_TEST(beginning_anew_forgets_what_came_also_after_a_kill)
{
    uint64_t upload;

    send_bytes(create(LENGTH), 0, LENGTH - 1, LENGTH);
    expect_at(LENGTH - 1, LENGTH);
    upload = create(4);
    expect_at(0, 4);
    kill_and_start();
    expect_at(0, 4);
    resume_refused(3, 1, PROBLEM_UPLOAD_OFFSET);
    upload = resume(0, 4);
    rig_chunk(&rig, upload, 0, "wxyz", 4, MSG_BATCH_STATE);
    expect_content("wxyz", 4);
    rig_stop(&rig);
}
END_TEST

/* ---- Damage ---- */

START_TEST(a_torn_last_chunk_is_dropped_and_sent_again)
{
    struct stat st;
    int fd;

    send_bytes(create(LENGTH), 0, 2 * MIB + 5000, LENGTH);
    rig_kill(&rig);
    ck_assert_int_eq(stat(chunk_path(2), &st), 0);
    ck_assert_int_eq(truncate(chunk_path(2), st.st_size - 1), 0);
    rig_launch(&rig);
    rig_join(&rig);
    expect_at(2 * MIB, LENGTH);
    rig_kill(&rig);
    fd = open(chunk_path(1), O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(unlink(chunk_path(2)), 0);
    ck_assert_int_eq(pwrite(fd, "damage", 6, 500000), 6); /* now the last one */
    (void)close(fd);
    rig_launch(&rig);
    rig_join(&rig);
    expect_at(MIB, LENGTH);
    send_bytes(resume(MIB, LENGTH - MIB), MIB, LENGTH, LENGTH);
    expect_content(content, LENGTH);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_missing_chunk_ends_what_counts)
{
    send_bytes(create(LENGTH), 0, LENGTH - 1, LENGTH);
    rig_kill(&rig);
    ck_assert_int_eq(unlink(chunk_path(1)), 0);
    rig_launch(&rig);
    rig_join(&rig);
    expect_at(MIB, LENGTH);
    send_bytes(resume(MIB, LENGTH - MIB), MIB, LENGTH, LENGTH);
    expect_content(content, LENGTH);
    rig_stop(&rig);
}
END_TEST

START_TEST(another_batchs_chunk_is_no_chunk_of_this_one)
{
    struct shape_batch_name first = batch;
    char from[420], here[420];

    send_bytes(create(LENGTH), 0, MIB, LENGTH);
    (void)snprintf(from, sizeof from, "%s", chunk_path(0));
    (void)snprintf(here, sizeof here, "%s/kept", rig.dir);
    ck_assert_int_eq(rename(from, here), 0);
    expect_at(MIB, LENGTH); /* as the connection knows it */
    rig_kill(&rig);
    ck_assert_int_eq(rename(here, from), 0);
    (void)snprintf(here, sizeof here, "%s", chunk_path(1));
    ck_assert_int_eq(rename(from, here), 0);
    ck_assert_int_eq(link(here, from), 0); /* chunk 0 in the place of chunk 1 */
    rig_launch(&rig);
    rig_join(&rig);
    batch = first;
    expect_at(MIB, LENGTH);
    rig_stop(&rig);
}
END_TEST

/* ---- A door in somebody else's hands ---- */

START_TEST(lengths_and_offsets_that_cannot_be_are_refused)
{
    static const uint64_t wild[] = {1, 2, MIB, LENGTH - 1, LENGTH};
    static const uint64_t past[] = {LENGTH + 1, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX - 1, UINT64_MAX};

    rig_refused(&rig, &rig.office, MSG_UPLOAD_GET, &batch, -1, PROBLEM_UPLOAD_UNKNOWN);
    resume_refused(0, 1, PROBLEM_UPLOAD_UNKNOWN);
    create_refused(0, PROBLEM_UPLOAD_INCOMPLETE);
    create_refused(((uint64_t)4096 << 20) + 1, PROBLEM_BODY_TOO_LARGE);
    create_refused(UINT64_MAX, PROBLEM_BODY_TOO_LARGE);
    (void)create(LENGTH);
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++)
        resume_refused(wild[i], 0, PROBLEM_UPLOAD_OFFSET);
    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++) {
        resume_refused(past[i], 1, PROBLEM_BODY_TOO_LARGE);
        resume_refused(0, past[i], PROBLEM_BODY_TOO_LARGE);
        resume_refused(LENGTH, past[i], PROBLEM_BODY_TOO_LARGE);
    }
    expect_at(0, LENGTH);
    (void)rig_expect_serving(&rig);
    rig_stop(&rig);
}
END_TEST

START_TEST(chunks_that_skip_repeat_or_leave_their_mib_change_nothing)
{
    static const uint64_t elsewhere[] = {0, MIB, 2 * MIB, MIB + 4, UINT64_MAX};
    struct shape_upload_chunk chunk = {.upload = create(LENGTH)};

    send_bytes(chunk.upload, 0, MIB + 5, LENGTH);
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        chunk.offset = elsewhere[i];
        rig_refused(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk("x", 1), PROBLEM_UPLOAD_OFFSET);
    }
    chunk.offset = MIB + 5; /* over the end of its MiB: no honest door does that */
    (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(content, MIB - 4));
    rig_expect_dropped(&rig, &rig.office, PROCESS_OFFICE, 0);
    expect_at(MIB + 5, LENGTH);
    chunk.upload = resume(MIB + 5, LENGTH - MIB - 5);
    send_bytes(chunk.upload, MIB + 5, LENGTH - 1, LENGTH);
    chunk.offset = LENGTH - 1; /* over the end of the upload */
    (void)rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk("xy", 2));
    rig_expect_dropped(&rig, &rig.office, PROCESS_OFFICE, 0);
    send_bytes(resume(LENGTH - 1, 1), LENGTH - 1, LENGTH, LENGTH);
    expect_content(content, LENGTH);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_upload_that_is_whole_takes_no_more)
{
    struct shape_upload_chunk more = {.upload = create(4), .offset = 4};

    rig_chunk(&rig, more.upload, 0, "whol", 4, MSG_BATCH_STATE);
    rig_refused(&rig, &rig.office, MSG_UPLOAD_CHUNK, &more, rig_bulk("x", 1), PROBLEM_UPLOAD_LOCKED);
    resume_refused(4, 0, PROBLEM_BATCH_STATE);
    resume_refused(0, 4, PROBLEM_BATCH_STATE);
    create_refused(4, PROBLEM_BATCH_STATE);
    expect_at(4, 4);
    expect_content("whol", 4);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_upload_is_its_districts_alone)
{
    struct shape_district_add district = {.district = "0098", .name = "Other District"};
    struct shape_key_add key = {.district = "0098", .label = "upload", .days = 30};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name own = batch, nobodys;
    struct stat st;

    send_bytes(create(LENGTH), 0, 7, LENGTH);
    rig_ask(&rig, &rig.ctl, MSG_DISTRICT_ADD, &district, -1, &m, MSG_DONE);
    rig_ask(&rig, &rig.ctl, MSG_KEY_ADD, &key, -1, &m, MSG_KEY_ISSUED);
    memcpy(batch.key, m.is.key_issued.key, sizeof m.is.key_issued.key);
    rig_refused(&rig, &rig.office, MSG_UPLOAD_GET, &batch, -1, PROBLEM_CREDENTIAL_SCOPE);
    memcpy(batch.district, "0098", 5);
    rig_refused(&rig, &rig.office, MSG_UPLOAD_GET, &batch, -1, PROBLEM_BATCH_UNKNOWN);
    rig_refused(&rig, &rig.office, MSG_BATCH_LIST, &batch, -1, PROBLEM_BATCH_UNKNOWN);
    nobodys = batch;
    nobodys.batch[0] = '\0';
    rig_ask(&rig, &rig.office, MSG_BATCH_LIST, &nobodys, -1, &m, MSG_BATCHES);
    ck_assert_int_eq(fstat(m.fds[0], &st), 0);
    ck_assert_int_eq(st.st_size, 0);
    resume_refused(7, 1, PROBLEM_BATCH_UNKNOWN);
    create_refused(7, PROBLEM_BATCH_UNKNOWN);
    batch = own;
    expect_at(7, LENGTH);
    rig_stop(&rig);
}
END_TEST

/* ---- The end ---- */

START_TEST(after_seven_days_an_unfinished_upload_is_gone)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    send_bytes(create(LENGTH), 0, MIB, LENGTH);
    rig_kill(&rig);
    rig.clock_shift_ms = 7 * DAY_MS - 3600000;
    rig_launch(&rig);
    rig_join(&rig);
    expect_at(MIB, LENGTH);
    rig_kill(&rig);
    rig.clock_shift_ms = 7 * DAY_MS + 60000;
    rig_launch(&rig);
    rig_join(&rig);
    resume_refused(MIB, 1, PROBLEM_UPLOAD_EXPIRED);
    rig_refused(&rig, &rig.office, MSG_UPLOAD_GET, &batch, -1, PROBLEM_UPLOAD_EXPIRED);
    create_refused(4, PROBLEM_UPLOAD_EXPIRED);
    rig_ask(&rig, &rig.ctl, MSG_CLOCK_ACCEPT, NULL, -1, &m, MSG_DONE);
    for (unsigned i = 0; i < 500 && spool_dir()[0]; i++)
        (void)nanosleep(&pause, NULL);
    ck_assert_str_eq(spool_dir(), "");
    rig_refused(&rig, &rig.office, MSG_UPLOAD_GET, &batch, -1, PROBLEM_UPLOAD_EXPIRED);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_upload_goes_on_from_what_is_durable,
        pieces_of_any_size_over_many_connections_and_kills_make_the_same_bytes,
        a_door_that_dies_loses_nothing_that_was_kept,
        a_second_connection_ends_the_first_and_nothing_is_interleaved,
        what_is_asked_while_a_chunk_is_written_waits_for_it,
        so_does_beginning_anew_and_what_is_asked_of_a_whole_upload,
        who_waits_and_goes_is_not_missed_and_too_many_are_told,
        beginning_anew_forgets_what_came_also_after_a_kill,
        a_torn_last_chunk_is_dropped_and_sent_again,
        a_missing_chunk_ends_what_counts,
        another_batchs_chunk_is_no_chunk_of_this_one,
        lengths_and_offsets_that_cannot_be_are_refused,
        chunks_that_skip_repeat_or_leave_their_mib_change_nothing,
        an_upload_that_is_whole_takes_no_more,
        an_upload_is_its_districts_alone,
        after_seven_days_an_unfinished_upload_is_gone,
    };

    return rig_suite("vault_upload", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
