#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "tests/fault/check.h"
#include "tests/fault/image.h"

/*
 * replay TRACE WORK SUBSETS SEED: makes what a crash at any moment could have
 * left of the trace, and checks each image for everything that was
 * acknowledged before that moment.  SUBSETS: how many random ones for each
 * interval between two syncs.
 */
#define ACKS_MAX 64
#define CONTROLS 40u

enum result { WHOLE, REFUSED_EARLY, REFUSED, BROKEN, RESULT_COUNT };

static struct trace trace;
static const char *work;
static bool quiet; /* damage is expected: it is counted, not shown */
static uint64_t seed;

static uint64_t next_random(void)
{
    uint64_t z = seed += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* ---- One image ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type;
    return ftw->level ? remove(path) : 0;
}

/* In a child: a check that dies is a result like any other. */
static int check_in_child(int dir_fd, const struct ack *acks, size_t count)
{
    pid_t child;
    int status;

    (void)fflush(stdout);
    child = fork();
    if (child == 0) {
        int log = openat(dir_fd, "../log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        unsigned orphans = 0;
        enum verdict v;

        if (dup2(log, STDERR_FILENO) < 0 || (quiet && !freopen("/dev/null", "w", stdout)))
            _exit(9);
        (void)alarm(20);
        v = check_store(dir_fd, acks, count, &orphans);
        if (v == CHECK_REFUSED && lseek(log, 0, SEEK_END) == 0)
            v = CHECK_BROKEN; /* without a word */
        (void)fflush(stdout);
        _exit((int)v);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        err(9, "fork");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The disk after a crash at op `at`, with the ops that are marked; what was acknowledged before it must be
 * there. */
static enum result check_image(size_t at, size_t end, const char *what)
{
    struct ack acks[ACKS_MAX];
    CLEANUP(fd) int dir_fd = -1;
    size_t count = 0;
    int verdict;

    (void)nftw(work, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    dir_fd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        err(9, "%s", work);
    image_write(&trace, end, dir_fd);
    for (size_t i = 0; i < at; i++)
        if (trace.ops[i].head.type == TRACE_ACK && count < ACKS_MAX)
            memcpy(&acks[count++], trace.ops[i].bytes, sizeof acks[0]);
    verdict = check_in_child(dir_fd, acks, count);
    if (verdict == CHECK_WHOLE)
        return WHOLE;
    if (verdict == CHECK_REFUSED)
        return count ? REFUSED : REFUSED_EARLY;
    if (!quiet)
        (void)printf("    op %zu of %zu, %s: verdict %d\n", at, trace.count, what, verdict);
    return BROKEN;
}

/* Marks the ops before `at` that cannot be lost any more; with all set also those that can. */
static void mark(size_t at, bool all)
{
    for (size_t i = 0; i < trace.count; i++) {
        struct op *o = &trace.ops[i];

        o->applied = trace_changes(o) && i < at && (all || o->durable_at < at);
    }
}

static bool is_pending(size_t op, size_t at)
{
    return trace_changes(&trace.ops[op]) && trace.ops[op].durable_at >= at;
}

/* ---- All images ---- */

static unsigned results[3][RESULT_COUNT];

/* Every moment, everything written so far being there: as after kill -9. */
static void check_prefixes(void)
{
    for (size_t at = 0; at <= trace.count; at++) {
        if (at && !trace_changes(&trace.ops[at - 1]) && trace.ops[at - 1].head.type != TRACE_ACK)
            continue;
        mark(at, true);
        results[0][check_image(at, at, "prefix")]++;
    }
}

/* At the end of an interval, `at` being the sync that did not return: each pending page missing, alone. */
static void check_drops(size_t at)
{
    for (size_t i = 0; i <= at; i++) {
        if (!is_pending(i, at))
            continue;
        mark(at + 1, true);
        trace.ops[i].applied = false;
        results[1][check_image(at, at + 1, "dropped")]++;
    }
}

/* From everywhere in the interval, with some of what was pending. */
static void check_subsets(size_t first, size_t at, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        size_t crash = first + next_random() % (at - first + 1);
        uint64_t share = next_random() % 4; /* of four pages this many arrive, or about half of them */

        mark(crash, false);
        for (size_t i = 0; i <= crash; i++)
            if (is_pending(i, crash))
                trace.ops[i].applied = share ? next_random() % 4 < share : next_random() % 2;
        results[2][check_image(crash, crash + 1, "subset")]++;
    }
}

/* The control: a disk that loses a page it had synced must be noticed, where that page still matters. */
static unsigned check_control(unsigned count)
{
    unsigned noticed = 0;

    quiet = true;
    for (unsigned n = 0; n < count; n++) {
        size_t i;

        do
            i = (size_t)(next_random() % trace.count);
        while (trace.ops[i].head.type != TRACE_WRITE || i < trace.count / 2);
        mark(trace.count, true);
        trace.ops[i].applied = false;
        noticed += check_image(trace.count, trace.count, "control") != WHOLE;
    }
    quiet = false;
    return noticed;
}

static void print(const char *what, const unsigned counts[RESULT_COUNT])
{
    unsigned all = counts[WHOLE] + counts[REFUSED_EARLY] + counts[REFUSED] + counts[BROKEN];

    (void)printf("%-36s %6u: %u whole, %u refused before the store was made, %u after, LOST %u\n", what, all,
                 counts[WHOLE], counts[REFUSED_EARLY], counts[REFUSED], counts[BROKEN]);
}

int main(int argc, char **argv)
{
    unsigned subsets, intervals = 0, msyncs = 0, noticed;
    size_t first = 0;

    if (argc != 5)
        errx(9, "usage: replay TRACE WORK SUBSETS SEED");
    trace_load(&trace, argv[1]);
    work = argv[2];
    subsets = (unsigned)strtoul(argv[3], NULL, 10);
    seed = strtoull(argv[4], NULL, 10);

    check_prefixes();
    for (size_t at = 0; at < trace.count; at++) {
        msyncs += trace.ops[at].head.type == TRACE_MSYNC;
        if (!trace_is_sync(&trace.ops[at]))
            continue;
        intervals++;
        check_drops(at);
        check_subsets(first, at, subsets);
        first = at + 1;
    }
    noticed = check_control(CONTROLS);
    (void)printf("a trace of %zu pages, names and syncs in %u intervals; seed %s\n", trace.count, intervals,
                 argv[4]);
    print("every prefix", results[0]);
    print("every single page or name missing", results[1]);
    print("random subsets of what was pending", results[2]);
    (void)printf("control: %u of %u disks that lost a page already synced were noticed\n", noticed, CONTROLS);
    if (noticed < CONTROLS / 4)
        (void)printf("BROKEN: the check notices too little\n");
    if (msyncs || intervals < 50)
        (void)printf("BROKEN: %u msyncs, %u intervals: this is no trace of the store\n", msyncs, intervals);
    return noticed < CONTROLS / 4 || results[0][BROKEN] || results[1][BROKEN] || results[2][BROKEN] ||
           msyncs || intervals < 50;
}
