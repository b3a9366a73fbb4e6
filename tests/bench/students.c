/*
 * A whole state on photod-vault itself: N children, each with one small photo, the honest way through roster,
 * batch and commit, the test being everybody else.  Prints what loading, a start (also one that finds nothing
 * in memory), memory and lookups cost, beside the same with 1,000 children.  STUDENTS, or 150,000.
 *
 *   build/release/bin/bench-students          after a release build
 */
#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "tests/process/vault_rig.h"

#define STUDENTS  150000
#define SMALL     1000
#define AT_A_TIME 10000 /* children in a roster, photos in a batch */
#define LOOKUPS   2000

static struct rig rig;
static uint64_t state;
static unsigned late;

static uint32_t any(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- Loading ---- */

static void load_roster(uint32_t first, uint32_t count)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel *worker = rig_roster_parsing(&rig);
    uint32_t question = rig.request;

    rig_worker_say(&rig, worker, MSG_ROSTER_PARSED, NULL, rig_roster_of(first, count), STATE_IDLE);
    rig.request = question;
    rig_hear(&rig, &rig.office, &m);
    ck_assert_int_eq(m.type, MSG_ROSTER_REPORT);
    ck_assert_uint_eq(m.is.roster_report.in, count);
}

static void give_pictures(struct channel *c)
{
    static const size_t sizes[3] = {4000, 2000, 1000};
    struct shape_image_done done = {.width = 1200, .height = 1500};
    char picture[4000] = "\xff\xd8\xff\xe0";
    int fds[3];

    for (unsigned i = 0; i < sizeof done.phash; i++)
        done.phash[i] = (unsigned char)any(256);
    for (unsigned i = 4; i < sizeof picture; i++)
        picture[i] = (char)any(256);
    for (unsigned i = 0; i < 3; i++)
        fds[i] = rig_bulk(picture, sizes[i]);
    ck_assert_int_eq(channel_send(c, MSG_IMAGE_DONE, 0, &done, fds, 3, true), OK);
    for (unsigned i = 0; i < 3; i++)
        (void)close(fds[i]);
}

/* False: the batch is judged. */
static bool work(struct channel *c, struct message *m, uint32_t first, uint32_t count)
{
    const struct shape_zip_listed listed = {.count = count};
    char file[24];

    switch ((int)m->type) {
    case MSG_ZIP_OPEN:
        rig_worker_say(&rig, c, MSG_ZIP_LISTED, &listed, rig_listing_of(first, count), STATE_ZIP);
        return true;
    case MSG_ZIP_READ:
        (void)snprintf(file, sizeof file, "jpeg %" PRIu32, first + m->is.zip_index.index);
        rig_worker_say(&rig, c, MSG_ZIP_BYTES, &m->is.zip_index, rig_bulk(file, strlen(file)), STATE_ZIP);
        return true;
    case MSG_IMAGE:
        give_pictures(c);
        return true;
    default:
        ck_assert_int_eq(m->type, MSG_ZIP_CLOSE);
        c->state = STATE_IDLE;
        return false;
    }
}

static void judge(uint32_t first, uint32_t count)
{
    for (bool more = true; more;) {
        struct pollfd fds[RIG_WORKERS];

        for (unsigned i = 0; i < RIG_WORKERS; i++)
            fds[i] = (struct pollfd){.fd = rig.workers[i].fd, .events = POLLIN};
        ck_assert_int_gt(poll(fds, RIG_WORKERS, 30000), 0);
        for (unsigned i = 0; i < RIG_WORKERS; i++) {
            CLEANUP(message) struct message m = MESSAGE_NONE;

            if (fds[i].revents && !channel_recv(&rig.workers[i], &m, false))
                more = work(&rig.workers[i], &m, first, count) && more;
        }
    }
}

static void load_photos(uint32_t first, uint32_t count)
{
    const struct shape_zip_listed listed = {.count = count};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;
    struct channel *zip = rig_batch(&rig, &ask);

    rig_worker_say(&rig, zip, MSG_ZIP_LISTED, &listed, rig_listing_of(first, count), STATE_ZIP);
    judge(first, count);
    ck_assert_uint_eq(rig_batch_staged(&rig, &ask).stored, count);
    rig_ask(&rig, &rig.office, MSG_BATCH_COMMIT, &ask, -1, &m, MSG_BATCH_STATE);
}

/* ---- Measuring ---- */

static double look_up(uint32_t child)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_lookup ask;
    char state_id[10];
    double began;

    rig_state_id(state_id, child);
    ask = rig_lookup(&rig, state_id);
    began = seconds();
    (void)rig_send(&rig, &rig.law, MSG_LOOKUP, &ask, -1);
    rig_hear(&rig, &rig.law, &m);
    late += m.type == MSG_REFUSED; /* the disk took more than a second */
    ck_assert(m.type == MSG_RELEASED || m.type == MSG_REFUSED);
    return (seconds() - began) * 1000;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static long kilobytes(const char *what)
{
    char path[64], line[200];
    long value = -1;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)rig.pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, what, strlen(what)) == 0)
            value = strtol(line + strlen(what) + 1, NULL, 10);
    if (f)
        (void)fclose(f);
    return value;
}

static double megabytes_of(const char *name)
{
    char path[128];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/state/%s/data.mdb", rig.dir, name);
    ck_assert_int_eq(stat(path, &st), 0);
    return (double)st.st_blocks * 512 / 1e6;
}

static int forget_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    int fd = type == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    (void)st, (void)ftw;
    if (fd >= 0) {
        ck_assert_int_eq(fsync(fd), 0);
        ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        (void)close(fd);
    }
    return 0;
}

/* As after a power cut: the disk has it all, memory nothing. */
static void forget_state(void)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/state", rig.dir);
    ck_assert_int_eq(nftw(path, forget_file, 16, FTW_PHYS), 0);
}

static void measure(uint32_t students, bool cold)
{
    double took[LOOKUPS], began, ready, first;

    late = 0;
    rig_stop(&rig);
    if (cold)
        forget_state();
    began = seconds();
    rig_launch(&rig);
    rig_join(&rig);
    ready = (seconds() - began) * 1000;
    (void)look_up(any(students));
    first = (seconds() - began) * 1000;
    for (unsigned i = 0; i < LOOKUPS; i++)
        took[i] = look_up(any(students));
    qsort(took, LOOKUPS, sizeof took[0], by_value);
    (void)printf(
        "%" PRIu32 " students, %s: ready after %.0f ms, first lookup after %.0f ms; own memory %ld MB "
        "(resident with the file's pages %ld MB), locked %ld kB; lookup median %.2f ms, 99 %% under "
        "%.2f ms (%u lookups of any child, %u refused after a second); photos %.0f "
        "MB, keyring %.1f MB\n",
        students, cold ? "nothing of the state in memory" : "files in memory", ready, first,
        kilobytes("RssAnon") / 1000, kilobytes("VmRSS") / 1000, kilobytes("VmLck"), took[LOOKUPS / 2],
        took[LOOKUPS * 99 / 100], LOOKUPS, late, megabytes_of("photos"), megabytes_of("keyring"));
    (void)fflush(stdout);
}

static void load(uint32_t students)
{
    double began = seconds(), rosters = 0;

    for (uint32_t first = 0; first < students; first += AT_A_TIME) {
        uint32_t count = students - first < AT_A_TIME ? students - first : AT_A_TIME;
        double at = seconds();

        load_roster(first, count);
        rosters += seconds() - at;
        load_photos(first, count);
    }
    (void)printf("%" PRIu32 " students: rosters in %.1f s, photos in %.1f s\n", students, rosters,
                 seconds() - began - rosters);
    (void)fflush(stdout);
}

START_TEST(a_state_and_a_school)
{
    const char *wanted = getenv("STUDENTS");
    uint32_t counts[2] = {SMALL, wanted ? (uint32_t)strtoul(wanted, NULL, 10) : STUDENTS};

    state = 1;
    for (unsigned i = 0; i < 2; i++) {
        rig_start(&rig);
        load(counts[i]);
        measure(counts[i], false);
        measure(counts[i], true);
        rig_stop(&rig);
        rig_clear(&rig);
    }
}
END_TEST

static void nothing(void)
{
}

int main(void)
{
    const TTest *const tests[] = {a_state_and_a_school};

    (void)setenv("CK_FORK", "no", 0); /* and so without a time limit */
    return rig_suite("students", tests, 1, nothing, nothing);
}
