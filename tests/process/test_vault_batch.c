/* photod-vault itself; the test is its parent, the office door and honest workers: the life of batches. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "lawapi/expiry.h"
#include "lawapi/outcome.h"
#include "lawapi/problem.h"
#include "photod/base/clock.h"
#include "store/store.h"
#include "vault_rig.h"

#define CHILDREN 100 /* more than one step of an erasure holds */

static struct rig rig;

static void setup(void)
{
    rig_start(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

/* A batch of the first `count` children, judged. */
static void stage(struct shape_batch_name *ask, uint32_t count)
{
    (void)rig_judge_all(&rig, rig_batch(&rig, ask), count, NULL);
    ck_assert_uint_eq(rig_batch_staged(&rig, ask).stored, count);
}

static void commit(const struct shape_batch_name *ask)
{
    ck_assert_uint_eq(rig_batch_step(&rig, ask, MSG_BATCH_COMMIT).state, BATCH_COMMITTED);
}

static void undo(const struct shape_batch_name *ask)
{
    ck_assert_uint_eq(rig_batch_step(&rig, ask, MSG_BATCH_UNDO).state, BATCH_UNDONE);
}

static void undo_refused(const struct shape_batch_name *ask, enum problem problem)
{
    rig_refused(&rig, &rig.office, MSG_BATCH_UNDO, ask, -1, problem);
}

static bool is_served(void)
{
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);
    CLEANUP(message) struct message m = MESSAGE_NONE;

    (void)rig_send(&rig, &rig.law, MSG_LOOKUP, &ask, -1);
    rig_hear(&rig, &rig.law, &m);
    ck_assert(m.type == MSG_RELEASED || m.type == MSG_NONE);
    return m.type == MSG_RELEASED;
}

/* Waits until the first `count` children have that many photos each, with their keys, and nothing is open. */
static void expect_left(uint32_t count, uint32_t photos)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    int64_t until_ms = clock_steady_ms() + 20000;

    for (uint32_t n = 0; n < count;) {
        struct shape_erasure_state s = rig_left(&rig, n);

        if (s.photos == photos && s.deks == photos + 1 && !s.open) {
            n++;
            continue;
        }
        ck_assert_msg(clock_steady_ms() < until_ms, "child %u: %u photos, %u keys, open %u", n, s.photos,
                      s.deks, s.open);
        (void)nanosleep(&pause, NULL);
    }
}

/* ---- Undo ---- */

START_TEST(an_undone_batch_is_erased_and_the_photo_before_is_served)
{
    struct shape_batch_name first, second;
    struct shape_batch_state s;

    rig_roster(&rig, CHILDREN);
    stage(&first, CHILDREN);
    s = rig_batch_step(&rig, &first, MSG_BATCH_COMMIT);
    ck_assert_uint_eq(s.photos, CHILDREN);
    ck_assert_uint_eq(s.earlier, 0);
    stage(&second, CHILDREN - 1);
    s = rig_batch_step(&rig, &second, MSG_BATCH_COMMIT);
    ck_assert_uint_eq(s.photos, CHILDREN - 1);
    ck_assert_uint_eq(s.earlier, CHILDREN - 1);
    expect_left(CHILDREN - 1, 2);
    s = rig_batch_step(&rig, &second, MSG_BATCH_UNDO);
    ck_assert_uint_eq(s.photos, CHILDREN - 1);
    ck_assert_uint_eq(s.earlier, CHILDREN - 1);
    ck_assert(is_served());
    expect_left(CHILDREN, 1);
    s = rig_batch_step(&rig, &first, MSG_BATCH_UNDO);
    ck_assert_uint_eq(s.photos, CHILDREN);
    ck_assert_uint_eq(s.earlier, 0);
    ck_assert(!is_served());
    expect_left(CHILDREN, 0);
    rig_expect_leaf(&rig, "\"reason\":\"undone\"");
    rig_stop(&rig);
}
END_TEST

START_TEST(an_older_batch_is_undone_only_after_the_newer_one)
{
    struct shape_batch_name a, b, c;

    rig_roster(&rig, 3);
    stage(&a, 3);
    stage(&b, 2);
    stage(&c, 1);
    commit(&a);
    commit(&b);
    undo_refused(&a, PROBLEM_UNDO_NEWER);
    commit(&c);
    undo_refused(&a, PROBLEM_UNDO_NEWER);
    undo_refused(&b, PROBLEM_UNDO_NEWER);
    undo(&c);
    undo_refused(&a, PROBLEM_UNDO_NEWER);
    undo(&b);
    ck_assert(is_served());
    undo(&a);
    ck_assert(!is_served());
    expect_left(3, 0);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_last_committed_is_the_first_undone_whatever_was_staged_first)
{
    struct shape_batch_name a, b;

    rig_roster(&rig, 1);
    stage(&a, 1);
    stage(&b, 1);
    commit(&b);
    commit(&a);
    undo_refused(&b, PROBLEM_UNDO_NEWER);
    undo(&a);
    undo(&b);
    expect_left(1, 0);
    rig_stop(&rig);
}
END_TEST

START_TEST(commit_and_undo_answer_twice_the_same)
{
    struct shape_batch_state first, second;
    struct shape_batch_name ask;
    uint64_t leaves;

    rig_roster(&rig, 2);
    stage(&ask, 2);
    for (unsigned i = 0; i < 2; i++) {
        enum msg step = i ? MSG_BATCH_UNDO : MSG_BATCH_COMMIT;

        first = rig_batch_step(&rig, &ask, step);
        if (i)
            expect_left(2, 0);
        leaves = rig_expect_serving(&rig);
        second = rig_batch_step(&rig, &ask, step);
        first.leaf = second.leaf = 0;
        ck_assert_mem_eq(&first, &second, sizeof first);
        ck_assert_uint_eq(rig_expect_serving(&rig), leaves + 1); /* the lookup's own */
    }
    rig_refused(&rig, &rig.office, MSG_BATCH_COMMIT, &ask, -1, PROBLEM_BATCH_STATE);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_staged_batch_may_be_thrown_away_and_is_erased)
{
    struct shape_batch_name kept, thrown;

    rig_roster(&rig, 3);
    stage(&kept, 3);
    commit(&kept);
    stage(&thrown, 3);
    expect_left(3, 2);
    undo(&thrown);
    expect_left(3, 1);
    ck_assert(is_served());
    rig_refused(&rig, &rig.office, MSG_BATCH_COMMIT, &thrown, -1, PROBLEM_BATCH_STATE);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_batch_being_judged_is_not_undone)
{
    struct shape_batch_name ask;
    struct channel *zip;

    rig_roster(&rig, 1);
    zip = rig_batch(&rig, &ask);
    undo_refused(&ask, PROBLEM_BATCH_STATE);
    rig_judge(&rig, zip);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, 1);
    undo(&ask);
    rig_stop(&rig);
}
END_TEST

/* The first of two batches stays, the second is undone, and returned. */
static struct shape_batch_name undo_one_of_two(void)
{
    struct shape_batch_name kept, gone;

    rig_roster(&rig, CHILDREN);
    stage(&kept, CHILDREN);
    commit(&kept);
    stage(&gone, CHILDREN);
    commit(&gone);
    undo(&gone);
    return gone;
}

/* Killed again and again while what an undone batch brought is erased: it is gone in the end, and only it. */
START_TEST(an_undo_goes_on_after_each_kill)
{
    struct shape_batch_name gone = undo_one_of_two();

    for (unsigned i = 0; i < 8; i++) {
        const struct timespec pause = {.tv_nsec = i * 1500000};

        (void)nanosleep(&pause, NULL);
        rig_kill(&rig);
        rig_launch(&rig);
        rig_join(&rig);
        ck_assert(is_served());
    }
    expect_left(CHILDREN, 1);
    ck_assert_uint_eq(rig_batch_step(&rig, &gone, MSG_BATCH_UNDO).photos, CHILDREN);
    rig_stop(&rig);
}
END_TEST

/* A child erased meanwhile is no obstacle, and comes back with the next roster as if nothing had been. */
START_TEST(a_batch_with_an_erased_child_is_undone)
{
    struct shape_withdraw w = {
        .source = "192.0.2.2", .district = RIG_DISTRICT, .state_id = RIG_CHILD, .reason = "letter"};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;

    memcpy(w.key, rig.key, sizeof w.key);
    rig_roster(&rig, 2);
    stage(&ask, 2);
    commit(&ask);
    rig_ask(&rig, &rig.office, MSG_WITHDRAW, &w, -1, &m, MSG_WITHDRAWN);
    ck_assert_uint_eq(rig_batch_step(&rig, &ask, MSG_BATCH_UNDO).photos, 1);
    ck_assert(!is_served());
    rig_stop(&rig);
}
END_TEST

/* ---- The same files again ---- */

static uint32_t count_rows(const struct shape_batch_name *ask, enum outcome outcome)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct shape_report_row row;
    uint32_t count = 0;
    struct take t;

    rig_ask(&rig, &rig.office, MSG_BATCH_GET, ask, -1, &m, MSG_BATCH_REPORT);
    ck_assert_int_eq(bulk_map(&table, m.fds[0], 1u << 24), OK);
    t = TAKE_BYTES(table.bytes, table.len);
    for (uint32_t n = 0; n < m.is.batch_state.judged; n++) { /* the counts per school follow */
        take_report_row(&t, &row);
        count += row.outcome == (unsigned)outcome;
    }
    ck_assert_int_eq(t.err, OK);
    return count;
}

START_TEST(the_same_files_again_are_not_judged_and_change_nothing)
{
    struct rig_picture pictures[5] = {
        {.bytes = "a"}, {.bytes = "b"}, {.bytes = "c"}, {.bytes = "d"}, {.bytes = "e"}};
    struct shape_batch_name first, again, changed;
    struct shape_batch_state s;

    for (unsigned i = 0; i < 5; i++)
        memset(pictures[i].done.phash, (int)(i * 51), sizeof pictures[i].done.phash);
    rig_roster(&rig, 5);
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &first), 5, pictures), 5);
    ck_assert_uint_eq(rig_batch_staged(&rig, &first).stored, 5);
    commit(&first);
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &again), 5, pictures), 0);
    ck_assert_uint_eq(rig_batch_staged(&rig, &again).stored, 0);
    ck_assert_uint_eq(count_rows(&again, OUTCOME_ALREADY_STORED), 5);
    s = rig_batch_step(&rig, &again, MSG_BATCH_COMMIT);
    ck_assert_uint_eq(s.photos + s.earlier, 0);
    expect_left(5, 1);

    pictures[2].bytes = "another";
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &changed), 5, pictures), 1);
    ck_assert_uint_eq(rig_batch_staged(&rig, &changed).stored, 1);
    ck_assert_uint_eq(count_rows(&changed, OUTCOME_ALREADY_STORED), 4);
    undo(&changed);
    undo(&first); /* a commit that changed nothing stands in nobody's way */
    expect_left(5, 0);
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &again), 5, pictures), 5);
    ck_assert_uint_eq(rig_batch_staged(&rig, &again).stored, 5);
    rig_stop(&rig);
}
END_TEST

/* ---- The whole batch ---- */

#define LOOKS 60

/*
 * The first two children have one picture, the next three another, child 5
 * a backdrop; the others each their own.  Copies differ in some bits.
 */
static void look_alike(struct rig_picture pictures[static LOOKS])
{
    static const unsigned alike[] = {0, 0, 1, 1, 1};

    memset(pictures, 0, LOOKS * sizeof *pictures);
    for (unsigned i = 0; i < LOOKS; i++) {
        struct shape_image_done *d = &pictures[i].done;

        d->width = 1200;
        d->height = i == 6 ? 1000 : 1500;
        srand(100 + (i < 5 ? alike[i] : i));
        for (unsigned k = 0; k < sizeof d->phash; k++)
            d->phash[k] = (unsigned char)rand();
        d->phash[i % 32] ^= 0x0f;
        d->flat = i == 5;
    }
}

static void expect_alike(const struct shape_batch_name *ask, enum outcome kept)
{
    ck_assert_uint_eq(count_rows(ask, OUTCOME_SAME_PICTURE), 2);
    ck_assert_uint_eq(count_rows(ask, OUTCOME_PLACEHOLDER), 4);
    ck_assert_uint_eq(count_rows(ask, kept), LOOKS - 6);
}

START_TEST(one_picture_under_several_state_ids_is_stored_for_none)
{
    struct rig_picture pictures[LOOKS];
    struct shape_batch_name ask;

    look_alike(pictures);
    rig_roster(&rig, LOOKS);
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &ask), LOOKS, pictures), LOOKS);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, LOOKS - 6);
    expect_alike(&ask, OUTCOME_STORED);
    expect_left(6, 0);
    ck_assert_uint_eq(rig_left(&rig, 6).photos, 1);
    rig_expect_leaf(&rig, "\"reason\":\"same-picture\"");
    ck_assert_uint_eq(rig_batch_step(&rig, &ask, MSG_BATCH_COMMIT).photos, LOOKS - 6);
    ck_assert(!is_served());
    rig_stop(&rig);
}
END_TEST

/* Killed at some moment after the last picture came: judged, compared, or in the middle of taking photos
 * back. */
START_TEST(what_looks_alike_is_found_after_each_kill)
{
    struct rig_picture pictures[LOOKS];

    look_alike(pictures);
    rig_roster(&rig, LOOKS);
    for (unsigned i = 0; i < 6; i++) {
        const struct timespec pause = {.tv_nsec = i * 2000000};
        struct shape_batch_name ask;
        CLEANUP(message) struct message m = MESSAGE_NONE;

        (void)rig_judge_some(&rig, rig_batch(&rig, &ask), LOOKS, pictures, LOOKS - i % 2);
        (void)nanosleep(&pause, NULL);
        rig_kill(&rig);
        rig_launch(&rig);
        rig_join(&rig);
        rig_ask(&rig, &rig.office, MSG_BATCH_GET, &ask, -1, &m, MSG_BATCH_REPORT);
        if (m.is.batch_state.state == BATCH_STAGING)
            (void)rig_judge_all(&rig, rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &m), LOOKS, pictures);
        ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, LOOKS - 6);
        expect_alike(&ask, OUTCOME_STORED);
        expect_left(6, 0);
        undo(&ask);
        expect_left(LOOKS, 0);
    }
    rig_stop(&rig);
}
END_TEST

/* The counts of the only school, as the report has them behind the rows. */
static struct shape_school_counts counts_of(const struct shape_batch_name *ask)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct shape_school_counts counts = {.school = ""};
    struct shape_report_row row;
    struct take t;

    rig_ask(&rig, &rig.office, MSG_BATCH_GET, ask, -1, &m, MSG_BATCH_REPORT);
    ck_assert_int_eq(bulk_map(&table, m.fds[0], 1u << 24), OK);
    ck_assert_uint_eq(m.is.batch_state.schools, 1);
    t = TAKE_BYTES(table.bytes, table.len);
    for (uint32_t n = 0; n < m.is.batch_state.judged; n++)
        take_report_row(&t, &row);
    take_school_counts(&t, &counts);
    ck_assert_int_eq(take_end(&t), OK); /* nobody of this year's opt-ins is to be renewed */
    return counts;
}

START_TEST(the_report_counts_children_and_files)
{
    struct rig_picture pictures[LOOKS];
    struct shape_school_counts c;
    struct shape_batch_name ask;

    look_alike(pictures);
    rig_roster(&rig, LOOKS - 2); /* two are on no roster */
    (void)rig_judge_all(&rig, rig_batch(&rig, &ask), LOOKS, pictures);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, LOOKS - 8);
    c = counts_of(&ask);
    ck_assert_uint_eq(c.with_photo, LOOKS - 8);
    ck_assert_uint_eq(c.without_photo, 6);
    ck_assert_uint_eq(c.placeholder, 6);
    ck_assert_uint_eq(c.not_on_roster, 2);
    ck_assert_uint_eq(c.not_opted_in + c.unreadable + c.duplicate + c.needs_review + c.older, 0);
    rig_stop(&rig);
}
END_TEST

/* ---- Dry run ---- */

static enum err append_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    TRY(buf_append(context, key, key_len));
    return buf_append(context, value, value_len);
}

/* All that is kept of children and their photos, byte for byte; the vault is down meanwhile. */
static struct buf *children_at_rest(void)
{
    static const enum store_kind kinds[] = {KIND_STUDENT, KIND_CONSENT, KIND_GENERATION, KIND_RENDITION,
                                            KIND_MEMBER};
    CLEANUP(store) struct store *store = NULL;
    CLEANUP(fd) int dir = -1;
    struct buf *all = NULL;
    char path[128];

    rig_kill(&rig);
    (void)snprintf(path, sizeof path, "%s/state", rig.dir);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(store_open(&store, dir), OK);
    ck_assert_int_eq(buf_new(&all, 64u << 20), OK);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        ck_assert_int_eq(store_walk(store, kinds[i], "", 0, append_visit, all), OK);
    store_close(store);
    store = NULL;
    rig_launch(&rig);
    rig_join(&rig);
    return all;
}

START_TEST(a_dry_run_judges_everything_and_stores_nothing)
{
    CLEANUP(buf) struct buf *before = NULL;
    CLEANUP(buf) struct buf *after = NULL;
    struct rig_picture pictures[LOOKS];
    struct shape_batch_name first, dry, earnest;

    look_alike(pictures);
    rig_roster(&rig, LOOKS);
    stage(&first, 8);
    commit(&first);
    before = children_at_rest();
    rig.dry_run = true;
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &dry), LOOKS, pictures), LOOKS);
    ck_assert_uint_eq(rig_batch_staged(&rig, &dry).stored, 0);
    expect_alike(&dry, OUTCOME_WOULD_BE_STORED);
    rig_refused(&rig, &rig.office, MSG_BATCH_COMMIT, &dry, -1, PROBLEM_BATCH_STATE);
    undo_refused(&dry, PROBLEM_BATCH_STATE);
    after = children_at_rest();
    ck_assert_uint_gt(buf_len(before), 8 * 3 * 20);
    ck_assert_uint_eq(buf_len(after), buf_len(before));
    ck_assert_mem_eq(buf_bytes(after), buf_bytes(before), buf_len(before));

    rig.dry_run = false; /* and in earnest it comes out the same */
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &earnest), LOOKS, pictures), LOOKS);
    ck_assert_uint_eq(rig_batch_staged(&rig, &earnest).stored, LOOKS - 6);
    expect_alike(&earnest, OUTCOME_STORED);
    rig_stop(&rig);
}
END_TEST

/* A roster that changes what the store knows: of each child of it, what the family answers now. */
#define FORETOLD 12

static int changed_roster(void)
{
    static const unsigned char answers[FORETOLD] = {2, 0, 1, 1, 1, 1, 1, 2, 0, 1, 1, 1};
    CLEANUP(buf) struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 1u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < FORETOLD; n++) {
        struct shape_roster_row row = {.line = n + 2, .district = RIG_DISTRICT, .last = "Doe", .first = "Jo"};

        rig_state_id(row.state_id, n);
        row.opt_in = answers[n];
        row.opt_in_on = law_today(clock_wall_ms());
        if (n == 10) /* an answer of a child that no roster named */
            row.last[0] = row.first[0] = '\0';
        if (n == 11) /* lines that contradict each other */
            (void)snprintf(row.fault, sizeof row.fault, "state-id-repeated");
        pack_roster_row(&p, &row);
    }
    ck_assert_int_eq(pack_end(&p), OK);
    return rig_bulk(buf_bytes(b), buf_len(b));
}

/* Sends it, for a batch or (NULL) in earnest. */
static struct shape_roster_report send_changed(const struct shape_batch_name *batch)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel *worker = rig_roster_parsing_for(&rig, batch);
    uint32_t question = rig.request;

    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, &rig_summary, changed_roster(), STATE_IDLE);
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
    m.is.roster_report.leaf = 0;
    return m.is.roster_report;
}

/* Judges the photos of FORETOLD children and one more; what became of them, and the counts per school. */
static struct buf *judge_foretold(const struct shape_batch_name *ask, unsigned char outcomes[FORETOLD + 1])
{
    struct shape_upload_create create = rig_upload_create(ask, 3);
    CLEANUP(message) struct message opened = MESSAGE_NONE, m = MESSAGE_NONE;
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct shape_report_row row;
    struct buf *rest = NULL;
    struct take t;

    rig_chunk(&rig, rig_open(&rig, MSG_UPLOAD_CREATE, &create), 0, "zip", 3, MSG_BATCH_STATE);
    (void)rig_judge_all(&rig, rig_worker_asked(&rig, MSG_ZIP_OPEN, STATE_ZIP, &opened), FORETOLD + 1, NULL);
    (void)rig_batch_staged(&rig, ask);
    rig_ask(&rig, &rig.office, MSG_BATCH_GET, ask, -1, &m, MSG_BATCH_REPORT);
    ck_assert_int_eq(bulk_map(&table, m.fds[0], 1u << 24), OK);
    t = TAKE_BYTES(table.bytes, table.len);
    for (uint32_t n = 0; n < FORETOLD + 1; n++) {
        take_report_row(&t, &row);
        outcomes[n] = row.outcome == OUTCOME_WOULD_BE_STORED ? OUTCOME_STORED : (unsigned char)row.outcome;
    }
    ck_assert_int_eq(t.err, OK);
    ck_assert_int_eq(buf_new(&rest, 1u << 20), OK);
    ck_assert_int_eq(buf_append(rest, t.at, (size_t)(t.end - t.at)), OK);
    return rest;
}

START_TEST(a_dry_run_with_its_roster_foretells_what_both_will_do_and_changes_nothing)
{
    static const unsigned char expected[FORETOLD + 1] = {
        OUTCOME_NOT_OPTED_IN, OUTCOME_STORED, OUTCOME_STORED,        OUTCOME_STORED,
        OUTCOME_STORED,       OUTCOME_STORED, OUTCOME_STORED,        OUTCOME_NOT_OPTED_IN,
        OUTCOME_NOT_OPTED_IN, OUTCOME_STORED, OUTCOME_NOT_ON_ROSTER, OUTCOME_NOT_ON_ROSTER,
        OUTCOME_NOT_ON_ROSTER};
    unsigned char foretold[FORETOLD + 1], became[FORETOLD + 1];
    CLEANUP(buf) struct buf *before = NULL, *after = NULL, *foretold_schools = NULL, *schools = NULL;
    struct shape_roster_report would, is;
    struct shape_batch_name first, dry, earnest;

    rig_roster(&rig, 4);
    stage(&first, 2);
    commit(&first);
    before = children_at_rest();
    rig.dry_run = true;
    rig_batch_new(&rig, &dry);
    would = send_changed(&dry);
    ck_assert_uint_eq(would.withdrawn, 1);
    foretold_schools = judge_foretold(&dry, foretold);
    after = children_at_rest();
    ck_assert_uint_eq(buf_len(after), buf_len(before));
    ck_assert_mem_eq(buf_bytes(after), buf_bytes(before), buf_len(before));

    rig.dry_run = false;
    is = send_changed(NULL);
    ck_assert_mem_eq(&would, &is, sizeof is);
    rig_batch_new(&rig, &earnest);
    (void)send_changed(&earnest);
    schools = judge_foretold(&earnest, became);
    ck_assert_mem_eq(foretold, expected, sizeof expected);
    ck_assert_mem_eq(became, expected, sizeof expected);
    ck_assert_uint_eq(buf_len(schools), buf_len(foretold_schools));
    ck_assert_mem_eq(buf_bytes(schools), buf_bytes(foretold_schools), buf_len(schools));
    (void)printf("%u files foretold, %u as foretold\n", FORETOLD + 1, FORETOLD + 1);
    rig_stop(&rig);
}
END_TEST

/* ---- Open batches ---- */

START_TEST(sixteen_batches_may_stand_open_and_no_more)
{
    struct shape_batch_create create = {.source = "192.0.2.2", .district = RIG_DISTRICT};
    struct shape_batch_name ask = {.source = "192.0.2.2", .district = RIG_DISTRICT};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    memcpy(create.key, rig.key, sizeof create.key);
    memcpy(ask.key, rig.key, sizeof ask.key);
    date_format(create.taken_on, law_today(clock_wall_ms()));
    for (unsigned i = 0; i < 16; i++)
        rig_ask(&rig, &rig.office, MSG_BATCH_CREATE, &create, -1, &m, MSG_BATCH_STATE);
    memcpy(ask.batch, m.is.batch_state.batch, sizeof m.is.batch_state.batch);
    rig_refused(&rig, &rig.office, MSG_BATCH_CREATE, &create, -1, PROBLEM_BATCHES_OPEN);
    undo(&ask); /* one that was never uploaded */
    rig_ask(&rig, &rig.office, MSG_BATCH_CREATE, &create, -1, &m, MSG_BATCH_STATE);
    rig_refused(&rig, &rig.office, MSG_BATCH_CREATE, &create, -1, PROBLEM_BATCHES_OPEN);
    rig_stop(&rig);
}
END_TEST

/* Those made before ask->batch, or the newest: their names into ids; returns how many. */
static unsigned list(const struct shape_batch_name *ask, char ids[][33], unsigned most, bool *more)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct take t;
    uint64_t before = UINT64_MAX;
    unsigned n = 0;

    rig_ask(&rig, &rig.office, MSG_BATCH_LIST, ask, -1, &m, MSG_BATCHES);
    *more = m.is.batches.more;
    ck_assert_int_eq(bulk_map(&table, m.fds[0], 1 << 20), OK);
    for (t = TAKE_BYTES(table.bytes, table.len); take_more(&t); n++) {
        struct shape_batch_state s;

        take_batch_state(&t, &s);
        ck_assert_uint_lt(n, most);
        ck_assert_uint_le(s.created_ms, before);
        before = s.created_ms;
        memcpy(ids[n], s.batch, sizeof s.batch);
    }
    ck_assert_int_eq(take_end(&t), OK);
    return n;
}

START_TEST(batches_are_listed_newest_first_and_each_once_over_all_pages)
{
    struct shape_batch_name ask = {.batch = ""}, made;
    static char ids[250][33];
    unsigned n = 0;
    bool more;

    for (unsigned i = 0; i < 203; i++) {
        rig_batch_new(&rig, &made);
        if (i < 200)
            undo(&made);
    }
    ask = made;
    ask.batch[0] = '\0';
    do {
        unsigned page = list(&ask, ids + n, 100, &more);

        ck_assert(page == (more ? 100 : 3));
        n += page;
        memcpy(ask.batch, ids[n - 1], sizeof ids[0]);
    } while (more);
    ck_assert_uint_eq(n, 203);
    ck_assert_str_eq(ids[0], made.batch);
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < i; k++)
            ck_assert_str_ne(ids[i], ids[k]);
    ck_assert_uint_eq(list(&ask, ids, 1, &more), 0); /* before the oldest */
    (void)snprintf(ask.batch, sizeof ask.batch, "nobody's");
    rig_refused(&rig, &rig.office, MSG_BATCH_LIST, &ask, -1, PROBLEM_BATCH_UNKNOWN);
    rig_stop(&rig);
}
END_TEST

/* ---- The night ---- */

static struct shape_purged purge(void)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(&rig, &rig.ctl, MSG_PURGE, NULL, -1, &m, MSG_PURGED);
    return m.is.purged;
}

START_TEST(what_no_undo_can_bring_back_goes_at_night)
{
    struct shape_batch_name a, b, c;
    struct shape_purged p;

    rig_roster(&rig, 3);
    stage(&a, 3);
    commit(&a);
    ck_assert_uint_eq(purge().replaced, 0);
    stage(&b, 2);
    commit(&b);
    ck_assert_uint_eq(purge().replaced, 0); /* undoing b brings a's photos back */
    expect_left(2, 2);
    stage(&c, 1);
    commit(&c);
    p = purge(); /* b can no longer be undone, so what it replaced goes: of both its children */
    ck_assert_uint_eq(p.replaced, 2);
    ck_assert_uint_eq(p.expired + p.lapsed + p.discarded, 0);
    expect_left(1, 2);
    ck_assert_uint_eq(purge().replaced, 0);
    rig_expect_leaf(&rig, "\"reason\":\"replaced\"");
    undo_refused(&b, PROBLEM_UNDO_ENDED);
    undo(&c);
    undo_refused(&b, PROBLEM_UNDO_ENDED);
    undo_refused(&a, PROBLEM_UNDO_ENDED);
    ck_assert(is_served());
    expect_left(3, 1);
    ck_assert_uint_eq(purge().replaced, 0);
    expect_left(3, 1);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_purge_during_an_undo_ends_and_leaves_the_same)
{
    (void)undo_one_of_two();
    (void)purge();
    expect_left(CHILDREN, 1);
    ck_assert(is_served());
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_undone_batch_is_erased_and_the_photo_before_is_served,
        an_older_batch_is_undone_only_after_the_newer_one,
        the_last_committed_is_the_first_undone_whatever_was_staged_first,
        commit_and_undo_answer_twice_the_same,
        a_staged_batch_may_be_thrown_away_and_is_erased,
        a_batch_being_judged_is_not_undone,
        an_undo_goes_on_after_each_kill,
        a_batch_with_an_erased_child_is_undone,
        the_same_files_again_are_not_judged_and_change_nothing,
        one_picture_under_several_state_ids_is_stored_for_none,
        what_looks_alike_is_found_after_each_kill,
        the_report_counts_children_and_files,
        a_dry_run_judges_everything_and_stores_nothing,
        a_dry_run_with_its_roster_foretells_what_both_will_do_and_changes_nothing,
        sixteen_batches_may_stand_open_and_no_more,
        batches_are_listed_newest_first_and_each_once_over_all_pages,
        what_no_undo_can_bring_back_goes_at_night,
        a_purge_during_an_undo_ends_and_leaves_the_same,
    };

    return rig_suite("vault_batch", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
