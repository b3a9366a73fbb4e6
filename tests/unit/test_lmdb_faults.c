#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include "store/lmdb.h"
#include "tests/unit/store_scene.h"
#include "tests/unit/suite.h"

/*
 * LMDB when the disk fails, is full, or the process is killed.  Its commits
 * are seen and faulted through ld's --wrap=mdb_txn_commit.
 */

/* ---- Commits as LMDB sees them ---- */

int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);

enum place { PHOTOS, KEYRING };

static struct {
    char order[16]; /* 'p' and 'k', as they came */
    enum place fail_at;
    int fail_with;                /* an errno; 0: do not fail */
    unsigned fail_count;          /* how often */
    char exit_after, exit_before; /* 'p' or 'k': the process dies there */
} commits;

static char place_of(MDB_txn *txn)
{
    char link[64], path[256];
    ssize_t len;
    int fd;

    ck_assert_int_eq(mdb_env_get_fd(mdb_txn_env(txn), &fd), 0);
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof path - 1);
    ck_assert_int_gt(len, 0);
    path[len] = '\0';
    return strstr(path, "/keyring/") ? 'k' : 'p';
}

int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    char place = place_of(txn);
    int rc;

    if (strlen(commits.order) < sizeof commits.order - 1)
        commits.order[strlen(commits.order)] = place;
    if (commits.exit_before == place)
        _exit(7);
    if (commits.fail_count && commits.fail_with && (place == 'k') == (commits.fail_at == KEYRING)) {
        commits.fail_count--;
        mdb_txn_abort(txn); /* as a failed commit does */
        return commits.fail_with;
    }
    rc = __real_mdb_txn_commit(txn);
    if (commits.exit_after == place)
        _exit(7);
    return rc;
}

static void fail_commits(enum place where, int rc, unsigned count)
{
    memset(&commits, 0, sizeof commits);
    commits.fail_at = where;
    commits.fail_with = rc;
    commits.fail_count = count;
}

/* ---- LMDB: order and failures ---- */
START_TEST(a_key_is_put_before_its_photo_and_deleted_after)
{
    struct store_batch *b = batch();

    put(b, KIND_STUDENT, "x", "y");
    leaf(b, "no key");
    ck_commit(b);
    ck_assert_str_eq(commits.order, "p");
    ck_commit(photo_batch("x"));
    ck_assert_str_eq(commits.order, "pkp");
    ck_commit(erase_batch("x"));
    ck_assert_str_eq(commits.order + 3, "pk");
    ck_commit(erase_batch("x")); /* nothing to delete: nothing to sync */
    ck_assert_str_eq(commits.order + 5, "p");
}
END_TEST

/* Commits b in a child that dies at a commit of photos or keyring. */
static void crash(struct store_batch *b, char before, char after)
{
    int status;
    pid_t child;

    store_close(s);
    s = NULL;
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct store_outcome outcome;
        struct store_head head;

        if (store_open(&s, dir_fd))
            _exit(1);
        commits.exit_before = before;
        commits.exit_after = after;
        store_commit(s, &b, 1, &outcome, &head);
        _exit(2);
    }
    store_batch_free(b);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
}

START_TEST(a_crash_in_between_leaves_a_key_without_photo_never_the_reverse)
{
    crash(photo_batch("new"), 'p', 0);
    ck_assert(holds(KIND_KEY, "new", "wrapped"));
    ck_assert(holds(KIND_RENDITION, "new", NULL));
    ck_assert_uint_eq(log_size(), 0);
    ck_commit(photo_batch("old"));
    crash(erase_batch("old"), 0, 'p');
    ck_assert(holds(KIND_RENDITION, "old", NULL));
    ck_assert(holds(KIND_KEY, "old", "wrapped")); /* the erasure is still open, and replayed */
    ck_assert_uint_eq(log_size(), 2);
}
END_TEST

START_TEST(no_room_for_the_photo_takes_its_new_key_back)
{
    struct store_batch *b = batch();

    put(b, KIND_KEY, "replaced", "old");
    ck_commit(b);
    b = photo_batch("x");
    put(b, KIND_KEY, "replaced", "new");
    fail_commits(PHOTOS, ENOSPC, 1);
    ck_assert_int_eq(commit_one(b).result, STORE_FULL);
    ck_assert(holds(KIND_KEY, "x", NULL));
    ck_assert(holds(KIND_KEY, "replaced", "old"));
    ck_assert(holds(KIND_RENDITION, "x", NULL));
    ck_assert_uint_eq(log_size(), 0);
    ck_commit(photo_batch("x"));
    ck_assert_uint_eq(log_size(), 1);
}
END_TEST

START_TEST(a_group_without_room_is_tried_batch_by_batch)
{
    struct store_batch *b[3] = {photo_batch("1"), photo_batch("2"), photo_batch("3")};
    struct store_outcome outcomes[3];

    fail_commits(PHOTOS, ENOSPC, 2); /* the group, then the first batch alone */
    commit_group(b, 3, outcomes);
    ck_assert_int_eq(outcomes[0].result, STORE_FULL);
    ck_assert_int_eq(outcomes[1].result, STORE_COMMITTED);
    ck_assert_int_eq(outcomes[2].result, STORE_COMMITTED);
    ck_assert_uint_eq(outcomes[1].first_leaf, 0);
    ck_assert_uint_eq(outcomes[2].first_leaf, 1);
    ck_assert(holds(KIND_KEY, "1", NULL));
    ck_assert(holds(KIND_RENDITION, "2", "picture"));
    reopen();
    ck_assert_uint_eq(log_size(), 2);
}
END_TEST

START_TEST(an_unexplained_write_error_makes_the_store_read_only)
{
    static const enum place places[] = {PHOTOS, KEYRING};

    ck_commit(photo_batch("before"));
    for (int i = 0; i < 2; i++) {
        fail_commits(places[i], EIO, 1);
        ck_assert_int_eq(commit_one(photo_batch(i ? "key" : "photo")).result, STORE_UNKNOWN);
        ck_assert_int_eq(commit_one(photo_batch("y")).result, STORE_READONLY);
        ck_assert_int_eq(commit_one(batch()).result, STORE_READONLY);
        ck_assert(holds(KIND_RENDITION, "before", "picture"));
        ck_assert_uint_eq(log_size(), 1);
        reopen();
    }
    ck_commit(photo_batch("after"));
}
END_TEST

START_TEST(a_key_that_could_not_be_deleted_leaves_its_batch_in_doubt)
{
    struct store_batch *b[2];
    struct store_outcome outcomes[2];

    ck_commit(photo_batch("x"));
    b[0] = erase_batch("x");
    b[1] = batch();
    put(b[1], KIND_CASE, "case", "1");
    fail_commits(KEYRING, ENOSPC, 1);
    commit_group(b, 2, outcomes);
    ck_assert_int_eq(outcomes[0].result, STORE_UNKNOWN);
    ck_assert_int_eq(outcomes[1].result, STORE_COMMITTED);
    ck_assert(holds(KIND_KEY, "x", "wrapped"));
    ck_commit(erase_batch("x")); /* no room is no reason to stop */
    ck_assert(holds(KIND_KEY, "x", NULL));
}
END_TEST

/* ---- LMDB: a full disk ---- */

static enum store_result put_picture(unsigned n, size_t size)
{
    CLEANUP(heap) char *value = malloc(size);
    struct store_batch *b = batch();

    ck_assert_ptr_nonnull(value);
    memset(value, (int)n, size);
    ck_assert_int_eq(store_batch_put(b, KIND_RENDITION, &n, sizeof n, value, size), OK);
    ck_assert_int_eq(store_batch_put(b, KIND_KEY, &n, sizeof n, "wrapped", 7), OK);
    leaf(b, "leaf");
    return commit_one(b).result;
}

static void check_pictures(unsigned from, unsigned to)
{
    for (unsigned n = from; n < to; n++) {
        CLEANUP(buf) struct buf *value = NULL;

        ck_assert_int_eq(buf_new(&value, 1 << 20), OK);
        ck_assert_int_eq(store_get(s, KIND_RENDITION, &n, sizeof n, value), OK);
        ck_assert_uint_eq(buf_len(value), 65536);
        for (size_t i = 0; i < 65536; i += 511)
            ck_assert_uint_eq(buf_bytes(value)[i], n & 0xFF);
    }
}

static void fill_up_and_make_room(void)
{
    struct store_batch *b[2] = {batch(), batch()};
    struct store_outcome outcomes[2];
    CLEANUP(heap) char *large = calloc(1, 1 << 20);
    unsigned n = 0, first = 0;

    while (put_picture(n, 65536) == STORE_COMMITTED)
        n++;
    ck_assert_uint_gt(n, 20);
    ck_assert_int_eq(put_picture(n, 65536), STORE_FULL);
    ck_assert_uint_eq(count_of(KIND_RENDITION), n);
    ck_assert_uint_eq(count_of(KIND_KEY), n);
    ck_assert_uint_eq(log_size(), n);

    ck_assert_int_eq(store_batch_put(b[0], KIND_RENDITION, "large", 5, large, 1 << 20), OK);
    leaf(b[0], "an upload");
    leaf(b[1], "a lookup");
    commit_group(b, 2, outcomes);
    ck_assert_int_eq(outcomes[0].result, STORE_FULL);
    ck_assert_int_eq(outcomes[1].result, STORE_COMMITTED);
    check_pictures(0, n);

    for (; first < 8; first++) {
        struct store_batch *d = batch();

        ck_assert_int_eq(store_batch_delete(d, KIND_RENDITION, &first, sizeof first), OK);
        ck_assert_int_eq(store_batch_delete(d, KIND_KEY, &first, sizeof first), OK);
        ck_commit(d);
    }
    ck_assert_int_eq(put_picture(n, 65536), STORE_COMMITTED);
    check_pictures(first, n + 1);
}

START_TEST(a_full_map_refuses_uploads_and_nothing_else)
{
    store_close(s);
    s = NULL;
    ck_assert_int_eq(lmdb_open(&s, dir_fd, 8u << 20), OK);
    fill_up_and_make_room();
    reopen();
    ck_assert_uint_gt(count_of(KIND_RENDITION), 20);
}
END_TEST

START_TEST(a_full_disk_refuses_uploads_and_nothing_else)
{
    store_close(s);
    s = NULL;
    (void)close(dir_fd);
    dir_fd = -1;
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", dir, "tmpfs", 0, "size=8m")) {
        (void)printf("skipped: a_full_disk_refuses_uploads_and_nothing_else: cannot mount a tmpfs: %s\n",
                     strerror(errno));
        return;
    }
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(dir_fd, 0);
    ck_assert_int_eq(store_create(dir_fd), OK);
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
    fill_up_and_make_room();
    reopen();
    store_close(s);
    s = NULL;
    (void)close(dir_fd);
    dir_fd = -1;
    ck_assert_int_eq(umount(dir), 0); /* what setup made lies below */
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}
END_TEST

/* ---- LMDB: kill -9 ---- */

/* Commits pictures in groups, and says after each how far it is acknowledged. */
static void commit_until_killed(uint32_t next, int out)
{
    static const size_t group_max = 5;

    if (store_open(&s, dir_fd))
        _exit(1);
    for (size_t count = 1;; count = count % group_max + 1) {
        struct store_batch *b[5];
        struct store_outcome outcomes[5];
        struct store_head head;
        char value[9000];

        for (size_t i = 0; i < count; i++) {
            uint32_t n = next + (uint32_t)i;

            memset(value, (int)n, sizeof value);
            if (store_batch_new(&b[i]) || store_batch_put(b[i], KIND_KEY, &n, sizeof n, "wrapped", 7) ||
                store_batch_put(b[i], KIND_RENDITION, &n, sizeof n, value, sizeof value) ||
                store_batch_put(b[i], KIND_STUDENT, &n, sizeof n, value, 100) ||
                store_batch_leaf(b[i], &n, sizeof n, value, 50))
                _exit(2);
        }
        store_commit(s, b, count, outcomes, &head);
        for (size_t i = 0; i < count; i++) {
            if (outcomes[i].result != STORE_COMMITTED || outcomes[i].first_leaf != next + i)
                _exit(3);
            store_batch_free(b[i]);
        }
        next += (uint32_t)count;
        if (write(out, &next, sizeof next) != sizeof next)
            _exit(4);
    }
}

static void check_record(uint32_t n)
{
    CLEANUP(buf) struct buf *value = NULL;

    ck_assert_int_eq(buf_new(&value, 10000), OK);
    ck_assert_int_eq(store_get(s, KIND_KEY, &n, sizeof n, value), OK);
    buf_truncate(value, 0);
    ck_assert_int_eq(store_get(s, KIND_RENDITION, &n, sizeof n, value), OK);
    ck_assert_uint_eq(buf_len(value), 9000);
    ck_assert_uint_eq(buf_bytes(value)[8999], n & 0xFF);
}

START_TEST(kill_9_at_any_moment_loses_nothing_acknowledged)
{
    const char *wanted = getenv("STORE_KILLS");
    unsigned kills = wanted ? (unsigned)atoi(wanted) : 50;
    uint32_t acknowledged = 0, stored = 0;

    store_close(s);
    s = NULL;
    for (unsigned round = 0; round < kills; round++) {
        int pipe_fds[2], status;
        pid_t child;

        ck_assert_int_eq(pipe(pipe_fds), 0);
        child = fork();
        if (child == 0)
            commit_until_killed(stored, pipe_fds[1]);
        (void)close(pipe_fds[1]);
        /* Every fourth is killed wherever it is, the others after they have acknowledged something. */
        if (round % 4)
            ck_assert_int_eq(read(pipe_fds[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
        (void)usleep((unsigned)rand() % 20000);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status));
        while (read(pipe_fds[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged)
            ;
        (void)close(pipe_fds[0]);

        ck_assert_int_eq(store_open(&s, dir_fd), OK);
        stored = (uint32_t)log_size();
        ck_assert_uint_ge(stored, acknowledged);
        ck_assert_uint_eq(count_of(KIND_RENDITION), stored);
        ck_assert_uint_eq(count_of(KIND_STUDENT), stored);
        ck_assert_uint_eq(count_of(KIND_LEAF), stored);
        ck_assert_uint_eq(count_of(KIND_DETAIL), stored);
        ck_assert_uint_ge(count_of(KIND_KEY), stored);
        /* The newest, and some of all: looking at all of them each time would grow with the square. */
        for (uint32_t n = stored < 50 ? 0 : stored - 50; n < stored; n++)
            check_record(n);
        for (unsigned i = 0; i < 50 && stored; i++)
            check_record((uint32_t)rand() % stored);
        store_close(s);
        s = NULL;
    }
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
    for (uint32_t n = 0; n < stored; n++)
        check_record(n);
    ck_assert_uint_ge(acknowledged, kills / 2);
    (void)printf("%u kills, %u batches acknowledged, 0 lost\n", kills, acknowledged);
}
END_TEST

static void setup(void)
{
    scene_setup_lmdb();
    memset(&commits, 0, sizeof commits);
}

SUITE_IN("lmdb faults", setup, scene_teardown, a_key_is_put_before_its_photo_and_deleted_after,
         a_crash_in_between_leaves_a_key_without_photo_never_the_reverse,
         no_room_for_the_photo_takes_its_new_key_back, a_group_without_room_is_tried_batch_by_batch,
         an_unexplained_write_error_makes_the_store_read_only,
         a_key_that_could_not_be_deleted_leaves_its_batch_in_doubt,
         a_full_map_refuses_uploads_and_nothing_else, a_full_disk_refuses_uploads_and_nothing_else,
         kill_9_at_any_moment_loses_nothing_acknowledged)
