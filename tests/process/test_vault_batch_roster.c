/* photod-vault itself: the roster that comes with a batch, replaced, replaced in a crash, and of no use. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "lawapi/outcome.h"
#include "lawapi/problem.h"
#include "photod/base/text.h"
#include "vault_rig.h"

#define ROUNDS     4
#define LARGE_ROWS 20000 /* eight chunks of the spool */
#define FAT        100   /* bytes of each middle name */

static struct rig rig;

static void setup(void)
{
    rig_start(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

/* Children `first` and those after, of that last name; "": a list of answers. */
static int roster_of(uint32_t first, uint32_t count, const char *last)
{
    struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 64u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < count; n++) {
        struct shape_roster_row row = {
            .line = n + 2, .district = RIG_DISTRICT, .born = {2015, 5, 17}, .opt_in = 1};

        rig_state_id(row.state_id, first + n);
        (void)snprintf(row.last, sizeof row.last, "%s", last);
        (void)snprintf(row.folded_last, sizeof row.folded_last, "%s", last);
        if (*last) {
            (void)snprintf(row.first, sizeof row.first, "ann");
            (void)snprintf(row.folded_first, sizeof row.folded_first, "ann");
            memset(row.middle, 'x', FAT);
        }
        pack_roster_row(&p, &row);
    }
    return rig_table(b, &p);
}

static void give(const struct shape_batch_name *batch, int table, struct message *answer)
{
    struct channel *worker = rig_roster_parsing_for(&rig, batch);
    uint32_t question = rig.request;

    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary, table, STATE_IDLE);
    rig.request = question;
    rig_hear(&rig, &rig.office, answer);
}

static void give_good(const struct shape_batch_name *batch, int table)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    give(batch, table, &m);
    ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
}

/* A place of the batch's roster in the spool: photod/vault/batch_roster.h. */
static bool is_there(const struct shape_batch_name *batch, unsigned place)
{
    unsigned char id[16];
    char name[33], path[200];

    ck_assert_int_eq(hex_decode(id, sizeof id, batch->batch), OK);
    id[0] ^= (unsigned char)(0x20u << place);
    hex_encode(name, id, sizeof id);
    (void)snprintf(path, sizeof path, "%s/state/spool/%s/0", rig.dir, name);
    return access(path, F_OK) == 0;
}

/* Judges a package of names whose one picture is of ann <last>. */
static struct shape_batch_state judge(const struct shape_batch_name *ask, const char *last)
{
    static const struct shape_zip_indexed indexed = {
        .form = ZIP_INDEX, .columns = 7, .indexes = 1, .charset = "UTF-8"};
    static const struct shape_zip_listed one = {.count = 1};
    struct shape_index_row row = {.line = 1, .match = ZIP_EXACT, .file = "a.jpg", .folded_first = "ann"};
    struct shape_upload_create create = rig_upload_create(ask, 3);
    CLEANUP(message) struct message m = MESSAGE_NONE, end = MESSAGE_NONE;
    struct channel *zip;
    struct buf *b = NULL;
    struct pack p;

    (void)snprintf(row.folded_last, sizeof row.folded_last, "%s", last);
    (void)snprintf(row.last, sizeof row.last, "%s", last);
    ck_assert_int_eq(buf_new(&b, 4096), OK);
    p = PACK(b);
    pack_index_row(&p, &row);
    rig_chunk(&rig, rig_open(&rig, MSG_UPLOAD_CREATE, &create), 0, "zip", 3, MSG_BATCH_STATE);
    zip = rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m);
    rig_worker_say(&rig, zip, MSG_ZIP_INDEXED, &indexed, rig_table(b, &p), STATE_ZIP);
    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &one, rig_listing(1), STATE_ZIP);
    rig_worker_hear(zip, &end, MSG_ZIP_CLOSE);
    zip->state = STATE_IDLE;
    return rig_batch_staged(&rig, ask);
}

/* RIG_CHILD is of this name in the roster that counts, and nobody else is; no school is known, so that is a
 * question to the clerk. */
static void expect_known(const struct shape_batch_name *ask, const char *last)
{
    struct shape_report_row row;

    ck_assert_str_eq(judge(ask, last).fault, "");
    row = rig_row(&rig, ask, 0);
    ck_assert_uint_eq(row.outcome, OUTCOME_NEEDS_REVIEW);
    ck_assert_str_eq(row.candidates, RIG_CHILD);
}

START_TEST(another_roster_of_a_batch_takes_the_place_of_the_first)
{
    struct shape_batch_name ask;

    rig_batch_new(&rig, &ask);
    for (unsigned i = 0; i < 3; i++) {
        give_good(&ask, roster_of(i == 2 ? 0 : 50, 1, i == 2 ? "doe" : "roe"));
        ck_assert(is_there(&ask, 1 + i % 2));
        ck_assert(!is_there(&ask, 2 - i % 2));
    }
    expect_known(&ask, "doe");
}
END_TEST

/* Kills the vault amid the writing of the second roster.  Whether the first still counts. */
static bool kill_amid_replacing(const struct shape_batch_name *ask)
{
    static const struct timespec pause = {.tv_nsec = 200000};
    struct channel *worker = rig_roster_parsing_for(&rig, ask);

    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary, roster_of(50, LARGE_ROWS, "roe"),
                   STATE_IDLE);
    for (unsigned i = 0; i < 50000 && !is_there(ask, 2); i++)
        (void)nanosleep(&pause, NULL);
    ck_assert(is_there(ask, 2));
    rig_kill(&rig);
    rig_launch(&rig);
    rig_join(&rig);
    ck_assert(is_there(ask, 1) != is_there(ask, 2)); /* what does not count is swept */
    return is_there(ask, 1);
}

START_TEST(a_crash_while_the_roster_is_replaced_leaves_the_old_one)
{
    unsigned amid = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct shape_batch_name ask;

        rig_batch_new(&rig, &ask);
        give_good(&ask, roster_of(0, 1, "doe"));
        if (kill_amid_replacing(&ask)) {
            expect_known(&ask, "doe");
            amid++;
        }
    }
    (void)printf("killed amid the replacing: %u of %u\n", amid, ROUNDS);
    ck_assert_uint_gt(amid, 0);
}
END_TEST

START_TEST(two_rosters_of_one_batch_are_not_read_at_once)
{
    struct shape_roster_open open = rig_roster_open(&rig);
    struct shape_upload_chunk chunk = {.upload = 0};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *worker;
    uint32_t question;

    rig_batch_new(&rig, &ask);
    worker = rig_roster_parsing_for(&rig, &ask);
    question = rig.request;
    memcpy(open.batch, ask.batch, sizeof open.batch);
    chunk.upload = rig_open(&rig, MSG_ROSTER_OPEN, &open);
    rig_refused(&rig, &rig.office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk("roster", 6), PROBLEM_BATCH_STATE);
    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary, roster_of(0, 1, "doe"), STATE_IDLE);
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
    expect_known(&ask, "doe");
}
END_TEST

START_TEST(a_list_of_answers_is_no_roster_to_find_children_by)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;

    rig_batch_new(&rig, &ask);
    give_good(&ask, roster_of(0, 1, "doe"));
    give(&ask, roster_of(0, 3, ""), &m);
    ck_assert_int_eq(m.type, MSG_REFUSED);
    ck_assert_uint_eq(m.is.refused.problem, PROBLEM_ROSTER_NAMELESS);
    ck_assert(is_there(&ask, 1) && !is_there(&ask, 2));
    expect_known(&ask, "doe"); /* by the roster of before */
    rig.dry_run = true;        /* such a list foretells something, but not whom a package names */
    rig_batch_new(&rig, &ask);
    give_good(&ask, roster_of(0, 3, ""));
    ck_assert_str_eq(judge(&ask, "doe").fault, "roster-needed");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        another_roster_of_a_batch_takes_the_place_of_the_first,
        a_crash_while_the_roster_is_replaced_leaves_the_old_one,
        two_rosters_of_one_batch_are_not_read_at_once,
        a_list_of_answers_is_no_roster_to_find_children_by,
    };

    return rig_suite("vault_batch_roster", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
