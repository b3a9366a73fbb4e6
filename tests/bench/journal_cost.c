/* What the change journal costs a commit: the same lookups' groups with and without it, in time and bytes
 * written. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "store/journal.h"

#define COMMITS 4000u
#define ROUND   200u /* in turns, so that what else the machine does hits both */

struct side {
    struct store *store;
    double us[COMMITS];
    unsigned count;
    uint64_t bytes;
};

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint64_t written(void)
{
    unsigned long long bytes = 0;
    CLEANUP(file) FILE *f = fopen("/proc/self/io", "re");

    if (!f || fscanf(f, "rchar: %*u wchar: %llu", &bytes) != 1)
        return 0;
    return bytes;
}

/* What a release commits: its case, its leaf and the sealed side record. */
static enum err commit(struct side *s)
{
    CLEANUP(store_batch) struct store_batch *b = NULL;
    unsigned char key[16] = {0}, bytes[600] = {0};
    struct store_outcome outcome;
    struct store_head head;
    double start;

    memcpy(key, &s->count, sizeof s->count);
    TRY(store_batch_new(&b));
    TRY(store_batch_put(b, KIND_CASE, key, sizeof key, bytes, 150));
    TRY(store_batch_leaf(b, bytes, 400, bytes, sizeof bytes));
    start = now_us();
    store_commit(s->store, &b, 1, &outcome, &head);
    s->us[s->count++] = now_us() - start;
    return outcome.result == STORE_COMMITTED ? OK : ERR_IO;
}

static enum err open_side(struct side *s, const char *dir, const char *name, uint64_t kept)
{
    char path[200];
    CLEANUP(fd) int fd = -1;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (mkdir(path, 0700))
        return ERR_IO;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TRY(store_create(fd));
    TRY(store_open(&s->store, fd));
    journal_keep(s->store, kept);
    return OK;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static enum err run(struct side *with, struct side *without)
{
    while (with->count < COMMITS)
        for (int turn = 0; turn < 2; turn++) {
            struct side *s = turn ? without : with;
            uint64_t before = written();

            for (unsigned i = 0; i < ROUND; i++)
                TRY(commit(s));
            s->bytes += written() - before;
        }
    return OK;
}

int main(int argc, char **argv)
{
    static struct side with, without;
    enum err e = argc == 2 ? OK : ERR_MALFORMED;

    if (!e)
        e = open_side(&with, argv[1], "with", JOURNAL_KEPT);
    if (!e)
        e = open_side(&without, argv[1], "without", 0);
    if (!e)
        e = run(&with, &without);
    if (e) {
        (void)fprintf(stderr, "usage: journal-cost EMPTY-DIRECTORY (%s)\n", err_name(e));
        return 1;
    }
    qsort(with.us, COMMITS, sizeof(double), compare);
    qsort(without.us, COMMITS, sizeof(double), compare);
    (void)printf("%u commits of one release each: median %.0f us with the journal, %.0f without: ratio %.2f; "
                 "%.1f and %.1f KiB written a commit: ratio %.2f\n",
                 COMMITS, with.us[COMMITS / 2], without.us[COMMITS / 2],
                 with.us[COMMITS / 2] / without.us[COMMITS / 2], (double)with.bytes / COMMITS / 1024,
                 (double)without.bytes / COMMITS / 1024, (double)with.bytes / (double)without.bytes);
    store_close(with.store);
    store_close(without.store);
    return 0;
}
