/* photod-vault itself on a volume that something else fills: needs root, for a small tmpfs. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lawapi/problem.h"
#include "photod/base/clock.h"
#include "vault_rig.h"

#define VOLUME    "size=96m"
#define BALLAST   6 /* MiB */
#define LOOKUPS   1000
#define AT_A_TIME 20

static struct rig rig;
static bool mounted;

static char volume[32], filler[48];

/* A small volume, for this process and the vault only. */
static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(strcpy(volume, "/tmp/photod-volume-XXXXXX")));
    (void)snprintf(filler, sizeof filler, "%s/filler", volume);
    mounted = !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
              !mount("none", volume, "tmpfs", 0, VOLUME);
    if (!mounted) {
        (void)printf("skipped: cannot mount a tmpfs: %s\n", strerror(errno));
        return;
    }
    rig.ballast_mib = BALLAST;
    rig.below = volume;
    rig_start(&rig);
}

static void teardown(void)
{
    if (mounted) {
        rig_clear(&rig);
        (void)umount2(volume, MNT_DETACH);
    }
    (void)rmdir(volume);
}

static uint64_t available(void)
{
    struct statvfs v;

    ck_assert_int_eq(statvfs(rig.dir, &v), 0);
    return (uint64_t)v.f_bavail * v.f_frsize;
}

static void fill_but(uint64_t bytes_left)
{
    int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(posix_fallocate(fd, 0, (off_t)(available() - bytes_left)), 0);
    (void)close(fd);
}

static struct shape_status status(void)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(&rig, &rig.ctl, MSG_STATUS, NULL, -1, &m, MSG_STATUS_ANSWER);
    return m.is.status;
}

static void expect_ballast(bool held)
{
    int64_t until_ms = clock_steady_ms() + 10000;

    while (status().ballast != held) {
        ck_assert_int_lt(clock_steady_ms(), until_ms);
        (void)usleep(50000);
    }
}

static enum msg create_batch(uint32_t *problem)
{
    struct shape_batch_create create = {.source = "192.0.2.2", .district = RIG_DISTRICT};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    memcpy(create.key, rig.key, sizeof create.key);
    (void)snprintf(create.taken_on, sizeof create.taken_on, "2026-10-01");
    (void)rig_send(&rig, &rig.office, MSG_BATCH_CREATE, &create, -1);
    rig_hear(&rig, &rig.office, &m);
    *problem = m.type == MSG_REFUSED ? m.is.refused.problem : 0;
    return m.type;
}

static unsigned look_up(unsigned count)
{
    struct shape_lookup ask = rig_lookup(&rig, RIG_CHILD);
    unsigned released = 0;

    for (unsigned done = 0; done < count; done += AT_A_TIME) {
        for (unsigned i = 0; i < AT_A_TIME; i++)
            (void)rig_send(&rig, &rig.law, MSG_LOOKUP, &ask, -1);
        for (unsigned i = 0; i < AT_A_TIME; i++) {
            CLEANUP(message) struct message m = MESSAGE_NONE;

            rig_hear_any(&rig, &rig.law, &m);
            released += m.type == MSG_RELEASED;
        }
    }
    return released;
}

static void withdraw(void)
{
    struct shape_withdraw ask = {
        .source = "192.0.2.2", .district = RIG_DISTRICT, .state_id = RIG_CHILD, .reason = "asked to"};
    struct shape_erasure look = {.state_id = RIG_CHILD};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    int64_t until_ms = clock_steady_ms() + 10000;

    memcpy(ask.key, rig.key, sizeof ask.key);
    rig_ask(&rig, &rig.office, MSG_WITHDRAW, &ask, -1, &m, MSG_WITHDRAWN);
    do { /* the done leaf is another commit */
        rig_ask(&rig, &rig.ctl, MSG_ERASURE, &look, -1, &m, MSG_ERASURE_IS);
        ck_assert_int_lt(clock_steady_ms(), until_ms);
    } while (m.is.erasure_state.open);
    ck_assert_uint_eq(m.is.erasure_state.photos, 0);
    ck_assert_uint_eq(m.is.erasure_state.deks, 0);
}

START_TEST(a_full_volume_stops_uploads_and_neither_lookups_nor_erasures)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    uint64_t before, left;
    uint32_t problem;
    unsigned released;

    if (!mounted)
        return;
    rig_child(&rig);
    ck_assert(status().ballast && status().uploads);
    fill_but(200 << 10);
    before = available();
    released = look_up(LOOKUPS);
    ck_assert(!status().ballast && !status().uploads);
    ck_assert_int_eq(create_batch(&problem), MSG_REFUSED);
    ck_assert_uint_eq(problem, PROBLEM_STORAGE_FULL);
    withdraw();
    rig_ask(&rig, &rig.ctl, MSG_KEYS_ROTATE, NULL, -1, &m, MSG_DONE);
    left = available();
    (void)printf("%llu bytes left: %u of %u lookups, an erasure and a rotation; of the ballast of %u bytes "
                 "%llu were used\n",
                 (unsigned long long)before, released, LOOKUPS, BALLAST << 20,
                 (unsigned long long)((BALLAST << 20) + before - left));
    ck_assert_uint_eq(released, LOOKUPS);

    ck_assert_int_eq(unlink(filler), 0);
    expect_ballast(true);
    ck_assert_int_eq(create_batch(&problem), MSG_BATCH_STATE);
    rig_stop(&rig);
}
END_TEST

/* The control. */
START_TEST(without_ballast_a_full_volume_stops_lookups)
{
    unsigned released;

    if (!mounted)
        return;
    rig_clear(&rig);
    rig.ballast_mib = 0;
    rig_start(&rig);
    rig_child(&rig);
    fill_but(200 << 10);
    released = look_up(LOOKUPS);
    (void)printf("without ballast: %u of %u lookups\n", released, LOOKUPS);
    ck_assert_uint_lt(released, LOOKUPS);
    ck_assert_int_eq(unlink(filler), 0);
    ck_assert_uint_eq(look_up(AT_A_TIME), AT_A_TIME);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_start_on_a_full_volume_serves_and_holds_no_ballast)
{
    if (!mounted)
        return;
    rig_child(&rig);
    rig_stop(&rig);
    fill_but(500 << 10); /* and what the ballast took: not enough for it and a reserve */
    rig_launch(&rig);
    rig_join(&rig);
    ck_assert(!status().ballast && !status().uploads);
    ck_assert_uint_eq(look_up(AT_A_TIME), AT_A_TIME);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_full_volume_stops_uploads_and_neither_lookups_nor_erasures,
        without_ballast_a_full_volume_stops_lookups,
        a_start_on_a_full_volume_serves_and_holds_no_ballast,
    };

    return rig_suite("vault_full", tests, sizeof tests / sizeof tests[0], setup, teardown);
}
