/*
 * A disk that fails below a commit of photod-vault itself.  Whoever asked is refused, and does not know what
 * stands; the vault leaves, and a new start tells: the whole decision with its leaf, or nothing of it.  Then
 * the same question is asked again, which must settle it.  Each request is put before every write and every
 * sync that it needs.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lawapi/problem.h"
#include "photod/base/clock.h"
#include "vault_rig.h"

#define CALLS_MOST 60  /* of one request; a run without a fault comes long before */
#define GRACE_MS   500 /* in which a vault whose disk failed has left */
#define PRINCIPALS 9000
#define QUIET_MS   100 /* without a write: what a start does by itself is done */
#define CHILDREN   40

static struct rig rig;
static uint32_t turn; /* so that each run is about something new */

static void setup(void)
{
    rig.fault_library = FAULT_LIBRARY;
    rig_start(&rig);
    rig_roster(&rig, CHILDREN);
}

static void teardown(void)
{
    rig_clear(&rig);
}

/* ---- Requests: what must be there before, the question, and whether it was done ---- */

struct scene {
    struct shape_batch_name batch;
    struct shape_lookup lookup;
    struct shape_withdraw withdraw;
    struct shape_district_add district;
    struct shape_agency_add agency;
};

static void stage_some(struct scene *s, uint32_t count)
{
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &s->batch), count, NULL), count);
    ck_assert_uint_eq(rig_batch_staged(&rig, &s->batch).stored, count);
}

static void stage(struct scene *s)
{
    stage_some(s, 1);
}

static void make_photo(struct scene *s)
{
    stage(s);
    ck_assert_uint_eq(rig_batch_step(&rig, &s->batch, MSG_BATCH_COMMIT).state, BATCH_COMMITTED);
}

static void prepare_lookup(struct scene *s)
{
    if (turn == 1)
        make_photo(s);
    s->lookup = rig_lookup(&rig, RIG_CHILD);
}

/* A child that is withdrawn stays out, so each turn has its own. */
static void prepare_withdraw(struct scene *s)
{
    if (turn == 1) {
        stage_some(s, CHILDREN);
        ck_assert_uint_eq(rig_batch_step(&rig, &s->batch, MSG_BATCH_COMMIT).state, BATCH_COMMITTED);
    }
    ck_assert_uint_lt(turn, CHILDREN);
    s->withdraw =
        (struct shape_withdraw){.source = "192.0.2.2", .district = RIG_DISTRICT, .reason = "asked to"};
    rig_state_id(s->withdraw.state_id, turn);
    memcpy(s->withdraw.key, rig.key, sizeof s->withdraw.key);
}

static void prepare_district(struct scene *s)
{
    s->district = (struct shape_district_add){.name = "Another"};
    (void)snprintf(s->district.district, sizeof s->district.district, "%u", 1000 + turn % PRINCIPALS);
}

static void prepare_agency(struct scene *s)
{
    s->agency = (struct shape_agency_add){.name = "Another"};
    (void)snprintf(s->agency.ori, sizeof s->agency.ori, "MT%07u", turn);
}

static void *question_lookup(struct scene *s)
{
    return &s->lookup;
}

static void *question_batch(struct scene *s)
{
    return &s->batch;
}

static void *question_withdraw(struct scene *s)
{
    return &s->withdraw;
}

static void *question_district(struct scene *s)
{
    return &s->district;
}

static void *question_agency(struct scene *s)
{
    return &s->agency;
}

static bool batch_is(struct scene *s, unsigned state)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(&rig, &rig.office, MSG_BATCH_GET, &s->batch, -1, &m, MSG_BATCH_REPORT);
    return m.is.batch_state.state == state;
}

static bool is_committed(struct scene *s)
{
    return batch_is(s, BATCH_COMMITTED);
}

static bool is_undone(struct scene *s)
{
    return batch_is(s, BATCH_UNDONE);
}

/* All of it or nothing: the photo stands with its key, or neither does and the erasure has ended. */
static bool is_withdrawn(struct scene *s)
{
    int64_t until_ms = clock_steady_ms() + 10000;
    struct shape_erasure_state left;

    (void)s;
    while ((left = rig_left(&rig, turn)).open) {
        ck_assert_int_lt(clock_steady_ms(), until_ms);
        (void)usleep(5000);
    }
    ck_assert_uint_eq(left.record, left.photos > 0);
    ck_assert_uint_eq(left.deks, left.photos ? left.photos + 1 : 0);
    return left.photos == 0;
}

static const struct request {
    const char *name, *leaf;
    enum process door;
    enum msg ask, good;
    void (*prepare)(struct scene *s);
    void *(*question)(struct scene *s);
    bool (*is_done)(struct scene *s); /* NULL: the leaf is all that a request leaves, or asking again tells */
    enum msg again;                   /* what a repeat of what was done answers */
    unsigned leaves_again;            /* how many leaves such a repeat adds */
} requests[] = {
    {"lookup", "\"type\":\"release\"", PROCESS_LAW, MSG_LOOKUP, MSG_RELEASED, prepare_lookup, question_lookup,
     NULL, MSG_RELEASED, 1},
    {"commit", "\"type\":\"batch-commit\"", PROCESS_OFFICE, MSG_BATCH_COMMIT, MSG_BATCH_STATE, stage,
     question_batch, is_committed, MSG_BATCH_STATE, 0},
    {"undo", "\"type\":\"batch-undo\"", PROCESS_OFFICE, MSG_BATCH_UNDO, MSG_BATCH_STATE, make_photo,
     question_batch, is_undone, MSG_BATCH_STATE, 0},
    {"withdrawal", "\"type\":\"withdrawal\"", PROCESS_OFFICE, MSG_WITHDRAW, MSG_WITHDRAWN, prepare_withdraw,
     question_withdraw, is_withdrawn, MSG_WITHDRAWN, 1},
    {"district", "\"type\":\"district-add\"", PROCESS_CTL, MSG_DISTRICT_ADD, MSG_DONE, prepare_district,
     question_district, NULL, MSG_REFUSED, 0},
    {"agency", "\"type\":\"agency-add\"", PROCESS_CTL, MSG_AGENCY_ADD, MSG_DONE, prepare_agency,
     question_agency, NULL, MSG_REFUSED, 0},
};

/* ---- One fault ---- */

struct tally {
    unsigned faults, doubtful, stood, nothing, answered, left;
};

static enum msg ask(const struct request *r, struct scene *s, uint32_t *problem)
{
    struct channel *door = rig_channel(&rig, r->door, 0);
    CLEANUP(message) struct message m = MESSAGE_NONE;

    (void)rig_send(&rig, door, r->ask, r->question(s), -1);
    rig_hear(&rig, door, &m);
    *problem = m.type == MSG_REFUSED ? m.is.refused.problem : 0;
    return (enum msg)m.type;
}

static unsigned leaves_after_start(const struct request *r)
{
    rig_launch(&rig);
    rig_join(&rig);
    return rig_count_leaves(&rig, r->leaf);
}

static void restart(const struct request *r, struct tally *t, enum msg answer)
{
    bool left = rig_ends_within(&rig, answer == MSG_REFUSED ? 10000 : GRACE_MS, 1);

    rig.fault->class = FAULT_NONE;
    if (!left) { /* what failed was not needed for the answer: the log's files, or what follows it */
        (void)kill(rig.pid, SIGKILL);
        (void)waitpid(rig.pid, NULL, 0);
        rig.pid = 0;
    }
    t->left += left;
    ck_assert_msg(left || answer == r->good, "%s: refused, and the vault goes on", r->name);
}

/* Settles it by the same question; then the request was done once, whatever the first answer was. */
static void settle(const struct request *r, struct scene *s, bool stands, unsigned before)
{
    uint32_t problem;
    enum msg answer = ask(r, s, &problem);
    unsigned after;

    ck_assert_int_eq(answer, stands ? r->again : r->good);
    if (r->is_done)
        ck_assert(r->is_done(s));
    rig_stop(&rig);
    after = leaves_after_start(r);
    ck_assert_uint_eq(after, before + (stands ? 1 + r->leaves_again : 1));
}

static void arm(enum fault_class class, unsigned n)
{
    unsigned long seen;

    rig.fault->error = EIO;
    rig.fault->at = 0; /* counts only */
    rig.fault->class = FAULT_WRITE;
    do {
        seen = rig.fault->count;
        (void)usleep(QUIET_MS * 1000);
    } while (rig.fault->count != seen);
    rig.fault->at = n;
    rig.fault->count = rig.fault->injected = 0;
    rig.fault->class = (int)class;
}

/* False: the request needed no such call any more. */
static bool fail_one(const struct request *r, enum fault_class class, unsigned n, struct tally *t)
{
    struct scene s = {.batch.district = ""};
    unsigned before, after;
    uint32_t problem;
    enum msg answer;
    bool stands;

    turn++;
    r->prepare(&s);
    rig_stop(&rig);
    before = leaves_after_start(r);
    arm(class, n);
    answer = ask(r, &s, &problem);
    if (!rig.fault->injected) {
        rig.fault->class = FAULT_NONE;
        if (answer == MSG_REFUSED && problem == PROBLEM_UNAVAILABLE) /* the disk took longer than a second */
            return fail_one(r, class, n, t);
        ck_assert_int_eq(answer, r->good);
        return false;
    }
    t->faults++;
    ck_assert_msg(answer == r->good || (answer == MSG_REFUSED && problem == PROBLEM_UNAVAILABLE),
                  "%s: message %d, problem %u", r->name, (int)answer, problem);
    restart(r, t, answer);
    after = leaves_after_start(r);
    ck_assert_uint_le(after, before + 1);
    stands = after > before;
    ck_assert(stands || answer == MSG_REFUSED); /* what was acknowledged is there */
    if (r->is_done)
        ck_assert_int_eq(r->is_done(&s), stands);
    t->answered += answer == r->good;
    t->doubtful += answer == MSG_REFUSED;
    t->stood += answer == MSG_REFUSED && stands;
    t->nothing += !stands;
    settle(r, &s, stands, before);
    return true;
}

START_TEST(a_disk_that_fails_leaves_all_or_nothing_and_asking_again_settles_it)
{
    const struct request *r = &requests[_i / 2];
    enum fault_class class = _i % 2 ? FAULT_SYNC : FAULT_WRITE;
    struct tally t = {.faults = 0};
    unsigned n = 1;

    while (fail_one(r, class, n, &t))
        ck_assert_uint_lt(++n, CALLS_MOST);
    (void)printf(
        "%s, %s: %u faults: %u refused with 503 (%u stood after the start, %u nothing), %u answered in "
        "truth; the vault left %u times\n",
        r->name, _i % 2 ? "sync" : "write", t.faults, t.doubtful, t.stood, t.nothing, t.answered, t.left);
    ck_assert_uint_gt(t.doubtful, 0);
    rig_stop(&rig);
}
END_TEST

/* ---- The others: what a repeat adds ---- */

static const struct shape_credential_add credential = {
    .ori = "MT0250100", .label = "again", .not_after_ms = UINT64_MAX, .fingerprint = {1}};
static const struct shape_key_add key = {.district = RIG_DISTRICT, .label = "again", .days = 30};
static struct shape_batch_name again;
static struct shape_upload_create upload;

static void do_roster(void)
{
    rig_roster(&rig, CHILDREN);
}

static void do_batch_create(void)
{
    rig_batch_new(&rig, &again);
}

/* The one upload of that batch, begun anew. */
static void do_upload_create(void)
{
    upload = rig_upload_create(&again, 6);
    rig_chunk(&rig, rig_open(&rig, MSG_UPLOAD_CREATE, &upload), 0, "zip", 3, MSG_UPLOAD_KEPT);
}

static void do_ctl(enum msg type, const void *shape, enum msg first, enum msg then)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    int64_t until_ms = clock_steady_ms() + 20000;

    do { /* what a start does by itself may be under way */
        ck_assert_int_lt(clock_steady_ms(), until_ms);
        (void)rig_send(&rig, &rig.ctl, type, shape, -1);
        rig_hear(&rig, &rig.ctl, &m);
    } while (m.type == MSG_REFUSED && m.is.refused.problem == PROBLEM_BUSY);
    ck_assert(m.type == first || m.type == then);
}

static void do_credential(void)
{
    do_ctl(MSG_CREDENTIAL_ADD, &credential, MSG_DONE, MSG_REFUSED);
}

static void do_key(void)
{
    do_ctl(MSG_KEY_ADD, &key, MSG_KEY_ISSUED, MSG_KEY_ISSUED);
}

static void do_purge(void)
{
    do_ctl(MSG_PURGE, NULL, MSG_PURGED, MSG_PURGED);
}

static void do_rotate(void)
{
    do_ctl(MSG_KEYS_ROTATE, NULL, MSG_DONE, MSG_DONE);
}

static void do_clock_accept(void)
{
    do_ctl(MSG_CLOCK_ACCEPT, NULL, MSG_DONE, MSG_DONE);
}

static const struct repeat {
    const char *name;
    void (*act)(void);
    const char *leaf;
    unsigned first, again; /* leaves */
} repeats[] = {
    {"roster", do_roster, "\"type\":\"roster\"", 1, 1},
    {"... its answers", do_roster, "\"type\":\"consent\"", 0, 0}, /* setup sent the same */
    {"new batch", do_batch_create, "\"type\":\"batch-create\"", 1, 1},
    {"new upload", do_upload_create, "\"type\":\"batch-", 0, 0},
    {"credential", do_credential, "\"type\":\"credential-add\"", 1, 0},
    {"key", do_key, "\"type\":\"key-add\"", 1, 1},
    {"purge", do_purge, "\"type\":\"erase-", 0, 0},
    {"rotation", do_rotate, "\"type\":\"ring-rotated\"", 1, 1},
    {"clock", do_clock_accept, "\"type\":\"clock-accepted\"", 1, 1},
};

static unsigned count_now(const char *leaf)
{
    unsigned count;

    rig_stop(&rig); /* and all is published */
    count = rig_count_leaves(&rig, leaf);
    rig_launch(&rig);
    rig_join(&rig);
    return count;
}

START_TEST(a_repeat_adds_what_the_table_says_and_no_more)
{
    for (unsigned i = 0; i < sizeof repeats / sizeof repeats[0]; i++) {
        const struct repeat *r = &repeats[i];
        unsigned before = count_now(r->leaf), first, then;

        r->act();
        first = count_now(r->leaf);
        r->act();
        then = count_now(r->leaf);
        ck_assert_msg(first - before == r->first && then - first == r->again, "%s: %u leaves, then %u",
                      r->name, first - before, then - first);
    }
    (void)printf("%zu requests repeated\n", sizeof repeats / sizeof repeats[0]);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vault_doubt");
    TCase *c = tcase_create("vault_doubt");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, a_disk_that_fails_leaves_all_or_nothing_and_asking_again_settles_it, 0,
                        2 * sizeof requests / sizeof requests[0]);
    tcase_add_test(c, a_repeat_adds_what_the_table_says_and_no_more);
    suite_add_tcase(suite, c);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
