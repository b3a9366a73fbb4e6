/* photod-vault itself; the test plays ZIP workers whose indexes lie, and a door that decides nonsense. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include "lawapi/outcome.h"
#include "lawapi/problem.h"
#include "vault_rig.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct rig rig;

static void setup(void)
{
    rig_start(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

/* Rows of an index, the last `cut` bytes missing. */
static int index_table(const struct shape_index_row *rows, size_t count, size_t cut)
{
    struct buf *b = NULL;
    struct pack p;
    int fd;

    ck_assert_int_eq(buf_new(&b, 1u << 20), OK);
    p = PACK(b);
    for (size_t i = 0; i < count; i++)
        pack_index_row(&p, &rows[i]);
    ck_assert_int_eq(pack_end(&p), OK);
    fd = rig_bulk(buf_bytes(b), buf_len(b) - cut);
    buf_free(b);
    return fd;
}

static const struct shape_zip_indexed mapping = {
    .form = ZIP_MAPPING, .columns = 2, .indexes = 1, .charset = "UTF-8"};
static const struct shape_zip_listed one = {.count = 1};
static const struct shape_index_row good = {
    .line = 1, .entry = 0, .match = ZIP_EXACT, .file = "a.jpg", .number = RIG_CHILD};

static struct shape_index_row bent(uint32_t entry, unsigned char match, unsigned char size)
{
    struct shape_index_row row = good;

    row.entry = entry;
    row.match = match;
    row.size = size;
    return row;
}

/* A good worker judges the same batch afterwards. */
static void judge_honestly(struct channel *zip, const struct shape_batch_name *ask)
{
    rig_judge(&rig, zip);
    ck_assert_uint_eq(rig_batch_staged(&rig, ask).stored, 1);
}

START_TEST(indexes_that_do_not_hold_cut_the_worker_off_and_another_goes_on)
{
    const struct shape_index_row rows[] = {
        bent(1, ZIP_EXACT, 0), bent(UINT32_MAX, ZIP_FOLDER, 0),    bent(0, ZIP_MATCH_COUNT, 0),
        bent(0, 255, 0),       bent(0, ZIP_EXACT, ZIP_SIZE_COUNT), bent(0, ZIP_NONE, 200),
    };
    unsigned tried = 0;

    rig_roster(&rig, 1);
    for (size_t i = 0; i < COUNT(rows) + 2; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct shape_batch_name ask;
        struct channel *zip = rig_batch(&rig, &ask);
        int table = i < COUNT(rows)
                        ? index_table(&rows[i], 1, 0)
                        : (i == COUNT(rows) ? index_table(&good, 1, 1) : rig_bulk("garbage garbage", 15));

        rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &mapping, table, STATE_ZIP);
        rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &one, rig_listing(1), STATE_ZIP);
        rig_worker_dropped(&rig, zip);
        judge_honestly(rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m), &ask);
        tried++;
    }
    (void)printf("%u bent indexes\n", tried);
}
END_TEST

START_TEST(an_index_of_no_form_or_no_sealed_memory_cuts_the_worker_off)
{
    static const unsigned char forms[] = {ZIP_BY_NAME, ZIP_FORM_COUNT, 255, ZIP_MAPPING};

    rig_roster(&rig, 1);
    for (size_t i = 0; i < COUNT(forms); i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        struct shape_zip_indexed indexed = mapping;
        struct shape_batch_name ask;
        struct channel *zip = rig_batch(&rig, &ask);

        indexed.form = forms[i];
        rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &indexed,
                       forms[i] == ZIP_MAPPING ? rig_unsealed(40) : index_table(&good, 1, 0), STATE_ZIP);
        rig_worker_dropped(&rig, zip);
        judge_honestly(rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m), &ask);
    }
}
END_TEST

START_TEST(a_second_index_and_one_out_of_turn_cut_the_worker_off)
{
    CLEANUP(message) struct message m = MESSAGE_NONE, again = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *zip;

    rig_roster(&rig, 1);
    zip = rig_batch(&rig, &ask);
    rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &mapping, index_table(&good, 1, 0), STATE_ZIP);
    rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &mapping, index_table(&good, 1, 0), STATE_ZIP);
    rig_worker_dropped(&rig, zip);
    zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &one, rig_listing(1), STATE_ZIP);
    rig_worker_hear(zip, &m, MSG_ZIP_READ);
    rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &mapping, index_table(&good, 1, 0),
                   STATE_ZIP); /* it owes bytes */
    rig_worker_dropped(&rig, zip);
    zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &again);
    judge_honestly(zip, &ask);
}
END_TEST

START_TEST(a_worker_that_dies_between_index_and_listing_leaves_no_index)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_index_row nobody = good;
    struct shape_batch_name ask;
    struct channel *zip;

    rig_roster(&rig, 1);
    zip = rig_batch(&rig, &ask);
    (void)snprintf(nobody.number, sizeof nobody.number, "999999999");
    rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &mapping, index_table(&nobody, 1, 0), STATE_ZIP);
    channel_close(zip);
    rig_link(&rig, zip, PROCESS_INTAKE, (uint32_t)(zip - rig.workers));
    judge_honestly(rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m), &ask);
}
END_TEST

static void read_one(struct channel *zip)
{
    const struct shape_image_done done = {.width = 1200, .height = 1500};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel *worker;
    int pictures[3];

    rig_worker_hear(zip, &m, MSG_ZIP_READ);
    rig_worker_say(&rig, zip, MSG_ZIP_BYTES, &m.is.zip_index, rig_bulk("jpeg", 4), STATE_ZIP);
    worker = rig_worker_asked(&rig, MSG_IMAGE, STATE_IMAGE, &m);
    rig_pictures(pictures);
    rig_worker_draws(worker, &done, pictures);
}

START_TEST(the_index_says_whose_picture_it_is_and_not_the_name)
{
    struct shape_index_row rows[3] = {good, good, good};
    struct shape_report_row row;
    struct shape_batch_name ask;
    struct channel *zip;

    rig_roster(&rig, 2);
    zip = rig_batch(&rig, &ask);
    rig_state_id(rows[0].number, 1); /* the file is named as child 0 */
    rows[1].match = ZIP_NONE;        /* no file */
    rows[2].match = ZIP_NONE;
    (void)snprintf(rows[2].fault, sizeof rows[2].fault, "needs-review"); /* no fault of a row */
    rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &mapping, index_table(rows, 3, 0), STATE_ZIP);
    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &one, rig_listing(1), STATE_ZIP);
    read_one(zip);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 1);
    row = rig_row(&rig, &ask, 0);
    ck_assert_str_eq(row.state_id, rows[0].number);
    ck_assert_uint_eq(row.outcome, OUTCOME_STORED);
    ck_assert_uint_eq(rig_row(&rig, &ask, 1).outcome, OUTCOME_FILE_MISSING);
    ck_assert_uint_eq(rig_row(&rig, &ask, 2).outcome, OUTCOME_ROW_ENCODING);
}
END_TEST

START_TEST(a_package_of_names_without_its_roster_is_of_no_use)
{
    struct shape_zip_indexed indexed = mapping;
    struct shape_index_row row = good;
    struct shape_batch_state state;
    struct shape_batch_name ask;
    struct channel *zip;

    rig_roster(&rig, 1);
    zip = rig_batch(&rig, &ask);
    indexed.form = ZIP_INDEX;
    rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &indexed, index_table(&row, 1, 0), STATE_ZIP);
    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &one, rig_listing(1), STATE_ZIP);
    state = rig_batch_staged(&rig, &ask);
    ck_assert_str_eq(state.fault, "roster-needed");
    ck_assert_uint_eq(state.stored, 0);
}
END_TEST

START_TEST(decisions_on_a_batch_without_a_review_are_refused)
{
    CLEANUP(message) struct message m = MESSAGE_NONE, refused = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *zip;
    int fd;

    rig_roster(&rig, 1);
    zip = rig_batch(&rig, &ask);
    judge_honestly(zip, &ask);
    rig_ask(&rig, &rig.office, MSG_REVIEW_GET, &ask, -1, &m, MSG_REVIEW_IS);
    ck_assert_uint_eq(m.is.batch_state.review, 0);
    fd = rig_bulk("garbage", 7);
    rig_ask(&rig, &rig.office, MSG_REVIEW_DECIDE, &ask, fd, &refused, MSG_REFUSED);
    ck_assert_uint_eq(refused.is.refused.problem, PROBLEM_BATCH_STATE);
    (void)rig_expect_serving(&rig);
}
END_TEST

/* ---- In slices ---- */

#define FILES 20000

/*
 * What waits when a listing comes is decided before the listing's end, which
 * here is that its last row is missing and its worker is cut off: photoctl is
 * heard once a turn, so no other leaf stands among RIG_CROWD leaves of its and
 * a lookup's only if the listing takes more turns than that.
 */
START_TEST(lookups_and_others_are_decided_between_the_slices_of_a_listing)
{
    const struct shape_zip_listed listed = {.count = FILES};
    struct shape_district_add add = {.name = "Waiting", .district = "1000"};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct rig_crowd crowd;
    struct shape_batch_name batch;
    uint64_t first;
    struct channel *zip;

    zip = rig_batch(&rig, &batch);
    rig_ask(&rig, &rig.ctl, MSG_DISTRICT_ADD, &add, -1, &m, MSG_DONE);
    first = m.is.done.leaf;
    rig_pause(&rig);
    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &listed, rig_listing(FILES - 1), STATE_ZIP);
    rig_crowd_ask(&rig, &crowd);
    rig_resume(&rig);
    ck_assert_uint_eq(rig_crowd_hear(&rig, &crowd), first + RIG_CROWD + 1);
    rig_worker_dropped(&rig, zip);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_worker_that_dies_while_its_listing_is_judged_leaves_nothing_of_it)
{
    const struct shape_zip_listed listed = {.count = FILES};
    struct shape_batch_name ask;
    unsigned tried = 0;
    struct channel *zip;

    rig_roster(&rig, 1);
    for (unsigned i = 0; i < 4; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;

        zip = rig_batch(&rig, &ask);
        rig_pause(&rig);
        rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &listed, rig_listing(FILES), STATE_ZIP);
        channel_close(zip); /* which is noticed a turn after the listing */
        rig_resume(&rig);
        rig_link(&rig, zip, PROCESS_INTAKE, (uint32_t)(zip - rig.workers));
        rig_judge(&rig, rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m));
        ck_assert_uint_eq(rig_batch_staged(&rig, &ask).files, 1);
        tried++;
    }
    (void)printf("%u listings cut off\n", tried);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        indexes_that_do_not_hold_cut_the_worker_off_and_another_goes_on,
        an_index_of_no_form_or_no_sealed_memory_cuts_the_worker_off,
        a_second_index_and_one_out_of_turn_cut_the_worker_off,
        a_worker_that_dies_between_index_and_listing_leaves_no_index,
        the_index_says_whose_picture_it_is_and_not_the_name,
        a_package_of_names_without_its_roster_is_of_no_use,
        decisions_on_a_batch_without_a_review_are_refused,
        lookups_and_others_are_decided_between_the_slices_of_a_listing,
        a_worker_that_dies_while_its_listing_is_judged_leaves_nothing_of_it,
    };

    return rig_suite("vault_index", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
