/* The office door: keys, batches, uploads. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <poll.h>
#include <sys/stat.h>
#include "lawapi/outcome.h"
#include "photod/base/clock.h"
#include "photod/wire/bulk.h"
#include "tests/process/test_web.h"

static void report_rows(struct peer *p, uint32_t request, enum msg type, const void *shape)
{
    struct shape_report_row rows[] = {
        {.line = 1, .file = "012345678.jpg", .state_id = "012345678", .outcome = OUTCOME_STORED},
        {.line = 2, .outcome = OUTCOME_STATE_ID_MALFORMED, .note = "A note."},
        {.line = 3, .file = "caf\xe9.jpg", .state_id = "", .outcome = OUTCOME_NAME_NOT_STATE_ID}};
    CLEANUP(buf) struct buf *b = NULL;
    struct pack packed;
    int fd = -1;

    ck_assert_int_eq(buf_new(&b, 65536), OK);
    packed = PACK(b);
    for (size_t i = 0; i < 3; i++)
        pack_report_row(&packed, &rows[i]);
    ck_assert_int_eq(bulk_new(&fd, buf_bytes(b), buf_len(b)), OK);
    peer_say(p, type, request, shape, fd);
    (void)close(fd);
}

static bool is_roster;
static uint64_t upload_end;

static void answer_whole(struct peer *p, struct message *m)
{
    struct shape_roster_report roster = {.format = "CSV with header row, 10 columns, Windows-1252",
                                         .lines = 3,
                                         .in = 1,
                                         .out = 1,
                                         .blank = 0,
                                         .refused = 1,
                                         .withdrawn = 1,
                                         .leaf = 12};
    struct shape_batch_state batch = {
        .batch = "b1", .state = BATCH_STAGING, .taken_on = {2026, 9, 14}, .created_ms = 1795151100000};

    if (is_roster)
        report_rows(p, m->request, MSG_ROSTER_REPORT, &roster);
    else
        peer_say(p, MSG_BATCH_STATE, m->request, &batch, -1);
}

/* Two, or before b2 the other one. */
static void list_batches(struct peer *p, uint32_t request, const char *before)
{
    struct shape_batch_state rows[] = {
        {.batch = "b2", .state = BATCH_STAGING, .taken_on = {2026, 9, 14}, .created_ms = 1795151100000},
        {.batch = "b1",
         .state = BATCH_COMMITTED,
         .taken_on = {2026, 9, 1},
         .files = 3,
         .stored = 2,
         .photos = 2}};
    struct shape_batches is = {.more = !before[0]};
    CLEANUP(buf) struct buf *b = NULL;
    struct pack packed;
    int fd = -1;

    ck_assert_int_eq(buf_new(&b, 65536), OK);
    packed = PACK(b);
    for (size_t i = before[0] ? 1 : 0; i < 2; i++)
        pack_batch_state(&packed, &rows[i]);
    ck_assert_int_eq(bulk_new(&fd, buf_bytes(b), buf_len(b)), OK);
    peer_say(p, MSG_BATCHES, request, &is, fd);
    (void)close(fd);
}

static void keep_office(struct peer *p, struct message *m)
{
    struct shape_batch_state batch = {.batch = "b1",
                                      .state = BATCH_STAGED,
                                      .taken_on = {2026, 9, 14},
                                      .created_ms = 1795151100000,
                                      .files = 3,
                                      .judged = 3,
                                      .stored = 1};
    struct shape_upload_state ready = {.upload = 5};
    struct shape_upload_name kept = {.upload = 5};
    struct stat st;

    switch ((int)m->type) {
    case MSG_ROSTER_OPEN:
    case MSG_UPLOAD_CREATE:
        is_roster = m->type == MSG_ROSTER_OPEN;
        upload_end = is_roster ? m->is.roster_open.length : m->is.upload_create.length;
        ready.length = upload_end;
        peer_say(p, MSG_UPLOAD_READY, m->request, &ready, -1);
        break;
    case MSG_UPLOAD_CHUNK:
        ck_assert_int_eq(fstat(m->fds[0], &st), 0);
        if (m->is.upload_chunk.offset + (uint64_t)st.st_size == upload_end)
            answer_whole(p, m);
        else
            peer_say(p, MSG_UPLOAD_KEPT, m->request, &kept, -1);
        break;
    case MSG_BATCH_GET:
        report_rows(p, m->request, MSG_BATCH_REPORT, &batch);
        break;
    case MSG_BATCH_LIST:
        list_batches(p, m->request, m->is.batch_name.batch);
        break;
    case MSG_BATCH_CREATE:
    case MSG_BATCH_COMMIT:
    case MSG_BATCH_UNDO:
        batch.state = m->type == MSG_BATCH_CREATE   ? BATCH_STAGING
                      : m->type == MSG_BATCH_COMMIT ? BATCH_COMMITTED
                                                    : BATCH_UNDONE;
        peer_say(p, MSG_BATCH_STATE, m->request, &batch, -1);
        break;
    default:
        break;
    }
}

static void refuse_keys(struct peer *p, struct message *m)
{
    if (m->type != MSG_DOOR_REFUSED && m->type != MSG_STRANGERS)
        peer_refuse(p, m->request, PROBLEM_CREDENTIAL_UNKNOWN);
}

static void fill_up_at_second_chunk(struct peer *p, struct message *m)
{
    if (m->type == MSG_UPLOAD_CHUNK && m->is.upload_chunk.offset >> 20 == 1)
        peer_refuse(p, m->request, PROBLEM_STORAGE_FULL);
    else
        keep_office(p, m);
}

#define KEY      "Authorization: Bearer phk_0123\r\n"
#define DISTRICT "/v1/districts/0098"

static const char *office_text(const char *line, const char *more)
{
    static char text[2000];

    (void)snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: office\r\n%s\r\n", line, more);
    return text;
}

START_TEST(the_office_door_wants_a_key_and_a_known_path)
{
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ask_for_problem(&d, WHO_COUNT, office_text("GET " DISTRICT "/batches/b1", ""), PROBLEM_KEY_REQUIRED);
    ask_for_problem(&d, WHO_COUNT, office_text("GET /", "Authorization: Basic cGhrXzE6\r\n"),
                    PROBLEM_KEY_REQUIRED);
    ask_for_problem(&d, WHO_COUNT, office_text("GET /", KEY), PROBLEM_NOT_FOUND);
    ask_for_problem(&d, WHO_COUNT, office_text("POST /v1/lookups", KEY), PROBLEM_NOT_FOUND);
    ask_for_problem(&d, WHO_COUNT, office_text("GET " DISTRICT "/batches//", KEY), PROBLEM_NOT_FOUND);
    client_ask(d.port, WHO_COUNT, office_text("GET " DISTRICT "/batches/b%31", KEY), &r);
    ck_assert_str_eq(d.vault.last[MSG_BATCH_GET].batch_name.batch, "b%31"); /* an escape is no escape */
    reply_free(&r);
    door_stop(&d);
}
END_TEST

START_TEST(methods_lengths_and_types_are_checked_before_the_vault_is_asked)
{
    char value[8400];
    struct door d;
    struct reply r;

    door_start(&d, PROCESS_OFFICE, keep_office);
    client_ask(d.port, WHO_COUNT, office_text("GET " DISTRICT "/roster", KEY), &r);
    assert_problem(&r, PROBLEM_METHOD_NOT_ALLOWED);
    ck_assert_str_eq(reply_header(&r, "Allow", value), "PUT");
    reply_free(&r);
    client_ask(d.port, WHO_COUNT, office_text("LOOKUP_HEAD " DISTRICT "/batches/b1", KEY), &r);
    ck_assert_int_eq(r.status, 405);
    reply_free(&r);
    ask_for_problem(&d, WHO_COUNT,
                    office_text("PUT " DISTRICT "/roster", KEY "Content-Type: text/tab-separated-values\r\n"),
                    PROBLEM_LENGTH_REQUIRED);
    ask_for_problem(&d, WHO_COUNT,
                    office_text("PUT " DISTRICT "/roster", KEY
                                "Content-Type: text/tab-separated-values\r\nContent-Length: 67108865\r\n"),
                    PROBLEM_BODY_TOO_LARGE);
    ask_for_problem(&d, WHO_COUNT,
                    office_text("PUT " DISTRICT "/batches/b1/upload",
                                KEY "Content-Type: application/zip\r\nContent-Length: 16777217\r\n"),
                    PROBLEM_BODY_TOO_LARGE);
    ask_for_problem(
        &d, WHO_COUNT,
        office_text("PUT " DISTRICT "/roster", KEY "Content-Type: application/pdf\r\nContent-Length: 5\r\n"),
        PROBLEM_MEDIA_TYPE_UNKNOWN);
    ask_for_problem(&d, WHO_COUNT,
                    office_text("POST " DISTRICT "/batches/b1/commit", KEY "Content-Length: 5\r\n"),
                    PROBLEM_BODY_TOO_LARGE);
    ck_assert(peer_awaits(&d.vault, MSG_DOOR_REFUSED, 7));
    ck_assert_str_eq(d.vault.last[MSG_DOOR_REFUSED].door_refused.key, "phk_0123");
    ck_assert_uint_eq(peer_count(&d.vault, MSG_ROSTER_OPEN), 0);
    door_stop(&d);
}
END_TEST

START_TEST(batches_are_created_asked_for_committed_and_undone)
{
    char value[8400];
    struct door d;
    struct reply r;
    json_t *o;

    door_start(&d, PROCESS_OFFICE, keep_office);
    client_ask(d.port, WHO_COUNT, office_text("POST " DISTRICT "/batches?taken_on=2026-09-14", KEY), &r);
    ck_assert_int_eq(r.status, 201);
    ck_assert_str_eq(reply_header(&r, "Location", value), DISTRICT "/batches/b1");
    ck_assert_ptr_nonnull(strstr(r.body, "\"state\":\"staging\""));
    ck_assert_str_eq(d.vault.last[MSG_BATCH_CREATE].batch_create.taken_on, "2026-09-14");
    ck_assert_str_eq(d.vault.last[MSG_BATCH_CREATE].batch_create.district, "0098");
    ck_assert_str_eq(d.vault.last[MSG_BATCH_CREATE].batch_create.key, "phk_0123");
    reply_free(&r);
    client_ask(d.port, WHO_COUNT, office_text("GET " DISTRICT "/batches/b1", KEY), &r);
    ck_assert_int_eq(r.status, 200);
    o = json_loads(r.body, 0, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(o, "rows")), 3);
    ck_assert_str_eq(member(json_array_get(json_object_get(o, "rows"), 0), NULL, "file"), "012345678.jpg");
    ck_assert_str_eq(member(json_array_get(json_object_get(o, "rows"), 1), NULL, "outcome"),
                     "state-id-malformed");
    ck_assert_ptr_null(json_object_get(json_array_get(json_object_get(o, "rows"), 1), "file"));
    ck_assert_str_eq(member(json_array_get(json_object_get(o, "rows"), 2), NULL, "file"), "caf?.jpg");
    ck_assert_ptr_null(json_object_get(o, "fault"));
    json_decref(o);
    reply_free(&r);
    client_ask(d.port, WHO_COUNT, office_text("POST " DISTRICT "/batches/b1/commit", KEY), &r);
    ck_assert_int_eq(r.status, 200);
    ck_assert_ptr_nonnull(strstr(r.body, "\"state\":\"committed\""));
    reply_free(&r);
    client_ask(d.port, WHO_COUNT,
               office_text("POST " DISTRICT "/batches/b1/undo", KEY "Content-Length: 0\r\n"), &r);
    ck_assert_int_eq(r.status, 200);
    ck_assert_ptr_nonnull(strstr(r.body, "\"state\":\"undone\""));
    reply_free(&r);
    door_stop(&d);
}
END_TEST

START_TEST(a_client_that_waits_for_100_gets_the_refusal_or_the_go_ahead)
{
    static const char head[] =
        KEY "Content-Type: application/zip\r\nContent-Length: 3\r\nExpect: 100-continue\r\n";
    struct client c;
    struct reply r;
    struct door d;

    door_start(&d, PROCESS_OFFICE, refuse_keys);
    ask_for_problem(&d, WHO_COUNT, office_text("PUT " DISTRICT "/batches/b1/upload", head),
                    PROBLEM_CREDENTIAL_UNKNOWN);
    door_stop(&d);
    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    client_say(&c, office_text("PUT " DISTRICT "/batches/b1/upload", head));
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 100);
    reply_free(&r);
    client_say(&c, "zip");
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 202);
    reply_free(&r);
    ck_assert_uint_eq(d.vault.chunk_sizes[0], 3);
    client_close(&c);
    door_stop(&d);
}
END_TEST

static int report_kind;

static void report_badly(struct peer *p, struct message *m)
{
    struct shape_batch_state batch = {.batch = "b1", .state = BATCH_STATE_COUNT};
    int fd = -1;

    if (m->type != MSG_BATCH_GET)
        return;
    if (report_kind == 0) {
        report_rows(p, m->request, MSG_BATCH_REPORT, &batch);
        return;
    }
    batch.state = BATCH_STAGED;
    ck_assert_int_eq(bulk_new(&fd, "no rows", 7), OK);
    peer_say(p, MSG_BATCH_REPORT, m->request, &batch, fd);
    (void)close(fd);
}

START_TEST(batches_are_listed_newest_first_and_page_by_page)
{
    struct door d;
    struct reply r;
    json_t *o;

    door_start(&d, PROCESS_OFFICE, keep_office);
    client_ask(d.port, WHO_COUNT, office_text("GET " DISTRICT "/batches", KEY), &r);
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(d.vault.last[MSG_BATCH_LIST].batch_name.batch, "");
    ck_assert_str_eq(d.vault.last[MSG_BATCH_LIST].batch_name.district, "0098");
    o = json_loads(r.body, 0, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(o, "batches")), 2);
    ck_assert(json_is_true(json_object_get(o, "more")));
    ck_assert_str_eq(member(json_array_get(json_object_get(o, "batches"), 0), NULL, "state"), "staging");
    ck_assert_str_eq(member(json_array_get(json_object_get(o, "batches"), 1), NULL, "state"), "committed");
    json_decref(o);
    reply_free(&r);
    client_ask(d.port, WHO_COUNT, office_text("GET " DISTRICT "/batches?before=b2", KEY), &r);
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(d.vault.last[MSG_BATCH_LIST].batch_name.batch, "b2");
    o = json_loads(r.body, 0, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(o, "batches")), 1);
    ck_assert(json_is_false(json_object_get(o, "more")));
    json_decref(o);
    reply_free(&r);
    ask_for_problem(&d, WHO_COUNT, office_text("GET " DISTRICT "/batches?before=", KEY),
                    PROBLEM_BAD_PARAMETER);
    ask_for_problem(
        &d, WHO_COUNT,
        office_text("GET " DISTRICT "/batches?before=0123456789012345678901234567890123456789012345678", KEY),
        PROBLEM_BAD_PARAMETER);
    ask_for_problem(&d, WHO_COUNT, office_text("GET " DISTRICT "/batches", ""), PROBLEM_KEY_REQUIRED);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_BATCH_LIST), 2);
    door_stop(&d);
}
END_TEST

START_TEST(a_report_that_is_none_drops_the_link)
{
    struct door d;

    door_start(&d, PROCESS_OFFICE, NULL);
    for (report_kind = 0; report_kind < 2; report_kind++) {
        door_link(&d, report_badly);
        ask_for_problem(&d, WHO_COUNT, office_text("GET " DISTRICT "/batches/b1", KEY), PROBLEM_UNAVAILABLE);
        (void)pthread_join(d.vault.thread, NULL);
        channel_close(&d.vault.channel);
        d.vault.answer = NULL;
    }
    door_stop(&d);
}
END_TEST

static bool send_upload(struct client *c, const char *line, const char *type, size_t bytes, size_t sent)
{
    static char block[50000];
    char more[300];

    (void)snprintf(more, sizeof more, KEY "Content-Type: %s\r\nContent-Length: %zu\r\n", type, bytes);
    client_say(c, office_text(line, more));
    while (sent) {
        size_t part = sent < sizeof block ? sent : sizeof block;

        if (!client_send(c, block, part))
            return false;
        sent -= part;
    }
    return true;
}

START_TEST(a_roster_is_streamed_in_chunks_of_a_mebibyte)
{
    const size_t bytes = (5u << 20) / 2;
    struct client c;
    struct reply r;
    struct door d;
    json_t *o, *rows;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    ck_assert(
        send_upload(&c, "PUT " DISTRICT "/roster", "text/tab-separated-values; charset=utf-8", bytes, bytes));
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 200);
    o = json_loads(r.body, 0, NULL);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "lines")), 3);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "withdrawn")), 1);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "audit")), 12);
    ck_assert_str_eq(json_string_value(json_object_get(o, "format")),
                     "CSV with header row, 10 columns, Windows-1252");
    rows = json_object_get(o, "rows");
    ck_assert_uint_eq(json_array_size(rows), 3);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 1), "note")), "A note.");
    ck_assert_ptr_null(json_object_get(json_array_get(rows, 2), "note"));
    json_decref(o);
    reply_free(&r);
    ck_assert_str_eq(d.vault.last[MSG_ROSTER_OPEN].roster_open.media, "text/tab-separated-values");
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 3);
    ck_assert_uint_eq(d.vault.chunk_sizes[0], 1u << 20);
    ck_assert_uint_eq(d.vault.chunk_sizes[1], 1u << 20);
    ck_assert_uint_eq(d.vault.chunk_sizes[2], 1u << 19);
    ck_assert_uint_eq(d.vault.last[MSG_ROSTER_OPEN].roster_open.length, bytes);
    ck_assert_uint_eq(d.vault.last[MSG_UPLOAD_CHUNK].upload_chunk.offset, 2u << 20);
    ck_assert_uint_eq(d.vault.last[MSG_UPLOAD_CHUNK].upload_chunk.upload, 5);
    /* The connection is still good. */
    ck_assert(send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 16u << 20, 16u << 20));
    client_read(&c, &r);
    ck_assert_int_eq(r.status, 202);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 19);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_LEAVE), 0);
    door_stop(&d);
}
END_TEST

START_TEST(a_refused_upload_is_answered_before_its_body_comes)
{
    struct client c;
    struct reply r;
    struct door d;

    door_start(&d, PROCESS_OFFICE, refuse_keys);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    (void)send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 16u << 20, 1u << 20);
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_CREDENTIAL_UNKNOWN);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 0);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_DOOR_REFUSED), 0);
    door_stop(&d);
}
END_TEST

START_TEST(an_upload_refused_halfway_is_answered_at_once)
{
    struct client c;
    struct reply r;
    struct door d;

    door_start(&d, PROCESS_OFFICE, fill_up_at_second_chunk);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    (void)send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 16u << 20, 4u << 20);
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_STORAGE_FULL);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_LEAVE), 0);
    door_stop(&d);
}
END_TEST

START_TEST(a_client_that_goes_halfway_leaves_its_upload_with_all_that_came)
{
    struct client c;
    struct door d;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    ck_assert(send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 8u << 20,
                          (3u << 20) + 1000));
    client_close(&c);
    ck_assert(peer_awaits(&d.vault, MSG_UPLOAD_LEAVE, 1));
    ck_assert_uint_eq(d.vault.last[MSG_UPLOAD_LEAVE].upload_name.upload, 5);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 4);
    ck_assert_uint_eq(d.vault.upload_bytes, (3u << 20) + 1000);
    door_stop(&d);
}
END_TEST

START_TEST(an_upload_does_not_go_on_with_another_vault)
{
    struct client c;
    struct reply r;
    struct door d;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&c, d.port, WHO_COUNT));
    ck_assert(send_upload(&c, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 4u << 20, 2u << 20));
    ck_assert(peer_awaits(&d.vault, MSG_UPLOAD_CHUNK, 2));
    peer_stop(&d.vault);
    door_link(&d, keep_office);
    (void)poll(NULL, 0, 200);
    {
        static char rest[2u << 20];
        (void)client_send(&c, rest, sizeof rest);
    }
    client_read(&c, &r);
    assert_problem(&r, PROBLEM_UNAVAILABLE);
    reply_free(&r);
    client_close(&c);
    ck_assert_uint_eq(peer_count(&d.vault, MSG_UPLOAD_CHUNK), 0);
    door_stop(&d);
}
END_TEST

START_TEST(an_upload_slower_than_the_least_rate_is_cut)
{
    struct client slow, steady;
    char bytes[4096] = {0};
    int64_t begun, cut = 0;
    struct door d;

    door_start(&d, PROCESS_OFFICE, keep_office);
    ck_assert(client_open(&slow, d.port, WHO_COUNT));
    ck_assert(client_open(&steady, d.port, WHO_COUNT));
    (void)send_upload(&slow, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 8u << 20, 0);
    (void)send_upload(&steady, "PUT " DISTRICT "/batches/b1/upload", "application/zip", 8u << 20, 0);
    begun = clock_steady_ms();
    while (!cut && clock_steady_ms() - begun < 15000) {
        ck_assert(client_send(&steady, bytes, sizeof bytes)); /* about 16 KiB/s */
        (void)client_send(&slow, bytes, 512);                 /* about 2 KiB/s */
        if (client_is_cut(&slow, 200))
            cut = clock_steady_ms() - begun;
    }
    ck_assert_msg(is_between(cut, 9500, 11500), "cut after %lld ms", (long long)cut);
    ck_assert(!client_is_cut(&steady, 500));
    client_close(&slow);
    client_close(&steady);
    door_stop(&d);
}
END_TEST

TCase *tests_of_office(void)
{
    const TTest *const tests[] = {the_office_door_wants_a_key_and_a_known_path,
                                  methods_lengths_and_types_are_checked_before_the_vault_is_asked,
                                  batches_are_created_asked_for_committed_and_undone,
                                  batches_are_listed_newest_first_and_page_by_page,
                                  a_client_that_waits_for_100_gets_the_refusal_or_the_go_ahead,
                                  a_report_that_is_none_drops_the_link,
                                  a_roster_is_streamed_in_chunks_of_a_mebibyte,
                                  a_refused_upload_is_answered_before_its_body_comes,
                                  an_upload_refused_halfway_is_answered_at_once,
                                  a_client_that_goes_halfway_leaves_its_upload_with_all_that_came,
                                  an_upload_does_not_go_on_with_another_vault,
                                  an_upload_slower_than_the_least_rate_is_cut};
    return tests_of("office", tests, sizeof tests / sizeof *tests);
}
