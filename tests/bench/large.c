/*
 * Lookups while the vault does something large: a district's roster, a yearbook package, commit and undo. The
 * real photod-vault; the test is everybody else and asks for one child, over and over, until the large thing
 * is done. Prints for each how many lookups were answered, their median and the slowest.
 *
 *   build/release/bin/bench-large          after a release build; CHILDREN (17000), PHOTOS (5000), TMPDIR
 */
#include <check.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "tests/process/vault_rig.h"

#define CHILDREN 17000
#define PHOTOS   5000
#define LOOKUPS  200000
#define FIRST    1 /* child 0 is the one that is looked for */

static struct rig rig;
static uint32_t children, photos;
static double took[LOOKUPS];

static double milliseconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static bool is_readable(const struct channel *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* Lookups until that channel has something to say, and at least for so long. */
static void look_until(const char *what, const struct channel *c, double least_ms)
{
    double began = milliseconds();
    uint32_t n = 0;

    while (n < LOOKUPS && ((c && !is_readable(c)) || milliseconds() - began < least_ms)) {
        struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);
        CLEANUP(message) struct message m = MESSAGE_NONE;
        double at = milliseconds();

        rig_ask(&rig, &rig.law, MSG_LOOKUP, &ask, -1, &m, MSG_RELEASED);
        took[n++] = milliseconds() - at;
    }
    qsort(took, n, sizeof took[0], by_value);
    (void)printf("%-52s %6.0f ms, %5" PRIu32 " lookups, median %.2f ms, slowest %.1f ms\n", what,
                 milliseconds() - began, n, n ? took[n / 2] : 0, n ? took[n - 1] : 0);
    (void)fflush(stdout);
}

/* ---- Tables ---- */

static void name_child(uint32_t n, char *last, char *first, size_t size)
{
    (void)snprintf(last, size, "family%" PRIu32, n % 9973);
    (void)snprintf(first, size, "child%" PRIu32, n % 997);
}

static int table_end(struct buf *b, const struct pack *p)
{
    int fd;

    ck_assert_int_eq(pack_end(p), OK);
    fd = rig_bulk(buf_bytes(b), buf_len(b));
    buf_free(b);
    return fd;
}

static int roster_table(unsigned char answer)
{
    struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 256u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < children; n++) {
        struct shape_roster_row row = {.line = n + 2,
                                       .district = RIG_DISTRICT,
                                       .born = {2015, 5, 17},
                                       .school = "Lincoln",
                                       .grade = "05",
                                       .homeroom = "R1",
                                       .opt_in = answer};

        rig_state_id(row.state_id, FIRST + n);
        name_child(n, row.last, row.first, sizeof row.last);
        memcpy(row.folded_last, row.last, sizeof row.last);
        memcpy(row.folded_first, row.first, sizeof row.first);
        row.opt_in_on = law_today(clock_wall_ms());
        pack_roster_row(&p, &row);
    }
    return table_end(b, &p);
}

static int index_table(void)
{
    struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 64u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < photos; n++) {
        struct shape_index_row row = {
            .line = n + 1, .entry = n, .match = ZIP_EXACT, .grade = "05", .homeroom = "R1"};

        name_child(n, row.last, row.first, sizeof row.last);
        memcpy(row.folded_last, row.last, sizeof row.last);
        memcpy(row.folded_first, row.first, sizeof row.first);
        (void)snprintf(row.file, sizeof row.file, "%" PRIu32 ".jpg", n);
        pack_index_row(&p, &row);
    }
    return table_end(b, &p);
}

/* ---- The large things ---- */

/* A roster, of a batch (or NULL: in earnest), up to its report. */
static void roster(const char *what, unsigned char answer, const struct shape_batch_name *batch)
{
    struct shape_roster_open open = rig_roster_open(&rig);
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_upload_chunk chunk = {.upload = 0};
    struct channel *worker;
    uint32_t question;

    if (batch)
        memcpy(open.batch, batch->batch, sizeof open.batch);
    chunk.upload = rig_open(&rig, MSG_ROSTER_OPEN, &open);
    question = rig_send(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk("roster", 6));
    worker = rig_worker_asked(&rig, MSG_ROSTER_PARSE, STATE_ROSTER, &m);
    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary, roster_table(answer), STATE_IDLE);
    look_until(what, &rig.office, 0);
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
}

static void package(struct shape_batch_name *ask)
{
    const struct shape_zip_indexed indexed = {
        .form = ZIP_INDEX, .columns = 12, .indexes = 1, .charset = "UTF-8"};
    const struct shape_zip_listed listed = {.count = photos};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_upload_create create;
    struct channel *zip;

    rig_batch_new(&rig, ask);
    roster("its roster once more, for the package", 1, ask);
    create = rig_upload_create(ask, 3);
    rig_chunk(&rig, rig_open(&rig, MSG_UPLOAD_CREATE, &create), 0, "zip", 3, MSG_BATCH_STATE);
    zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
    rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &indexed, index_table(), STATE_ZIP);
    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &listed, rig_listing_of(FIRST, photos), STATE_ZIP);
    look_until("the package's index against that roster", zip, 0);
    (void)rig_judge_listed(&rig, zip, NULL, UINT32_MAX);
    look_until("the package compared and counted", NULL, 2000);
    ck_assert_uint_eq(rig_batch_staged(&rig, ask).stored, photos);
}

static void step(const char *what, const struct shape_batch_name *ask, enum msg type, double least_ms)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    uint32_t question = rig_send(&rig, &rig.office, type, ask, -1);

    look_until(what, &rig.office, least_ms);
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_BATCH_STATE);
    ck_assert_uint_eq(m.is.batch_state.photos, photos);
}

START_TEST(lookups_amid_large_things)
{
    struct shape_batch_name first, second;

    rig.below = getenv("TMPDIR");
    rig_start(&rig);
    rig_child(&rig);
    look_until("nothing else", NULL, 1000);
    (void)printf("%" PRIu32 " children, %" PRIu32 " photos\n", children, photos);
    roster("a roster of children that nobody knew, opted in", 1, NULL);
    roster("the same again", 1, NULL);
    package(&first);
    step("commit of the package", &first, MSG_BATCH_COMMIT, 0);
    package(&second);
    step("commit of the next, which replaces every photo", &second, MSG_BATCH_COMMIT, 0);
    step("undo of it", &second, MSG_BATCH_UNDO, 0);
    look_until("what it brought is erased", NULL, 4000);
    roster("a roster on which all opt out", 2, NULL);
    look_until("what they had is erased", NULL, 4000);
    rig_stop(&rig);
    rig_clear(&rig);
}
END_TEST

static void nothing(void)
{
}

static uint32_t wanted(const char *name, uint32_t usual)
{
    const char *text = getenv(name);

    return text ? (uint32_t)strtoul(text, NULL, 10) : usual;
}

int main(void)
{
    const TTest *const tests[] = {lookups_amid_large_things};

    children = wanted("CHILDREN", CHILDREN);
    photos = wanted("PHOTOS", PHOTOS);
    (void)setenv("CK_FORK", "no", 0); /* and so without a time limit */
    return rig_suite("large", tests, 1, nothing, nothing);
}
