/* The office door: uploads by tus. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <poll.h>
#include "photod/base/clock.h"
#include "tests/process/test_web.h"

#define KEY    "Authorization: Bearer phk_0123\r\n"
#define TUS    KEY "Tus-Resumable: 1.0.0\r\n"
#define UPLOAD "/v1/districts/0098/batches/b1/upload"
#define PATCH  TUS "Content-Type: application/offset+octet-stream\r\n"
#define UNTIL  1795151100000 /* Fri, 20 Nov 2026 */
#define MAX    (16u << 20)   /* upload_max_mib of the rig */

/* A vault with one upload. */
static uint64_t offset, length, full_at;

static void keep(struct peer *p, struct message *m)
{
    const struct shape_batch_state whole = {.batch = "b1", .taken_on = {2026, 9, 14}, .created_ms = UNTIL};
    const struct shape_upload_state state = {
        .upload = m->type == MSG_UPLOAD_GET ? 0 : 5, .offset = offset, .length = length, .until_ms = UNTIL};
    const struct shape_upload_name kept = {.upload = 5};
    struct stat st;

    switch ((int)m->type) {
    case MSG_UPLOAD_GET:
        if (length)
            peer_say(p, MSG_UPLOAD_IS, m->request, &state, -1);
        else
            peer_refuse(p, m->request, PROBLEM_UPLOAD_UNKNOWN);
        break;
    case MSG_UPLOAD_RESUME:
        if (m->is.upload_resume.offset == offset)
            peer_say(p, MSG_UPLOAD_READY, m->request, &state, -1);
        else
            peer_refuse(p, m->request, PROBLEM_UPLOAD_OFFSET);
        break;
    case MSG_UPLOAD_CREATE: {
        struct shape_upload_state fresh = {.upload = 5, .until_ms = UNTIL};

        fresh.length = length = m->is.upload_create.length;
        offset = 0;
        peer_say(p, MSG_UPLOAD_READY, m->request, &fresh, -1);
        break;
    }
    case MSG_UPLOAD_CHUNK:
        ck_assert_int_eq(fstat(m->fds[0], &st), 0);
        ck_assert_uint_eq(m->is.upload_chunk.offset, offset);
        if (full_at && offset >= full_at) {
            peer_refuse(p, m->request, PROBLEM_STORAGE_FULL);
            break;
        }
        offset += (uint64_t)st.st_size;
        if (offset == length)
            peer_say(p, MSG_BATCH_STATE, m->request, &whole, -1);
        else
            peer_say(p, MSG_UPLOAD_KEPT, m->request, &kept, -1);
        break;
    default:
        break;
    }
}

static struct door door;

static void setup(void)
{
    offset = length = full_at = 0;
    door_start(&door, PROCESS_OFFICE, keep);
}

static void teardown(void)
{
    door_stop(&door);
}

static const char *text_of(const char *method, const char *headers)
{
    static char text[4000];

    (void)snprintf(text, sizeof text, "%s " UPLOAD " HTTP/1.1\r\nHost: office\r\n%s\r\n", method, headers);
    return text;
}

static void expect_header(struct reply *r, const char *name, const char *wanted)
{
    char value[8400];

    ck_assert_str_eq(reply_header(r, name, value), wanted);
}

/* A request without a body; every answer to tus says its version and stays out of caches. */
static void ask(const char *method, const char *headers, int status, struct reply *r)
{
    client_ask(door.port, WHO_COUNT, text_of(method, headers), r);
    ck_assert_msg(r->status == status, "%s is answered %d: %s", method, r->status, r->body ? r->body : "");
    expect_header(r, "Tus-Resumable", "1.0.0");
    expect_header(r, "Cache-Control", "no-store");
}

static void expect_problem(const char *method, const char *headers, enum problem problem)
{
    ask_for_problem(&door, WHO_COUNT, text_of(method, headers), problem);
}

/* Sends bytes of a PATCH of `bytes` bytes; false: the connection ended before. */
static bool send_patch(struct client *c, uint64_t from, size_t bytes, size_t sent)
{
    static char block[65536];
    char head[400];

    (void)snprintf(head, sizeof head, PATCH "Upload-Offset: %llu\r\nContent-Length: %zu\r\n",
                   (unsigned long long)from, bytes);
    client_say(c, text_of("PATCH", head));
    while (sent) {
        size_t part = sent < sizeof block ? sent : sizeof block;

        if (!client_send(c, block, part))
            return false;
        sent -= part;
    }
    return true;
}

/* A whole PATCH. */
static void patch(uint64_t from, size_t bytes, int status, struct reply *r)
{
    struct client c;

    ck_assert(client_open(&c, door.port, WHO_COUNT));
    (void)send_patch(&c, from, bytes, bytes);
    client_read(&c, r);
    client_close(&c);
    ck_assert_int_eq(r->status, status);
    expect_header(r, "Tus-Resumable", "1.0.0");
}

START_TEST(an_upload_is_begun_looked_at_and_brought_to_its_end)
{
    struct reply r;

    ask("OPTIONS", KEY, 204, &r);
    expect_header(&r, "Tus-Version", "1.0.0");
    expect_header(&r, "Tus-Extension", "creation,expiration");
    expect_header(&r, "Tus-Max-Size", "16777216");
    reply_free(&r);
    ask("POST", TUS "Upload-Length: 3000000\r\nUpload-Metadata: filename d29ybGQ=,is_confidential\r\n", 201,
        &r);
    expect_header(&r, "Location", UPLOAD);
    expect_header(&r, "Upload-Expires", "Fri, 20 Nov 2026 05:05:00 GMT");
    reply_free(&r);
    ck_assert(peer_awaits(&door.vault, MSG_UPLOAD_LEAVE, 1));
    patch(0, 1500000, 204, &r);
    expect_header(&r, "Upload-Offset", "1500000");
    reply_free(&r);
    ask("HEAD", TUS, 200, &r);
    expect_header(&r, "Upload-Offset", "1500000");
    expect_header(&r, "Upload-Length", "3000000");
    expect_header(&r, "Upload-Expires", "Fri, 20 Nov 2026 05:05:00 GMT");
    reply_free(&r);
    patch(1500000, 0, 204, &r);
    expect_header(&r, "Upload-Offset", "1500000");
    reply_free(&r);
    patch(1500000, 1500000, 204, &r);
    expect_header(&r, "Upload-Offset", "3000000");
    reply_free(&r);
    ck_assert_uint_eq(door.vault.upload_bytes, 3000000);
    /* Cut where a MiB of the whole ends: 1 MiB, the rest of the first PATCH; up to 2 MiB, the rest. */
    ck_assert_uint_eq(peer_count(&door.vault, MSG_UPLOAD_CHUNK), 4);
    ck_assert_uint_eq(peer_count(&door.vault, MSG_UPLOAD_CREATE), 1);
}
END_TEST

START_TEST(what_came_before_a_connection_broke_is_kept_to_its_last_byte)
{
    const size_t sent[] = {1, 70000, 1 << 20, (1 << 20) + 1, 3000000};
    struct reply r;

    ask("POST", TUS "Upload-Length: 16000000\r\n", 201, &r);
    reply_free(&r);
    for (unsigned i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        uint64_t from = offset;
        struct client c;

        ck_assert(client_open(&c, door.port, WHO_COUNT));
        ck_assert(send_patch(&c, from, 16000000 - (size_t)from, sent[i]));
        client_close(&c);
        ck_assert(peer_awaits(&door.vault, MSG_UPLOAD_LEAVE, i + 2));
        ck_assert_uint_eq(offset, from + sent[i]);
    }
    ask("HEAD", TUS, 200, &r);
    reply_free(&r);
}
END_TEST

START_TEST(an_offset_elsewhere_is_409_before_the_body_comes)
{
    struct client c;
    struct reply r;

    ask("POST", TUS "Upload-Length: 5000000\r\n", 201, &r);
    reply_free(&r);
    patch(1, 10, 409, &r);
    reply_free(&r);
    ck_assert(client_open(&c, door.port, WHO_COUNT));
    (void)send_patch(&c, 5, 4000000, 0);
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_UPLOAD_OFFSET);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&door.vault, MSG_UPLOAD_CHUNK), 0);
}
END_TEST

START_TEST(a_full_disk_in_the_middle_is_507_and_the_offset_stays_honest)
{
    struct client c;
    struct reply r;

    full_at = 2 << 20;
    ask("POST", TUS "Upload-Length: 16000000\r\n", 201, &r);
    reply_free(&r);
    ck_assert(client_open(&c, door.port, WHO_COUNT));
    (void)send_patch(&c, 0, 16000000, 6 << 20);
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_STORAGE_FULL);
    expect_header(&r, "Tus-Resumable", "1.0.0");
    reply_free(&r);
    client_close(&c);
    ask("HEAD", TUS, 200, &r);
    expect_header(&r, "Upload-Offset", "2097152");
    reply_free(&r);
}
END_TEST

START_TEST(another_version_or_none_is_412_with_those_there_are)
{
    static const char *const versions[] = {"", "Tus-Resumable: 0.2.2\r\n", "Tus-Resumable: 1.0.0.\r\n",
                                           "Tus-Resumable: 2.0.0\r\n", "Tus-Resumable:\r\n"};
    static const char *const methods[] = {"POST", "HEAD"};
    char headers[400];
    struct reply r;

    for (unsigned v = 0; v < sizeof versions / sizeof versions[0]; v++)
        for (unsigned i = 0; i < 2; i++) {
            (void)snprintf(headers, sizeof headers, KEY "%sUpload-Length: 5\r\n", versions[v]);
            ask(methods[i], headers, 412, &r);
            expect_header(&r, "Tus-Version", "1.0.0");
            reply_free(&r);
        }
    ck_assert_uint_eq(peer_count(&door.vault, MSG_UPLOAD_CREATE), 0);
    ck_assert_uint_eq(peer_count(&door.vault, MSG_UPLOAD_GET), 0);
}
END_TEST

START_TEST(numbers_that_are_none_are_refused_by_the_door)
{
    static const struct {
        const char *method, *headers;
        enum problem problem;
    } wrong[] = {
        {"POST", TUS, PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: -1\r\n", PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: +5\r\n", PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: 0x10\r\n", PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: 5 5\r\n", PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: 007\r\n", PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: \r\n", PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: 1e6\r\n", PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: 16777217\r\n", PROBLEM_BODY_TOO_LARGE},
        {"POST", TUS "Upload-Length: 9223372036854775807\r\n", PROBLEM_BODY_TOO_LARGE},
        {"POST", TUS "Upload-Length: 9223372036854775808\r\n", PROBLEM_BODY_TOO_LARGE},
        {"POST", TUS "Upload-Length: 18446744073709551617\r\n", PROBLEM_BODY_TOO_LARGE},
        {"POST", TUS "Upload-Length: 99999999999999999999999999999999\r\n", PROBLEM_BODY_TOO_LARGE},
        {"POST", TUS "Upload-Defer-Length: 1\r\n", PROBLEM_BAD_PARAMETER},
        {"POST", TUS "Upload-Length: 5\r\nContent-Length: 5\r\n", PROBLEM_BODY_TOO_LARGE},
        {"PATCH", PATCH "Content-Length: 5\r\n", PROBLEM_BAD_PARAMETER},
        {"PATCH", PATCH "Content-Length: 5\r\nUpload-Offset: -5\r\n", PROBLEM_BAD_PARAMETER},
        {"PATCH", PATCH "Content-Length: 5\r\nUpload-Offset: 18446744073709551616\r\n",
         PROBLEM_BODY_TOO_LARGE},
        {"PATCH", PATCH "Content-Length: 16777217\r\nUpload-Offset: 0\r\n", PROBLEM_BODY_TOO_LARGE},
        {"PATCH", PATCH "Upload-Offset: 0\r\n", PROBLEM_LENGTH_REQUIRED},
        {"PATCH", TUS "Content-Length: 5\r\nUpload-Offset: 0\r\n", PROBLEM_MEDIA_TYPE_UNKNOWN},
        {"PATCH", TUS "Content-Type: application/zip\r\nContent-Length: 5\r\nUpload-Offset: 0\r\n",
         PROBLEM_MEDIA_TYPE_UNKNOWN},
    };

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_problem(wrong[i].method, wrong[i].headers, wrong[i].problem);
    ck_assert_uint_eq(peer_count(&door.vault, MSG_UPLOAD_CREATE), 0);
    ck_assert_uint_eq(peer_count(&door.vault, MSG_UPLOAD_RESUME), 0);
    (void)printf("%zu requests\n", sizeof wrong / sizeof wrong[0]);
}
END_TEST

START_TEST(headers_given_twice_and_another_method_in_disguise_are_refused)
{
    static const char *const twice[] = {"Upload-Length: 5\r\nUpload-Length: 5\r\n",
                                        "Upload-Length: 5\r\nupload-length: 6\r\n",
                                        "Upload-Length: 5\r\nTus-Resumable: 1.0.0\r\n",
                                        "Upload-Length: 5\r\nUpload-Metadata: a\r\nUpload-Metadata: b\r\n",
                                        "Upload-Length: 5\r\nUpload-Offset: 0\r\nUpload-Offset: 0\r\n"};
    char headers[400];

    for (unsigned i = 0; i < sizeof twice / sizeof twice[0]; i++) {
        (void)snprintf(headers, sizeof headers, TUS "%s", twice[i]);
        expect_problem("POST", headers, PROBLEM_BAD_FRAMING);
    }
    expect_problem("POST", TUS "Upload-Length: 5\r\nX-HTTP-Method-Override: PATCH\r\n",
                   PROBLEM_BAD_PARAMETER);
    expect_problem("POST", TUS "Upload-Length: 5\r\nTransfer-Encoding: chunked\r\n", PROBLEM_BAD_FRAMING);
    ck_assert_uint_eq(peer_count(&door.vault, MSG_UPLOAD_CREATE), 0);
}
END_TEST

START_TEST(strangers_and_other_methods_learn_nothing_of_an_upload)
{
    struct reply r;

    ask("HEAD", "Tus-Resumable: 1.0.0\r\n", 401, &r);
    reply_free(&r);
    expect_problem("OPTIONS", "", PROBLEM_KEY_REQUIRED);
    ask("DELETE", TUS, 405, &r);
    assert_problem(&r, PROBLEM_METHOD_NOT_ALLOWED);
    expect_header(&r, "Allow", "PUT, POST, HEAD, PATCH, OPTIONS");
    reply_free(&r);
    ask("HEAD", TUS, 404, &r);
    reply_free(&r);
}
END_TEST

START_TEST(every_early_refusal_says_the_version_too)
{
    static const struct {
        const char *method, *headers;
        int status;
    } early[] = {
        {"OPTIONS", "", 401},
        {"PATCH", "Tus-Resumable: 1.0.0\r\n", 401},
        {"POST", TUS "Transfer-Encoding: chunked\r\n", 400},
        {"POST", TUS "Upload-Length: 5\r\nContent-Length: 5\r\n", 413},
        {"GET", TUS, 405},
        {"DELETE", KEY, 405},
        {"PATCH", PATCH "Upload-Offset: 0\r\n", 411},
        {"PATCH", PATCH "Upload-Offset: 0\r\nContent-Length: 16777217\r\n", 413},
        {"PATCH", TUS "Upload-Offset: 0\r\nContent-Length: 5\r\n", 415},
    };
    struct reply r;

    for (unsigned i = 0; i < sizeof early / sizeof early[0]; i++) {
        ask(early[i].method, early[i].headers, early[i].status, &r);
        reply_free(&r);
    }
    (void)printf("%zu refusals\n", sizeof early / sizeof early[0]);
}
END_TEST

START_TEST(a_patch_slower_than_the_least_rate_is_cut_and_what_came_is_kept)
{
    struct client slow, steady;
    char bytes[4096] = {0};
    int64_t begun, cut = 0;
    struct reply r;

    ask("POST", TUS "Upload-Length: 8000000\r\n", 201, &r);
    reply_free(&r);
    ck_assert(client_open(&slow, door.port, WHO_COUNT));
    ck_assert(send_patch(&slow, 0, 8000000, 5000));
    begun = clock_steady_ms();
    while (!cut && clock_steady_ms() - begun < 15000) {
        (void)client_send(&slow, bytes, 256);
        if (client_is_cut(&slow, 200))
            cut = clock_steady_ms() - begun;
    }
    ck_assert_msg(is_between(cut, 9500, 11500), "cut after %lld ms", (long long)cut);
    client_close(&slow);
    ck_assert(peer_awaits(&door.vault, MSG_UPLOAD_LEAVE, 2));
    ck_assert_uint_gt(offset, 5000);
    ck_assert(client_open(&steady, door.port, WHO_COUNT));
    ck_assert(send_patch(&steady, offset, 8000000 - (size_t)offset, 8000000 - (size_t)offset));
    client_read(&steady, &r);
    ck_assert_int_eq(r.status, 204);
    reply_free(&r);
    client_close(&steady);
}
END_TEST

TCase *tests_of_tus(void)
{
    const TTest *const tests[] = {an_upload_is_begun_looked_at_and_brought_to_its_end,
                                  what_came_before_a_connection_broke_is_kept_to_its_last_byte,
                                  an_offset_elsewhere_is_409_before_the_body_comes,
                                  a_full_disk_in_the_middle_is_507_and_the_offset_stays_honest,
                                  another_version_or_none_is_412_with_those_there_are,
                                  numbers_that_are_none_are_refused_by_the_door,
                                  headers_given_twice_and_another_method_in_disguise_are_refused,
                                  strangers_and_other_methods_learn_nothing_of_an_upload,
                                  every_early_refusal_says_the_version_too,
                                  a_patch_slower_than_the_least_rate_is_cut_and_what_came_is_kept};
    TCase *all = tests_of("tus", tests, sizeof tests / sizeof *tests);

    tcase_add_checked_fixture(all, setup, teardown);
    return all;
}
