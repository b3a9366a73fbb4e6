/* photod-vault itself; the test is a photoctl that backs it up, step by step. */
#include <check.h>
#include <string.h>
#include "lawapi/problem.h"
#include "photod/wire/backup_row.h"
#include "store/store.h"
#include "vault_rig.h"

static struct rig rig;

static void setup(void)
{
    rig_start(&rig);
    rig_child(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

/* What came with the steps so far. */
struct taken {
    unsigned steps, rows[BACKUP_PART_COUNT];
    bool shows_picture, shows_name;
};

static void take_rows(struct taken *t, const struct message *m)
{
    CLEANUP(bulk) struct bulk rows = {(const unsigned char *)"", 0};
    struct backup_row r;
    struct take in;

    ck_assert_int_eq(bulk_map(&rows, m->fds[0], 64u << 20), OK);
    t->shows_picture = t->shows_picture || memmem(rows.bytes, rows.len, RIG_MARK, strlen(RIG_MARK));
    t->shows_name = t->shows_name || memmem(rows.bytes, rows.len, RIG_CHILD, strlen(RIG_CHILD));
    for (in = TAKE_BYTES(rows.bytes, rows.len); take_more(&in); t->rows[r.part]++) {
        take_backup_row(&in, &r);
        ck_assert_int_eq(in.err, OK);
        /* An envelope says so at its begin; these three hold commitments, a letter, a number. */
        if (r.value_len && r.kind != KIND_LEAF && r.kind != KIND_ERASURE && r.kind != KIND_MEMBER)
            ck_assert_msg(memcmp(r.value, "PHD1", 4) == 0, "a value of kind %u is not sealed", r.kind);
    }
    ck_assert_int_eq(take_end(&in), OK);
    t->steps++;
}

static void ask_step(struct shape_backup *ask, struct message *m)
{
    rig_ask(&rig, &rig.ctl, MSG_BACKUP, ask, -1, m, MSG_BACKUP_STEP);
    ask->kind = m->is.backup_step.kind;
    memcpy(ask->key, m->is.backup_step.key, sizeof ask->key);
    ask->key_len = m->is.backup_step.key_len;
}

static void stand_at(struct shape_backup *ask, const struct message *m)
{
    memcpy(ask->line, m->is.backup_step.line, sizeof ask->line);
    ask->number = m->is.backup_step.number;
    ask->seen = m->is.backup_step.seen;
}

/* Everything: what photoctl asks the first time. */
static void take_all(struct taken *t, struct shape_backup *ask, struct message *m)
{
    *ask = (struct shape_backup){.ask = BACKUP_BEGIN};
    ask_step(ask, m);
    stand_at(ask, m);
    for (ask->ask = BACKUP_WALK, ask->kind = 0; !t->steps || !m->is.backup_step.done;) {
        ask_step(ask, m);
        take_rows(t, m);
    }
    ask->ask = BACKUP_WALK_KEYS;
    ask->key_len = 0;
    do {
        ask_step(ask, m);
        ask->epoch = m->is.backup_step.epoch;
        take_rows(t, m);
    } while (!m->is.backup_step.done);
    ask->ask = BACKUP_END;
    do {
        ask_step(ask, m);
        stand_at(ask, m);
        take_rows(t, m);
    } while (!m->is.backup_step.done);
}

START_TEST(what_is_backed_up_is_sealed_and_ends_in_key_file_and_checkpoint)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_lookup look = rig_lookup(&rig, RIG_CHILD);
    struct shape_backup_kept kept = {.number = 0};
    struct taken t = {.steps = 0};
    struct shape_backup ask;
    char size[32];

    take_all(&t, &ask, &m);
    ck_assert(!t.shows_picture && !t.shows_name);
    ck_assert_uint_gt(t.rows[BACKUP_PHOTOS], 10);
    ck_assert_uint_ge(t.rows[BACKUP_KEYS], 2);
    ck_assert_uint_eq(t.rows[BACKUP_KEY_FILE], 1);
    ck_assert_uint_eq(t.rows[BACKUP_MARK], 0);
    (void)snprintf(size, sizeof size, "\n%u\n", (unsigned)m.is.backup_step.leaves);
    ck_assert_ptr_nonnull(strstr(m.is.backup_step.checkpoint, size));
    kept.number = m.is.backup_step.number;
    kept.leaves = m.is.backup_step.leaves;
    memset(kept.manifest, 0xa5, sizeof kept.manifest);
    rig_ask(&rig, &rig.ctl, MSG_BACKUP_KEPT, &kept, -1, &m, MSG_BACKUP_LOGGED);
    rig_expect_leaf(&rig, "\"type\":\"backup\",\"position\":");
    rig_expect_leaf(&rig,
                    "\"manifest\":\"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\"}");
    ck_assert_int_eq(strncmp(m.is.backup_logged.proof, "c2sp.org/tlog-proof@v1\nextra ", 29), 0);
    /* The control: a picture that is released does show itself. */
    rig_ask(&rig, &rig.law, MSG_LOOKUP, &look, -1, &m, MSG_RELEASED);
    {
        CLEANUP(bulk) struct bulk b = {(const unsigned char *)"", 0};

        ck_assert_int_eq(bulk_map(&b, m.fds[0], 64u << 20), OK);
        ck_assert_ptr_nonnull(memmem(b.bytes, b.len, RIG_MARK, strlen(RIG_MARK)));
    }
}
END_TEST

/* Each lookup is asked behind a step and before that step's answer is read, and answered before the backup
 * goes on. */
START_TEST(lookups_are_answered_between_the_steps_of_a_backup)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_lookup look = rig_lookup(&rig, RIG_CHILD);
    struct shape_backup ask = {.ask = BACKUP_WALK};
    unsigned answered = 0;

    do {
        uint32_t step = rig_send(&rig, &rig.ctl, MSG_BACKUP, &ask, -1), lookup;

        lookup = rig_send(&rig, &rig.law, MSG_LOOKUP, &look, -1);
        rig.request = lookup;
        rig_hear(&rig, &rig.law, &m);
        ck_assert_int_eq(m.type, MSG_RELEASED);
        answered++;
        rig.request = step;
        rig_hear(&rig, &rig.ctl, &m);
        ck_assert_int_eq(m.type, MSG_BACKUP_STEP);
        ask.kind = m.is.backup_step.kind;
        ask.key_len = m.is.backup_step.key_len;
        memcpy(ask.key, m.is.backup_step.key, sizeof ask.key);
        rig.request = lookup;
    } while (!m.is.backup_step.done);
    ck_assert_uint_gt(answered, 10);
    (void)printf("%u lookups released between %u steps\n", answered, answered);
}
END_TEST

START_TEST(what_changed_since_is_little_and_level)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_lookup look = rig_lookup(&rig, RIG_CHILD);
    struct taken all = {.steps = 0}, since = {.steps = 0};
    struct shape_backup ask;

    take_all(&all, &ask, &m);
    rig_ask(&rig, &rig.law, MSG_LOOKUP, &look, -1, &m, MSG_RELEASED);
    ask.ask = BACKUP_CHANGES;
    ask_step(&ask, &m);
    take_rows(&since, &m);
    ck_assert(m.is.backup_step.done);
    ck_assert_uint_ge(since.rows[BACKUP_PHOTOS], 2); /* its leaf and side record */
    ck_assert_uint_lt(since.rows[BACKUP_PHOTOS], all.rows[BACKUP_PHOTOS] / 2);
    ck_assert_uint_eq(since.rows[BACKUP_KEYS], 0);
}
END_TEST

START_TEST(another_stores_position_is_told_to_take_everything)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_backup ask = {.ask = BACKUP_CHANGES, .number = 1};

    ask_step(&ask, &m);
    ck_assert(m.is.backup_step.full);
    ask = (struct shape_backup){.ask = BACKUP_BEGIN};
    ask_step(&ask, &m);
    stand_at(&ask, &m);
    ask.ask = BACKUP_CHANGES;
    ask.number++;
    ask_step(&ask, &m);
    ck_assert(m.is.backup_step.full);
}
END_TEST

START_TEST(keys_walked_before_their_ring_key_went_are_to_be_walked_again)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct taken t = {.steps = 0};
    struct shape_backup ask;

    take_all(&t, &ask, &m);
    ck_assert(!m.is.backup_step.keys_again);
    rig_ask(&rig, &rig.ctl, MSG_KEYS_ROTATE, NULL, -1, &m, MSG_DONE);
    ask_step(&ask, &m);
    ck_assert(m.is.backup_step.done && m.is.backup_step.keys_again);
    t = (struct taken){.steps = 0};
    take_all(&t, &ask, &m);
    ck_assert(!m.is.backup_step.keys_again);
}
END_TEST

START_TEST(steps_that_are_none_are_refused_and_the_vault_goes_on)
{
    static const struct shape_backup bad[] = {
        {.ask = BACKUP_ASK_COUNT},
        {.ask = 255},
        {.ask = BACKUP_WALK, .kind = 99},
        {.ask = BACKUP_WALK, .key_len = 65},
        {.ask = BACKUP_WALK_KEYS, .key_len = 255},
    };
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_backup odd = {.ask = BACKUP_CHANGES, .seen = UINT64_MAX};
    struct taken t = {.steps = 0};
    struct shape_backup ask;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        rig_refused(&rig, &rig.ctl, MSG_BACKUP, &bad[i], -1, PROBLEM_BAD_PARAMETER);
    ask_step(&odd, &m); /* of another line: everything */
    ck_assert(m.is.backup_step.full);
    take_all(&t, &ask, &m);
    ask.ask = BACKUP_CHANGES;
    ask.number = 0;
    ask.seen = UINT64_MAX;
    ask_step(&ask, &m); /* it has seen more than there was: nothing of that group comes again */
    (void)rig_expect_serving(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_backed_up_is_sealed_and_ends_in_key_file_and_checkpoint,
        lookups_are_answered_between_the_steps_of_a_backup,
        what_changed_since_is_little_and_level,
        another_stores_position_is_told_to_take_everything,
        keys_walked_before_their_ring_key_went_are_to_be_walked_again,
        steps_that_are_none_are_refused_and_the_vault_goes_on,
    };

    return rig_suite("vault_backup", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
