#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "store/lmdb_compact.h"
#include "tests/unit/store_scene.h"
#include "tests/unit/suite.h"

/* Compacting: what was replaced or deleted is no longer in the file, and nothing else is lost. */

int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static struct {
    char exit_at; /* 's': at the copy's sync; 'b', 'a': before, after the renaming; 'd': at the directory's */
    int fail_rename;  /* an errno; 0: do not fail */
    unsigned renames; /* seen */
} seam;

int __wrap_fsync(int fd)
{
    if (seam.exit_at == 's' || (seam.exit_at == 'd' && seam.renames))
        _exit(7);
    return __real_fsync(fd);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    int rc;

    if (seam.exit_at == 'b')
        _exit(7);
    if (seam.fail_rename) {
        errno = seam.fail_rename;
        return -1;
    }
    rc = __real_renameat(from_fd, from, to_fd, to);
    seam.renames++;
    if (seam.exit_at == 'a')
        _exit(7);
    return rc;
}

#define KEYS 400

static void key_value(char out[static 60], unsigned n, unsigned epoch)
{
    (void)snprintf(out, 60, "wrapped key %u under ring key %u, and some more bytes", n, epoch);
}

static void wrap_all(unsigned epoch)
{
    for (unsigned n = 0; n < KEYS; n += 50) {
        struct store_batch *b = batch();

        for (unsigned i = n; i < n + 50; i++) {
            char key[16], value[60];

            (void)snprintf(key, sizeof key, "child %u", i);
            key_value(value, i, epoch);
            put(b, KIND_KEY, key, value);
        }
        leaf(b, "wrapped");
        ck_commit(b);
    }
}

/* How many of the values of this epoch stand in the keyring's file. */
static unsigned in_file(unsigned epoch)
{
    CLEANUP(heap) char *bytes = NULL;
    int fd = openat(dir_fd, "keyring/data.mdb", O_RDONLY | O_CLOEXEC);
    struct stat st;
    unsigned found = 0;

    ck_assert_int_eq(fstat(fd, &st), 0);
    bytes = malloc((size_t)st.st_size);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
    (void)close(fd);
    for (unsigned n = 0; n < KEYS; n++) {
        char value[60];

        key_value(value, n, epoch);
        found += memmem(bytes, (size_t)st.st_size, value, strlen(value)) != NULL;
    }
    return found;
}

static void check_all(unsigned epoch)
{
    ck_assert_uint_eq(count_of(KIND_KEY), KEYS);
    for (unsigned n = 0; n < KEYS; n++) {
        char key[16], value[60];

        (void)snprintf(key, sizeof key, "child %u", n);
        key_value(value, n, epoch);
        ck_assert(holds(KIND_KEY, key, value));
    }
}

START_TEST(no_replaced_or_deleted_key_is_left_in_the_file)
{
    struct store_compacted c;
    struct store_batch *b;

    wrap_all(1);
    wrap_all(2);
    ck_assert_uint_gt(in_file(1), 0); /* the control: LMDB leaves them in free pages */
    (void)printf("after every key was wrapped anew, %u of %u old ones are in the file", in_file(1), KEYS);
    b = batch();
    del(b, KIND_KEY, "child 7");
    ck_commit(b);
    b = batch();
    put(b, KIND_KEY, "child 7", "another");
    ck_commit(b);
    ck_assert_int_eq(store_compact(s, STORE_KEYRING, &c), OK);
    (void)printf("; after compacting %u (%llu bytes to %llu)\n", in_file(1),
                 (unsigned long long)c.bytes_before, (unsigned long long)c.bytes_after);
    ck_assert_uint_eq(in_file(1), 0);
    ck_assert_uint_eq(in_file(2), KEYS - 1);
    ck_assert_uint_lt(c.bytes_after, c.bytes_before);
    ck_assert(holds(KIND_KEY, "child 7", "another"));
}
END_TEST

START_TEST(a_crash_at_any_point_leaves_a_whole_keyring)
{
    static const char points[] = "sbad";
    struct store_compacted c;
    int status;

    wrap_all(1);
    for (unsigned i = 0; points[i]; i++) {
        pid_t child;

        store_close(s);
        s = NULL;
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            if (store_open(&s, dir_fd))
                _exit(1);
            seam.exit_at = points[i];
            _exit(store_compact(s, STORE_KEYRING, &c) ? 2 : 3);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(WEXITSTATUS(status), 7);
        ck_assert_int_eq(faccessat(dir_fd, "keyring/" LMDB_COMPACT_NEW, F_OK, 0), i < 2 ? 0 : -1);
        ck_assert_int_eq(store_open(&s, dir_fd), OK);
        ck_assert_int_ne(faccessat(dir_fd, "keyring/" LMDB_COMPACT_NEW, F_OK, 0), 0);
        check_all(1);
    }
    ck_assert_int_eq(store_compact(s, STORE_KEYRING, &c), OK);
    wrap_all(2);
    check_all(2);
}
END_TEST

START_TEST(what_cannot_be_put_in_place_stops_all_writing)
{
    struct store_compacted c;

    wrap_all(1);
    seam.fail_rename = EIO;
    ck_assert_int_eq(store_compact(s, STORE_KEYRING, &c), ERR_IO);
    ck_assert_int_eq(commit_one(batch()).result, STORE_READONLY);
    seam.fail_rename = 0;
    check_all(1);
    reopen();
    check_all(1);
    wrap_all(2);
}
END_TEST

static atomic_bool stop;
static atomic_uint reads;

static void *read_on(void *unused)
{
    (void)unused;
    while (!stop)
        for (unsigned n = 0; n < KEYS && !stop; n += 7) {
            char key[16], value[60];

            (void)snprintf(key, sizeof key, "child %u", n);
            key_value(value, n, 1);
            if (!holds(KIND_KEY, key, value))
                return (void *)(uintptr_t)1;
            reads++;
        }
    return NULL;
}

START_TEST(reads_go_on_while_it_is_compacted)
{
    pthread_t readers[3];
    struct store_compacted c;
    void *failed;

    wrap_all(1);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_on, NULL), 0);
    for (unsigned n = 0; n < 40; n++)
        ck_assert_int_eq(store_compact(s, STORE_KEYRING, &c), OK);
    stop = true;
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(readers[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_gt(reads, 0);
    (void)printf("40 times compacted, %u reads meanwhile, each the same\n", reads);
}
END_TEST

static void setup(void)
{
    scene_setup_lmdb();
    memset(&seam, 0, sizeof seam);
}

SUITE_IN("lmdb compact", setup, scene_teardown, no_replaced_or_deleted_key_is_left_in_the_file,
         a_crash_at_any_point_leaves_a_whole_keyring, what_cannot_be_put_in_place_stops_all_writing,
         reads_go_on_while_it_is_compacted)
