/* The office door: the review of a package, and a report in its other forms. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "lawapi/outcome.h"
#include "photod/wire/bulk.h"
#include "tests/process/test_web.h"

#define KEY  "Authorization: Bearer phk_0123\r\n"
#define PATH "/v1/districts/0098/batches/b1"
#define TSV  "Accept: text/tab-separated-values\r\n"

/* What the door sent last as decisions. */
static struct shape_review_decision decided[4];
static unsigned decided_count;

static void say_table(struct peer *p, uint32_t request, enum msg type, const void *shape, const struct buf *b)
{
    int fd = -1;

    ck_assert_int_eq(bulk_new(&fd, buf_bytes(b), buf_len(b)), OK);
    peer_say(p, type, request, shape, fd);
    (void)close(fd);
}

/* Two rows: two children come near the first, nobody the second. */
static void say_review(struct peer *p, uint32_t request, const struct shape_batch_state *batch)
{
    const struct shape_review_row rows[] = {
        {.line = 3, .file = "LARGE/A1.jpg", .note = "Two children.", .candidates = 2},
        {.line = 7, .file = "b\xe9.jpg"}};
    const struct shape_review_candidate near[] = {{.state_id = "012345678",
                                                   .last = "Doe",
                                                   .first = "Jane",
                                                   .grade = "05",
                                                   .homeroom = "A",
                                                   .school = "0412"},
                                                  {.state_id = "112345678",
                                                   .last = "Doe",
                                                   .first = "Jana",
                                                   .grade = "06",
                                                   .homeroom = "B",
                                                   .school = "0412"}};
    CLEANUP(buf) struct buf *b = NULL;
    struct pack packed;

    ck_assert_int_eq(buf_new(&b, 65536), OK);
    packed = PACK(b);
    pack_review_row(&packed, &rows[0]);
    pack_review_candidate(&packed, &near[0]);
    pack_review_candidate(&packed, &near[1]);
    pack_review_row(&packed, &rows[1]);
    say_table(p, request, MSG_REVIEW_IS, batch, b);
}

/* A file name with a tab and a line end in it, a school and a child to renew. */
static void say_report(struct peer *p, uint32_t request, struct shape_batch_state batch)
{
    const struct shape_report_row rows[] = {
        {.line = 1, .file = "a\tb\n.jpg", .state_id = "012345678", .outcome = OUTCOME_WOULD_BE_STORED},
        {.line = 2, .file = "c.jpg", .outcome = OUTCOME_UNREADABLE, .note = "Cut off."}};
    const struct shape_school_counts school = {.school = "0412", .with_photo = 1, .unreadable = 1};
    const struct shape_renewal renewal = {.state_id = "112345678", .school = "0412", .grade = "05"};
    CLEANUP(buf) struct buf *b = NULL;
    struct pack packed;

    ck_assert_int_eq(buf_new(&b, 65536), OK);
    packed = PACK(b);
    for (unsigned i = 0; i < 2; i++)
        pack_report_row(&packed, &rows[i]);
    pack_school_counts(&packed, &school);
    pack_renewal(&packed, &renewal);
    batch.judged = 2;
    batch.schools = 1;
    say_table(p, request, MSG_BATCH_REPORT, &batch, b);
}

static void take_decisions(struct message *m)
{
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct take t;

    ck_assert_int_eq(bulk_map(&table, m->fds[0], 65536), OK);
    decided_count = 0;
    for (t = TAKE_BYTES(table.bytes, table.len); take_more(&t); decided_count++) {
        ck_assert_uint_lt(decided_count, 4);
        take_review_decision(&t, &decided[decided_count]);
    }
    ck_assert_int_eq(take_end(&t), OK);
}

static void keep(struct peer *p, struct message *m)
{
    struct shape_batch_state batch = {
        .batch = "b1", .state = BATCH_STAGED, .taken_on = {2026, 9, 14}, .files = 9, .review = 2};

    switch ((int)m->type) {
    case MSG_REVIEW_GET:
        say_review(p, m->request, &batch);
        break;
    case MSG_REVIEW_DECIDE:
        take_decisions(m);
        batch.state = BATCH_STAGING;
        peer_say(p, MSG_BATCH_STATE, m->request, &batch, -1);
        break;
    case MSG_BATCH_GET:
        batch.state = BATCH_CHECKED;
        say_report(p, m->request, batch);
        break;
    case MSG_BATCH_CREATE:
        batch.state = BATCH_STAGING;
        peer_say(p, MSG_BATCH_STATE, m->request, &batch, -1);
        break;
    default:
        break;
    }
}

/* A row that says it has more candidates than there are, and a table cut off. */
static void review_badly(struct peer *p, struct message *m)
{
    const struct shape_batch_state batch = {.batch = "b1", .state = BATCH_STAGED};
    const struct shape_review_row row = {.line = 3, .candidates = 5};
    CLEANUP(buf) struct buf *b = NULL;
    struct pack packed;

    if (m->type != MSG_REVIEW_GET)
        return;
    ck_assert_int_eq(buf_new(&b, 65536), OK);
    packed = PACK(b);
    pack_review_row(&packed, &row);
    say_table(p, m->request, MSG_REVIEW_IS, &batch, b);
}

static struct door door;

static void setup(void)
{
    door_start(&door, PROCESS_OFFICE, keep);
}

static void teardown(void)
{
    door_stop(&door);
}

static const char *text_of(const char *line, const char *headers, const char *body)
{
    static char text[4000];

    (void)snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: office\r\n" KEY "%s\r\n%s", line, headers, body);
    return text;
}

static const char *decisions(const char *body)
{
    char headers[100];

    (void)snprintf(headers, sizeof headers, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   strlen(body));
    return text_of("POST " PATH "/review", headers, body);
}

static json_t *ask_json(const char *text, int status)
{
    struct reply r;
    json_t *o;

    client_ask(door.port, WHO_COUNT, text, &r);
    ck_assert_msg(r.status == status, "%d: %s", r.status, r.body);
    o = json_loads(r.body, 0, NULL);
    ck_assert_ptr_nonnull(o);
    reply_free(&r);
    return o;
}

START_TEST(what_waits_is_shown_with_the_children_who_come_near)
{
    json_t *o = ask_json(text_of("GET " PATH "/review", "", ""), 200), *rows = json_object_get(o, "rows"),
           *first;

    ck_assert_uint_eq(json_array_size(rows), 2);
    first = json_array_get(rows, 0);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "line")), 3);
    ck_assert_str_eq(member(first, NULL, "file"), "LARGE/A1.jpg");
    ck_assert_str_eq(member(first, NULL, "note"), "Two children.");
    ck_assert_uint_eq(json_array_size(json_object_get(first, "candidates")), 2);
    ck_assert_str_eq(member(json_array_get(json_object_get(first, "candidates"), 1), NULL, "first_name"),
                     "Jana");
    ck_assert_str_eq(member(json_array_get(rows, 1), NULL, "file"), "b?.jpg");
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(rows, 1), "candidates")), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(o, "review")), 2);
    ck_assert_str_eq(door.vault.last[MSG_REVIEW_GET].batch_name.batch, "b1");
    ck_assert_str_eq(door.vault.last[MSG_REVIEW_GET].batch_name.district, "0098");
    json_decref(o);
}
END_TEST

START_TEST(decisions_reach_the_vault_as_they_were_made)
{
    json_t *o = ask_json(decisions("{\"decisions\":[{\"line\":3,\"state_id\":\"112345678\"},"
                                   "{\"line\":7,\"skip\":true}]}"),
                         200);

    ck_assert_str_eq(member(o, NULL, "state"), "staging");
    json_decref(o);
    ck_assert_uint_eq(decided_count, 2);
    ck_assert_uint_eq(decided[0].line, 3);
    ck_assert_str_eq(decided[0].state_id, "112345678");
    ck_assert(!decided[0].skip);
    ck_assert_uint_eq(decided[1].line, 7);
    ck_assert_str_eq(decided[1].state_id, "");
    ck_assert(decided[1].skip);
}
END_TEST

START_TEST(what_is_no_decision_does_not_reach_the_vault)
{
    static const char *const wrong[] = {
        "[",
        "[]",
        "{\"decisions\":5}",
        "{\"decisions\":[5]}",
        "{\"decisions\":[{}]}",
        "{\"decisions\":[{\"line\":0,\"skip\":true}]}",
        "{\"decisions\":[{\"line\":-1,\"skip\":true}]}",
        "{\"decisions\":[{\"line\":4294967296,\"skip\":true}]}",
        "{\"decisions\":[{\"line\":1.5,\"skip\":true}]}",
        "{\"decisions\":[{\"line\":\"1\",\"skip\":true}]}",
        "{\"decisions\":[{\"line\":1}]}",
        "{\"decisions\":[{\"line\":1,\"skip\":false}]}",
        "{\"decisions\":[{\"line\":1,\"state_id\":\"112345678\",\"skip\":true}]}",
        "{\"decisions\":[{\"line\":1,\"state_id\":\"1234567890123456789012345678901234567890\"}]}",
        "{\"decisions\":[],\"decisions\":[]}"};

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ask_for_problem(&door, WHO_COUNT, decisions(wrong[i]), PROBLEM_BAD_JSON);
    ask_for_problem(
        &door, WHO_COUNT,
        text_of("POST " PATH "/review", "Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}"),
        PROBLEM_MEDIA_TYPE_UNKNOWN);
    ask_for_problem(&door, WHO_COUNT, text_of("PUT " PATH "/review", "Content-Length: 0\r\n", ""),
                    PROBLEM_METHOD_NOT_ALLOWED);
    ck_assert_uint_eq(peer_count(&door.vault, MSG_REVIEW_DECIDE), 0);
    (void)printf("%zu bodies\n", sizeof wrong / sizeof wrong[0]);
}
END_TEST

START_TEST(a_review_that_is_none_drops_the_link)
{
    struct door d;

    door_start(&d, PROCESS_OFFICE, review_badly);
    ask_for_problem(&d, WHO_COUNT, text_of("GET " PATH "/review", "", ""), PROBLEM_UNAVAILABLE);
    (void)pthread_join(d.vault.thread, NULL);
    channel_close(&d.vault.channel);
    d.vault.answer = NULL;
    door_stop(&d);
}
END_TEST

START_TEST(a_report_comes_as_a_table_of_its_rows_alone_when_asked_for)
{
    char value[8400];
    struct reply r;

    client_ask(door.port, WHO_COUNT, text_of("GET " PATH, TSV, ""), &r);
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(reply_header(&r, "Content-Type", value), "text/tab-separated-values; charset=utf-8");
    ck_assert_int_eq(
        strncmp(r.body,
                "line\tfile\tstate_id\toutcome\twhat to do\tnote\n1\ta b .jpg\t012345678\twould-be-stored\t",
                80),
        0);
    ck_assert_ptr_nonnull(strstr(r.body, "\n2\tc.jpg\t\tunreadable\t"));
    ck_assert_ptr_nonnull(strstr(r.body, "\tCut off.\n"));
    ck_assert_ptr_null(strstr(r.body, "112345678"));
    reply_free(&r);
}
END_TEST

START_TEST(a_report_has_its_counts_per_school_and_who_is_to_renew)
{
    json_t *o = ask_json(text_of("GET " PATH, "", ""), 200);
    const json_t *schools = json_object_get(o, "schools"), *renewals = json_object_get(o, "renewals");

    ck_assert_str_eq(member(o, NULL, "state"), "checked");
    ck_assert_uint_eq(json_array_size(json_object_get(o, "rows")), 2);
    ck_assert_uint_eq(json_array_size(schools), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(schools, 0), "unreadable")), 1);
    ck_assert_uint_eq(json_array_size(renewals), 1);
    ck_assert_str_eq(member(json_array_get(renewals, 0), NULL, "state_id"), "112345678");
    json_decref(o);
}
END_TEST

START_TEST(a_dry_run_is_asked_for_by_true_or_false_only)
{
    static const struct {
        const char *query;
        unsigned dry_run;
    } good[] = {{"", 0}, {"&dry_run=false", 0}, {"&dry_run=true", 1}};
    static const char *const bad[] = {"&dry_run=", "&dry_run=1", "&dry_run=TRUE", "&dry_run=yes"};
    char line[100];

    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(line, sizeof line, "POST /v1/districts/0098/batches?taken_on=2026-09-14%s",
                       good[i].query);
        json_decref(ask_json(text_of(line, "", ""), 201));
        ck_assert_uint_eq(door.vault.last[MSG_BATCH_CREATE].batch_create.dry_run, good[i].dry_run);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(line, sizeof line, "POST /v1/districts/0098/batches?taken_on=2026-09-14%s", bad[i]);
        ask_for_problem(&door, WHO_COUNT, text_of(line, "", ""), PROBLEM_BAD_PARAMETER);
    }
    ck_assert_uint_eq(peer_count(&door.vault, MSG_BATCH_CREATE), 3);
}
END_TEST

TCase *tests_of_review(void)
{
    const TTest *const tests[] = {what_waits_is_shown_with_the_children_who_come_near,
                                  decisions_reach_the_vault_as_they_were_made,
                                  what_is_no_decision_does_not_reach_the_vault,
                                  a_review_that_is_none_drops_the_link,
                                  a_report_comes_as_a_table_of_its_rows_alone_when_asked_for,
                                  a_report_has_its_counts_per_school_and_who_is_to_renew,
                                  a_dry_run_is_asked_for_by_true_or_false_only};
    TCase *all = tests_of("review", tests, sizeof tests / sizeof *tests);

    tcase_add_checked_fixture(all, setup, teardown);
    return all;
}
