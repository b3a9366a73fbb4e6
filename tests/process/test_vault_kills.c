/* photod-vault itself, killed at random moments of all its work: VAULT_KILLS, PHOTOD_SEED; see kills.h. */
#include <check.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kills.h"

#define KILLS       80
#define KILLS_STATE 500 /* then everything is checked, and a new state begins */
#define LOOK_US     100 /* between two looks whether the keyring is being rewritten */
#define DAY_STEP_MS ((int64_t)20 * 3600 * 1000)

static struct world world;
static uint64_t seed;

uint32_t any_below(uint32_t n)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)((seed * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

static uint64_t setting(const char *name, uint64_t usual)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : usual;
}

/* ---- One life of the vault ---- */

static void watch(struct world *w, int64_t until_us)
{
    struct pollfd fds[] = {
        {.fd = w->rig.law.fd, .events = POLLIN},        {.fd = w->rig.office.fd, .events = POLLIN},
        {.fd = w->rig.ctl.fd, .events = POLLIN},        {.fd = w->rig.workers[0].fd, .events = POLLIN},
        {.fd = w->rig.workers[1].fd, .events = POLLIN},
    };
    int64_t left = until_us - now_us();
    struct timespec wait;

    if (left < 0)
        left = 0;
    wait = (struct timespec){left / 1000000, left % 1000000 * 1000};
    (void)ppoll(fds, sizeof fds / sizeof fds[0], &wait, NULL);
    play_hear(w);
}

static int64_t moment(const struct world *w, enum act a)
{
    double mean = w->acts[a].finished ? w->acts[a].mean_us : 20000;

    return w->acts[a].since_us + (int64_t)(mean * 1.1 * any_below(10000) / 10000.0);
}

/* Works until a random moment while it is at `aim`, or a second is over. */
static void work(struct world *w, enum act aim)
{
    int64_t end = now_us() + 1000000, since = 0, at = end;

    while (now_us() < at) {
        int64_t next = play_ask(w, true);

        if (aim == ACT_COMPACTION && w->acts[ACT_ROTATION].on) {
            play_look(w);
            next = now_us() + LOOK_US;
        }
        if (w->acts[aim].on && w->acts[aim].since_us != since) {
            since = w->acts[aim].since_us;
            at = moment(w, aim);
        } else if (!w->acts[aim].on) {
            at = end;
        }
        watch(w, next < at ? next : at);
    }
}

static void die(struct world *w, enum act aim)
{
    rig_kill(&w->rig);
    play_look(w);
    w->acts[aim].aimed++;
    for (unsigned a = 0; a < ACT_COUNT; a++)
        w->acts[a].hit += w->acts[a].on;
    w->dead = true;
    play_hear(w); /* what it had said before is as good as any answer */
    play_resume(w);
    check_file(w);
    w->totals.kills++;
}

static void start(struct world *w, enum act aim)
{
    w->dead = false;
    act_begin(w, ACT_START);
    rig_launch(&w->rig);
    if (aim == ACT_START) {
        int64_t left = moment(w, ACT_START) - now_us();

        if (left > 0)
            (void)usleep((useconds_t)left);
        w->acts[ACT_START].on = !rig_is_ready(&w->rig);
        return;
    }
    rig_join(&w->rig);
    act_end(w, ACT_START);
    check_start(w);
}

/* ---- Many ---- */

/* The control: all of it goes back by some kills, as if the disk had lied. */
static void forget(const struct world *w, uint64_t n)
{
    char text[300];

    if (!setting("VAULT_FORGETS", 0) || (n != 10 && n != 14))
        return;
    if (n == 10)
        (void)snprintf(text, sizeof text, "cp -a '%s/state' '%s/kept'", w->rig.dir, w->rig.dir);
    else
        (void)snprintf(text, sizeof text, "rm -r '%s/state' && mv '%s/kept' '%s/state'", w->rig.dir,
                       w->rig.dir, w->rig.dir);
    ck_assert_int_eq(system(text), 0);
}

static void begin_state(struct world *w, const char *clock_library)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_key_add key = {.district = RIG_DISTRICT, .label = "a year", .days = 366};

    w->rig.clock_library = clock_library;
    rig_start(&w->rig);
    rig_ask(&w->rig, &w->rig.ctl, MSG_KEY_ADD, &key, -1, &m, MSG_KEY_ISSUED);
    memcpy(w->rig.key, m.is.key_issued.key, sizeof w->rig.key);
    rig_ask(&w->rig, &w->rig.ctl, MSG_AUDIT_KEY, NULL, -1, &m, MSG_AUDIT_KEY_IS);
    ck_assert_int_eq(vkey_parse(&w->key, m.is.audit_key.verifier), OK);
    rig_roster(&w->rig, GROUPS * GROUP_SIZE);
    w->office.phase = BATCH_CREATE;
    w->office.serial = 1;
}

/* What was counted stays; what this state held goes. */
static void end_state(struct world *w)
{
    struct list *const lists[] = {&w->batches, &w->releases, &w->acks, &w->roots};
    struct release *r = w->releases.rows;

    rig_clear(&w->rig);
    for (size_t i = 0; i < w->releases.count; i++)
        free(r[i].text);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        free(lists[i]->rows);
        *lists[i] = (struct list){.rows = NULL};
    }
    memset(w->acked, 0, sizeof w->acked);
    memset(w->maybe, 0, sizeof w->maybe);
    w->set_count = 0;
    w->leaves = 0;
    w->office = (struct office){.phase = BATCH_CREATE};
}

static void settle(struct world *w)
{
    int64_t until = now_us() + 20000000;

    while (!play_is_idle(w)) {
        ck_assert_msg(now_us() < until, "the vault does not come to rest");
        watch(w, play_ask(w, false));
    }
}

static void kills_of_one_state(struct world *w, uint64_t kills, const char *clock_library)
{
    begin_state(w, clock_library);
    for (uint64_t n = 0; n < kills; n++) {
        enum act aim = (enum act)any_below(ACT_COUNT);

        if (n && aim == ACT_PURGE) /* a new day: photos are due */
            w->rig.clock_shift_ms += DAY_STEP_MS;
        if (n == 0) {
            w->dead = false;
            play_resume(w);
        } else {
            start(w, aim);
        }
        if (aim != ACT_START || n == 0)
            work(w, aim);
        die(w, aim);
        forget(w, n);
    }
    start(w, ACT_COUNT);
    settle(w);
    check_all(w);
    end_state(w);
}

static void print(const struct world *w, int64_t took_us)
{
    static const char *const names[ACT_COUNT] = {"start, before it was ready",
                                                 "roster",
                                                 "upload of a batch",
                                                 "judging of a batch",
                                                 "commit of a batch",
                                                 "withdrawal",
                                                 "lookups",
                                                 "purge",
                                                 "rotation",
                                                 "rewriting of the keyring"};
    const struct totals *t = &w->totals;

    (void)printf("%-28s %8s %12s %10s\n", "kills while under way", "aimed at", "hit", "finished");
    for (unsigned a = 0; a < ACT_COUNT; a++)
        (void)printf("%-28s %8" PRIu64 " %12" PRIu64 " %10" PRIu64 "\n", names[a], w->acts[a].aimed,
                     w->acts[a].hit, w->acts[a].finished);
    (void)printf("acknowledged: %" PRIu64 " rosters, %" PRIu64 " batches committed, %" PRIu64
                 " withdrawals, %" PRIu64 " purges of %" PRIu64 " photos, %" PRIu64 " rotations; 0 lost\n",
                 t->rosters, t->committed, t->withdrawn, t->purges, t->erased, t->rotations);
    (void)printf("%" PRIu64 " releases and %" PRIu64 " times none, 0 without leaf; %" PRIu64
                 " checkpoints, no two of one size; %" PRIu64 " leaves in %" PRIu64
                 " logs, 0 without their write, 0 batches by half; %" PRIu64 " things looked at\n",
                 t->released, t->none, t->checkpoints, t->leaves, t->audits, t->checked);
    (void)printf("%" PRIu64 " kills in %.0f s, %" PRIu64 " times busy\n", t->kills, (double)took_us / 1e6,
                 t->refused);
    (void)fflush(stdout);
}

START_TEST(nothing_acknowledged_is_lost_by_killing_the_vault)
{
    uint64_t kills = setting("VAULT_KILLS", KILLS), began = setting("PHOTOD_SEED", (uint64_t)time(NULL));
    int64_t since = now_us();

    seed = began * 2 + 1;
    (void)printf("%" PRIu64 " kills, seed %" PRIu64 "\n", kills, began);
    (void)fflush(stdout);
    for (uint64_t done = 0; done < kills; done += KILLS_STATE) {
        kills_of_one_state(&world, kills - done < KILLS_STATE ? kills - done : KILLS_STATE, CLOCK_LIBRARY);
        print(&world, now_us() - since);
    }
    for (unsigned a = 0; a < ACT_COUNT; a++)
        ck_assert_msg(world.acts[a].hit, "no kill hit act %u", a);
    ck_assert_uint_gt(world.totals.erased, 0);
}
END_TEST

static void setup(void)
{
}

static void teardown(void)
{
    rig_clear(&world.rig);
}

int main(void)
{
    const TTest *const tests[] = {nothing_acknowledged_is_lost_by_killing_the_vault};

    return rig_suite("vault_kills", tests, 1, setup, teardown);
}
