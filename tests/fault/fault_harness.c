#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "store/tiles.h"
#include "tests/fault/check.h"

/*
 * fault_harness commit DIR ACKS   makes a store and commits the script; says in ACKS what it was told
 * fault_harness check DIR ACKS    compares the store with that; exits with an enum verdict
 *
 * The first is run below libfaultio.so or libtrace.so, the second never.
 */
#define ACKS_MAX 64

/* Of the libraries loaded before us, if any. */
void faultio_start(void) __attribute__((weak));
unsigned long faultio_stop(void) __attribute__((weak));
void trace_acknowledge(const void *bytes, size_t len) __attribute__((weak));

/* Not by write(2)'s function: a fault must not hit it, and it is no part of the store's trace. */
static void acknowledge(int fd, const struct ack *a)
{
    if (syscall(SYS_write, fd, a, sizeof *a) != sizeof *a)
        _exit(9);
    if (trace_acknowledge)
        trace_acknowledge(a, sizeof *a);
}

static unsigned counts[STORE_CORRUPT + 1], compacted, published;

/* A batch that cannot be made, for want of memory, is not committed. */
static unsigned make_group(struct store_batch **batches, unsigned *numbers, unsigned first, unsigned size)
{
    unsigned made = 0;

    for (unsigned n = first; n < first + size && n < SCRIPT_BATCHES; n++)
        if (!script_batch(&batches[made], n))
            numbers[made++] = n;
    return made;
}

/* Now and then the files are rewritten and the log's files published; only below libfaultio.so, whose faults
 * these calls must survive, too. */
static void look_after(struct store *s, int log_fd, unsigned group, const struct store_head *head)
{
    static const enum store_file files[] = {STORE_KEYRING, STORE_PHOTOS};
    CLEANUP(tiles) struct tiles *t = NULL;
    struct store_compacted c;

    if (!faultio_start || log_fd < 0)
        return;
    if (group % 6 == 4 && !store_compact(s, files[group / 6 % 2], &c))
        compacted++;
    if (group % 3 == 1 && !tiles_open(&t, s, log_fd) && !tiles_publish(t, head, "a checkpoint", 12))
        published++;
}

static void commit_script(struct store *s, int log_fd, int acks_fd)
{
    for (unsigned group = 0, first = 0; first < SCRIPT_BATCHES; first += script_group(group++)) {
        struct store_batch *batches[8];
        struct store_outcome outcomes[8];
        unsigned numbers[8], made = make_group(batches, numbers, first, script_group(group));
        struct store_head head;

        if (made)
            store_commit(s, batches, made, outcomes, &head);
        for (unsigned i = 0; i < made; i++) {
            struct ack a = {numbers[i], outcomes[i].result, outcomes[i].first_leaf, head};

            counts[outcomes[i].result]++;
            acknowledge(acks_fd, &a);
            store_batch_free(batches[i]);
        }
        if (made)
            look_after(s, log_fd, group, &head);
    }
}

static int log_dir(int dir_fd)
{
    (void)!mkdirat(dir_fd, "log", 0700);
    return openat(dir_fd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int commit(int dir_fd, const char *acks_path)
{
    CLEANUP(fd) int acks_fd = open(acks_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    const struct ack made = {.batch = ACK_MADE};
    CLEANUP(fd) int log_fd = log_dir(dir_fd);
    struct store *s = NULL;
    unsigned long injected = 0;
    enum err e;

    if (acks_fd < 0)
        return 9;
    if (faultio_start)
        faultio_start();
    e = store_create(dir_fd);
    if (!e) {
        acknowledge(acks_fd, &made);
        e = store_open(&s, dir_fd);
    }
    if (!e)
        commit_script(s, log_fd, acks_fd);
    store_close(s);
    if (faultio_stop)
        injected = faultio_stop();
    (void)printf("commit injected %lu acknowledged %u conflict %u full %u readonly %u unknown %u corrupt %u "
                 "notopened %d compacted %u published %u\n",
                 injected, counts[STORE_COMMITTED], counts[STORE_CONFLICT], counts[STORE_FULL],
                 counts[STORE_READONLY], counts[STORE_UNKNOWN], counts[STORE_CORRUPT], e != OK, compacted,
                 published);
    return 0;
}

/* The log's files are checked, repaired and brought up to the store. */
static bool log_is_whole(int dir_fd)
{
    CLEANUP(fd) int log_fd = log_dir(dir_fd);
    CLEANUP(store) struct store *s = NULL;
    CLEANUP(tiles) struct tiles *t = NULL;
    struct store_head head;

    return log_fd >= 0 && !store_open(&s, dir_fd) && !store_log_head(s, &head) &&
           !tiles_open(&t, s, log_fd) && !tiles_publish(t, &head, "a checkpoint", 12);
}

static int check(int dir_fd, const char *acks_path)
{
    CLEANUP(fd) int acks_fd = open(acks_path, O_RDONLY | O_CLOEXEC);
    struct ack acks[ACKS_MAX];
    ssize_t len = read(acks_fd, acks, sizeof acks);
    size_t count;
    unsigned orphans = 0;
    enum verdict v;

    if (len < 0 || (size_t)len % sizeof acks[0] != 0)
        return 9;
    count = (size_t)len / sizeof acks[0];
    v = check_store(dir_fd, acks, count, &orphans);
    if (v == CHECK_WHOLE && !log_is_whole(dir_fd)) {
        (void)printf("BROKEN: the log's files\n");
        v = CHECK_BROKEN;
    }
    (void)printf("made %d orphans %u\n", count > 0, orphans);
    return (int)v;
}

int main(int argc, char **argv)
{
    CLEANUP(fd) int dir_fd = argc == 4 ? open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (dir_fd < 0) {
        (void)fprintf(stderr, "usage: fault_harness commit|check DIR ACKS\n");
        return 9;
    }
    return strcmp(argv[1], "commit") == 0 ? commit(dir_fd, argv[3]) : check(dir_fd, argv[3]);
}
