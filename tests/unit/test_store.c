#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "store/lmdb.h"
#include "store/memory.h"
#include "store/merkle.h"
#include "store/store.h"

/*
 * The tests of the first part run unchanged over every backend in the table
 * at the end.  Those of the second are about LMDB's files; they see and
 * fault its commits through ld's --wrap=mdb_txn_commit.
 */
static struct store *s;
static char dir[64];
static int dir_fd = -1;

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

/* ---- Helpers ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void make_dir(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/photod-store.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(dir_fd, 0);
}

static void setup_lmdb(void)
{
    make_dir();
    ck_assert_int_eq(store_create(dir_fd), OK);
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
    memset(&commits, 0, sizeof commits);
}

static void setup_memory(void)
{
    ck_assert_int_eq(store_open_memory(&s), OK);
}

static void teardown(void)
{
    store_close(s);
    s = NULL;
    if (dir_fd < 0)
        return;
    (void)close(dir_fd);
    dir_fd = -1;
    (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void reopen(void)
{
    if (dir_fd < 0) /* memory: it has no other life */
        return;
    store_close(s);
    s = NULL;
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
}

static struct store_batch *batch(void)
{
    struct store_batch *b;

    ck_assert_int_eq(store_batch_new(&b), OK);
    return b;
}

static void put(struct store_batch *b, enum store_kind kind, const char *key, const char *value)
{
    ck_assert_int_eq(store_batch_put(b, kind, key, strlen(key), value, strlen(value)), OK);
}

static void del(struct store_batch *b, enum store_kind kind, const char *key)
{
    ck_assert_int_eq(store_batch_delete(b, kind, key, strlen(key)), OK);
}

static void expect(struct store_batch *b, enum store_kind kind, const char *key, const char *value)
{
    ck_assert_int_eq(store_batch_expect(b, kind, key, strlen(key), value, value ? strlen(value) : 0), OK);
}

static void leaf(struct store_batch *b, const char *text)
{
    ck_assert_int_eq(store_batch_leaf(b, text, strlen(text), "", 0), OK);
}

/* Commits and frees the batches. */
static void commit_group(struct store_batch **batches, size_t count, struct store_outcome *outcomes)
{
    struct store_head head, shown;

    store_commit(s, batches, count, outcomes, &head);
    ck_assert_int_eq(store_log_head(s, &shown), OK);
    ck_assert_uint_eq(shown.size, head.size);
    ck_assert_mem_eq(shown.root, head.root, sizeof head.root);
    for (size_t i = 0; i < count; i++)
        store_batch_free(batches[i]);
}

static struct store_outcome commit_one(struct store_batch *b)
{
    struct store_outcome outcome;

    commit_group(&b, 1, &outcome);
    return outcome;
}

#define ck_commit(b) ck_assert_int_eq(commit_one(b).result, STORE_COMMITTED)

static bool holds(enum store_kind kind, const char *key, const char *value)
{
    CLEANUP(buf) struct buf *b = NULL;
    enum err e;

    ck_assert_int_eq(buf_new(&b, STORE_VALUE_MAX), OK);
    e = store_get(s, kind, key, strlen(key), b);
    ck_assert(e == OK || e == ERR_NOTFOUND);
    if (e || !value)
        return e == ERR_NOTFOUND && !value;
    return buf_len(b) == strlen(value) && memcmp(buf_bytes(b), value, buf_len(b)) == 0;
}

static uint64_t count_of(enum store_kind kind)
{
    uint64_t count;

    ck_assert_int_eq(store_count(s, kind, &count), OK);
    return count;
}

static uint64_t log_size(void)
{
    struct store_head head;

    ck_assert_int_eq(store_log_head(s, &head), OK);
    return head.size;
}

/* ---- Every backend ---- */

START_TEST(a_committed_batch_is_there_whole)
{
    struct store_batch *b = batch();

    put(b, KIND_STUDENT, "sid", "record");
    put(b, KIND_RENDITION, "sid1", "picture");
    put(b, KIND_KEY, "sid1", "wrapped");
    put(b, KIND_META, "heartbeat", "");
    leaf(b, "a leaf");
    ck_commit(b);
    for (int round = 0; round < 2; round++, reopen()) {
        ck_assert(holds(KIND_STUDENT, "sid", "record"));
        ck_assert(holds(KIND_RENDITION, "sid1", "picture"));
        ck_assert(holds(KIND_KEY, "sid1", "wrapped"));
        ck_assert(holds(KIND_META, "heartbeat", ""));
        ck_assert(holds(KIND_STUDENT, "sid1", NULL));
        ck_assert_uint_eq(count_of(KIND_STUDENT), 1);
        ck_assert_uint_eq(count_of(KIND_LEAF), 1);
        ck_assert_uint_eq(log_size(), 1);
    }
}
END_TEST

START_TEST(a_conflict_skips_its_batch_and_no_other)
{
    struct store_batch *b[3] = {batch(), batch(), batch()};
    struct store_outcome outcomes[3];

    put(b[0], KIND_STUDENT, "a", "1");
    leaf(b[0], "first");
    put(b[1], KIND_STUDENT, "b", "1");
    put(b[1], KIND_KEY, "b", "1");
    leaf(b[1], "never");
    expect(b[1], KIND_STUDENT, "a", NULL); /* added last, and yet checked first */
    put(b[2], KIND_STUDENT, "c", "1");
    leaf(b[2], "second");
    commit_group(b, 3, outcomes);
    ck_assert_int_eq(outcomes[0].result, STORE_COMMITTED);
    ck_assert_int_eq(outcomes[1].result, STORE_CONFLICT);
    ck_assert_int_eq(outcomes[2].result, STORE_COMMITTED);
    ck_assert_uint_eq(outcomes[0].first_leaf, 0);
    ck_assert_uint_eq(outcomes[2].first_leaf, 1);
    ck_assert(holds(KIND_STUDENT, "a", "1"));
    ck_assert(holds(KIND_STUDENT, "b", NULL));
    ck_assert(holds(KIND_KEY, "b", NULL));
    ck_assert(holds(KIND_STUDENT, "c", "1"));
    ck_assert_uint_eq(log_size(), 2);
    ck_assert_uint_eq(count_of(KIND_LEAF), 2);
}
END_TEST

START_TEST(a_group_all_in_conflict_changes_nothing)
{
    struct store_batch *b[2] = {batch(), batch()};
    struct store_outcome outcomes[2];

    for (int i = 0; i < 2; i++) {
        expect(b[i], KIND_CASE, "none", "x");
        put(b[i], KIND_CASE, "one", "x");
        leaf(b[i], "leaf");
    }
    commit_group(b, 2, outcomes);
    ck_assert_int_eq(outcomes[0].result, STORE_CONFLICT);
    ck_assert_int_eq(outcomes[1].result, STORE_CONFLICT);
    ck_assert_uint_eq(count_of(KIND_CASE), 0);
    ck_assert_uint_eq(log_size(), 0);
}
END_TEST

START_TEST(a_later_batch_sees_the_earlier_one)
{
    struct store_batch *b[4] = {batch(), batch(), batch(), batch()};
    struct store_outcome outcomes[4];
    static const enum store_kind kinds[] = {KIND_CASE, KIND_KEY};

    for (int i = 0; i < 2; i++) {
        put(b[0], kinds[i], "x", "1");
        expect(b[1], kinds[i], "x", "1");
        del(b[1], kinds[i], "x");
        expect(b[2], kinds[i], "x", NULL);
        put(b[2], kinds[i], "x", "2");
        expect(b[3], kinds[i], "x", "1"); /* no longer */
        put(b[3], kinds[i], "x", "3");
    }
    commit_group(b, 4, outcomes);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(outcomes[i].result, STORE_COMMITTED);
    ck_assert_int_eq(outcomes[3].result, STORE_CONFLICT);
    ck_assert(holds(KIND_CASE, "x", "2"));
    ck_assert(holds(KIND_KEY, "x", "2"));
}
END_TEST

START_TEST(expectations_tell_absent_empty_and_other_values_apart)
{
    static const char *const present[] = {NULL, "", "value", "valuf", "valu", "value1"};
    struct store_batch *b;

    for (unsigned is = 0; is < 3; is++)
        for (unsigned said = 0; said < 6; said++)
            for (unsigned kind = 0; kind < 2; kind++) {
                enum store_kind k = kind ? KIND_KEY : KIND_PRINCIPAL;
                struct store_outcome outcome;

                b = batch();
                if (present[is])
                    put(b, k, "x", present[is]);
                else
                    del(b, k, "x");
                ck_commit(b);
                b = batch();
                expect(b, k, "x", present[said]);
                put(b, KIND_CASE, "seen", "");
                outcome = commit_one(b);
                ck_assert_int_eq(outcome.result, is == said ? STORE_COMMITTED : STORE_CONFLICT);
            }
}
END_TEST

START_TEST(leaves_are_numbered_without_gaps)
{
    uint64_t next = 0;

    for (unsigned round = 0; round < 60; round++) {
        struct store_batch *b[5];
        struct store_outcome outcomes[5];

        for (unsigned i = 0; i < 5; i++) {
            b[i] = batch();
            for (unsigned n = 0; n < i; n++)
                leaf(b[i], "x");
            if (i == 3)
                expect(b[i], KIND_CASE, "none", "conflict");
        }
        commit_group(b, 5, outcomes);
        for (unsigned i = 0; i < 5; i++) {
            if (outcomes[i].result != STORE_COMMITTED)
                continue;
            ck_assert_uint_eq(outcomes[i].first_leaf, next);
            next += i;
        }
        ck_assert_uint_eq(log_size(), next);
    }
    ck_assert_uint_eq(count_of(KIND_LEAF), next);
    reopen();
    ck_assert_uint_eq(log_size(), next);
}
END_TEST

static void check_proofs(uint64_t size, const unsigned char *root)
{
    char text[24];
    unsigned char hash[MERKLE_HASH], found[MERKLE_HASH];

    for (uint64_t index = 0; index < size; index += index < 20 || index + 20 > size ? 1 : 37) {
        CLEANUP(buf) struct buf *proof = NULL;
        int len = snprintf(text, sizeof text, "leaf %u", (unsigned)index);

        ck_assert_int_eq(buf_new(&proof, 64 * MERKLE_HASH), OK);
        ck_assert_int_eq(store_log_proof(s, index, size, proof), OK);
        merkle_leaf_hash(hash, text, (size_t)len);
        ck_assert_int_eq(
            merkle_proof_root(found, hash, index, size, buf_bytes(proof), buf_len(proof) / MERKLE_HASH), OK);
        ck_assert_mem_eq(found, root, MERKLE_HASH);
    }
}

START_TEST(proofs_lead_to_the_head_also_after_reopen)
{
    struct store_head at300 = {0}, head;
    CLEANUP(buf) struct buf *proof = NULL;

    for (unsigned i = 0; i < 700; i++) {
        struct store_batch *b = batch();
        char text[24];

        for (; i % 7 != 6; i++) {
            (void)snprintf(text, sizeof text, "leaf %u", i);
            leaf(b, text);
        }
        (void)snprintf(text, sizeof text, "leaf %u", i);
        leaf(b, text);
        ck_commit(b);
        ck_assert_int_eq(store_log_head(s, &head), OK);
        if (head.size == 301)
            at300 = head;
    }
    ck_assert_uint_eq(head.size, 700);
    for (int round = 0; round < 2; round++, reopen()) {
        check_proofs(700, head.root);
        check_proofs(301, at300.root);
    }
    ck_assert_int_eq(buf_new(&proof, 4096), OK);
    ck_assert_int_eq(store_log_proof(s, 700, 700, proof), ERR_NOTFOUND);
    ck_assert_int_eq(store_log_proof(s, 0, 701, proof), ERR_NOTFOUND);
}
END_TEST

START_TEST(a_side_record_stands_beside_its_leaf)
{
    static const char index[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    CLEANUP(buf) struct buf *value = NULL;
    struct store_batch *b = batch();

    leaf(b, "without");
    ck_assert_int_eq(store_batch_leaf(b, "with", 4, "details", 7), OK);
    ck_commit(b);
    ck_assert_uint_eq(count_of(KIND_DETAIL), 1);
    ck_assert_int_eq(buf_new(&value, 100), OK);
    ck_assert_int_eq(store_get(s, KIND_DETAIL, index, 8, value), OK);
    ck_assert_str_eq(buf_text(value), "details");
    buf_truncate(value, 0);
    ck_assert_int_eq(store_get(s, KIND_LEAF, index, 8, value), OK);
    ck_assert_str_eq(buf_text(value), "with");
}
END_TEST

static enum err collect(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                        size_t value_len)
{
    struct buf *b = context;

    TRY(buf_append(b, key, key_len));
    TRY(buf_append(b, "=", 1));
    TRY(buf_append(b, value, value_len));
    return buf_append(b, ";", 1);
}

static void check_walk(const char *prefix, size_t max, enum err result, const char *expected)
{
    CLEANUP(buf) struct buf *b = NULL;

    ck_assert_int_eq(buf_new(&b, max), OK);
    ck_assert_int_eq(store_walk(s, KIND_ROW, prefix, strlen(prefix), collect, b), result);
    if (!result)
        ck_assert_str_eq(buf_text(b), expected);
}

START_TEST(a_walk_visits_its_prefix_in_order_and_ends_when_told)
{
    static const char *const keys[] = {"b2", "a", "b", "c", "b10", "b1", "\xff\xff"};
    struct store_batch *b = batch();

    check_walk("", 999, OK, "");
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++)
        put(b, KIND_ROW, keys[i], "v");
    ck_commit(b);
    check_walk("b", 999, OK, "b=v;b1=v;b10=v;b2=v;");
    check_walk("", 999, OK, "a=v;b=v;b1=v;b10=v;b2=v;c=v;\xff\xff=v;");
    check_walk("\xff\xff", 999, OK, "\xff\xff=v;");
    check_walk("d", 999, OK, "");
    check_walk("b", 6, ERR_LIMIT, NULL);
}
END_TEST

START_TEST(a_value_can_be_replaced_and_deleted_twice)
{
    struct store_batch *b = batch();

    put(b, KIND_ERASURE, "x", "1");
    put(b, KIND_ERASURE, "x", "22");
    ck_commit(b);
    ck_assert(holds(KIND_ERASURE, "x", "22"));
    for (int i = 0; i < 2; i++) {
        b = batch();
        del(b, KIND_ERASURE, "x");
        del(b, KIND_KEY, "x");
        ck_commit(b);
        ck_assert(holds(KIND_ERASURE, "x", NULL));
    }
}
END_TEST

START_TEST(what_no_batch_may_hold_is_refused_when_added)
{
    CLEANUP(store_batch) struct store_batch *b = batch();
    CLEANUP(heap) char *large = calloc(1, STORE_VALUE_MAX + 1);

    ck_assert_ptr_nonnull(large);
    ck_assert_int_eq(store_batch_put(b, KIND_CASE, "", 0, "v", 1), ERR_LIMIT);
    ck_assert_int_eq(store_batch_put(b, KIND_CASE, large, STORE_KEY_MAX + 1, "v", 1), ERR_LIMIT);
    ck_assert_int_eq(store_batch_put(b, KIND_CASE, "k", 1, large, STORE_VALUE_MAX + 1), ERR_LIMIT);
    ck_assert_int_eq(store_batch_delete(b, KIND_CASE, "", 0), ERR_LIMIT);
    ck_assert_int_eq(store_batch_expect(b, KIND_CASE, "", 0, NULL, 0), ERR_LIMIT);
    ck_assert_int_eq(store_batch_leaf(b, large, LEAF_MAX + 1, "", 0), ERR_LIMIT);
    ck_assert_int_eq(store_batch_leaf(b, "", 0, "", 0), ERR_LIMIT);
    ck_assert_int_eq(store_batch_put(b, KIND_COUNT, "k", 1, "v", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_put(b, KIND_LEAF, "k", 1, "v", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_delete(b, KIND_TILE, "k", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_put(b, KIND_META, "format", 6, "9", 1), ERR_DENIED);
    ck_assert_int_eq(store_batch_delete(b, KIND_META, "log", 3), ERR_DENIED);
}
END_TEST

START_TEST(the_largest_value_comes_back)
{
    CLEANUP(heap) char *large = malloc(STORE_VALUE_MAX);
    CLEANUP(buf) struct buf *value = NULL;
    struct store_batch *b = batch();

    ck_assert_ptr_nonnull(large);
    memset(large, 0x5A, STORE_VALUE_MAX);
    ck_assert_int_eq(buf_new(&value, STORE_VALUE_MAX), OK);
    ck_assert_int_eq(store_batch_put(b, KIND_RENDITION, large, STORE_KEY_MAX, large, STORE_VALUE_MAX), OK);
    ck_commit(b);
    ck_assert_int_eq(store_get(s, KIND_RENDITION, large, STORE_KEY_MAX, value), OK);
    ck_assert_uint_eq(buf_len(value), STORE_VALUE_MAX);
    ck_assert_mem_eq(buf_bytes(value), large, STORE_VALUE_MAX);
    ck_assert_int_eq(store_get(s, KIND_RENDITION, large, STORE_KEY_MAX + 1, value), ERR_NOTFOUND);
}
END_TEST

START_TEST(capacity_is_that_of_the_volume)
{
    uint64_t total, available;

    ck_assert_int_eq(store_capacity(s, &total, &available), OK);
    ck_assert_uint_gt(total, 1 << 20);
    ck_assert_uint_le(available, total);
}
END_TEST

static atomic_bool stop_reading;

/* Each batch puts one number under two keys: whoever sees two numbers has seen half a batch. */
static void *read_pairs(void *context)
{
    unsigned *reads = context;

    while (!atomic_load(&stop_reading)) {
        char text[32] = "", first[8], second[8];
        CLEANUP(buf) struct buf *b = NULL;

        if (buf_new(&b, 999) || store_walk(s, KIND_CASE, "pair", 4, collect, b))
            return NULL;
        if (buf_len(b) == 0)
            continue;
        (void)snprintf(text, sizeof text, "%s", buf_text(b));
        if (sscanf(text, "pair1=%7[0-9];pair2=%7[0-9];", first, second) != 2 || strcmp(first, second) != 0)
            return NULL;
        ++*reads;
    }
    return reads;
}

START_TEST(a_reader_sees_whole_batches_only)
{
    unsigned reads = 0;
    void *result = NULL;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, read_pairs, &reads), 0);
    for (unsigned i = 0; i < 300 || (reads == 0 && i < 100000); i++) {
        struct store_batch *b = batch();
        char text[8];

        (void)snprintf(text, sizeof text, "%u", i);
        put(b, KIND_CASE, "pair1", text);
        put(b, KIND_CASE, "pair2", text);
        leaf(b, text);
        ck_commit(b);
    }
    atomic_store(&stop_reading, true);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &reads);
    ck_assert_uint_gt(reads, 0);
}
END_TEST

/* ---- LMDB: opening ---- */

START_TEST(a_second_open_is_busy)
{
    struct store *second = NULL;

    ck_assert_int_eq(store_open(&second, dir_fd), ERR_BUSY);
    ck_assert_int_eq(store_create(dir_fd), ERR_BUSY);
    reopen();
}
END_TEST

START_TEST(a_store_is_made_once_and_found_only_where_it_is)
{
    struct store *other = NULL;

    store_close(s);
    s = NULL;
    ck_assert_int_eq(store_create(dir_fd), ERR_EXISTS);
    ck_assert_int_eq(unlinkat(dir_fd, "photos/data.mdb", 0), 0);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
    ck_assert_int_eq(unlinkat(dir_fd, "photos/lock.mdb", 0), 0);
    ck_assert_int_eq(unlinkat(dir_fd, "photos", AT_REMOVEDIR), 0);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_NOTFOUND);
    ck_assert_int_eq(store_create(dir_fd), OK); /* as after a crash that left only the keyring */
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
}
END_TEST

START_TEST(the_files_are_for_their_owner_only)
{
    static const char *const files[] = {"photos", "keyring", "lock", "photos/data.mdb", "keyring/data.mdb"};
    struct stat st;

    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        ck_assert_int_eq(fstatat(dir_fd, files[i], &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 077, 0);
    }
}
END_TEST

/* Changes a row behind the store's back. */
static void tamper(const char *database, const void *key, size_t key_len, const void *value, size_t value_len)
{
    char path[80];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {value_len, (void *)(uintptr_t)value};

    store_close(s);
    s = NULL;
    (void)snprintf(path, sizeof path, "%s/photos", dir);
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, 20), 0);
    ck_assert_int_eq(mdb_env_set_mapsize(env, 1 << 30), 0);
    ck_assert_int_eq(mdb_env_open(env, path, 0, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, database, 0, &dbi), 0);
    ck_assert_int_eq(value ? mdb_put(txn, dbi, &k, &v, 0) : mdb_del(txn, dbi, &k, NULL), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

START_TEST(a_newer_format_is_refused_and_a_garbled_one_is_damage)
{
    struct store *other = NULL;

    tamper("meta", "format", 6, "2", 1);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_DENIED);
    tamper("meta", "format", 6, "1x", 2);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
    tamper("meta", "format", 6, "0", 1);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
    tamper("meta", "format", 6, NULL, 0);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
    tamper("meta", "format", 6, "1", 1);
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
}
END_TEST

START_TEST(a_log_that_does_not_add_up_is_damage)
{
    struct store_batch *b = batch();
    struct store *other = NULL;
    unsigned char tile[9] = {0}, hashes[64] = {1};

    leaf(b, "one");
    leaf(b, "two");
    ck_commit(b);
    tamper("tile", tile, sizeof tile, hashes, sizeof hashes);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
    tamper("tile", tile, sizeof tile, hashes, 32);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
    tamper("tile", tile, sizeof tile, NULL, 0);
    ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
}
END_TEST

static void fill_store(unsigned count)
{
    CLEANUP(heap) char *value = calloc(1, 20000);

    ck_assert_ptr_nonnull(value);
    for (unsigned i = 0; i < count; i++) {
        struct store_batch *b = batch();

        ck_assert_int_eq(store_batch_put(b, KIND_RENDITION, &i, sizeof i, value, 20000), OK);
        put(b, KIND_KEY, "key", "value");
        leaf(b, "leaf");
        ck_commit(b);
    }
}

START_TEST(a_file_cut_short_is_refused)
{
    static const char *const files[] = {"photos/data.mdb", "keyring/data.mdb"};
    struct store *other = NULL;
    struct stat st;

    fill_store(20);
    store_close(s);
    s = NULL;
    for (int i = 0; i < 2; i++) {
        CLEANUP(heap) char *whole = NULL;
        CLEANUP(fd) int fd = openat(dir_fd, files[i], O_RDWR | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fstat(fd, &st), 0);
        whole = malloc((size_t)st.st_size);
        ck_assert_ptr_nonnull(whole);
        ck_assert_int_eq(pread(fd, whole, (size_t)st.st_size, 0), st.st_size);
        for (off_t size = 0; size < st.st_size; size += st.st_size / 9 + 1) {
            ck_assert_int_eq(ftruncate(fd, size), 0);
            ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
        }
        ck_assert_int_eq(pwrite(fd, whole, (size_t)st.st_size, 0), st.st_size);
    }
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
    ck_assert_uint_eq(count_of(KIND_RENDITION), 20);
}
END_TEST

START_TEST(a_file_short_of_unused_pages_only_is_taken)
{
    struct stat st;
    MDB_envinfo info;
    char path[80];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = {1, (void *)(uintptr_t) "k"}, value = {100000, NULL};

    fill_store(5);
    store_close(s);
    s = NULL;
    /* Pages taken and given back inside one transaction are counted, but never written. */
    (void)snprintf(path, sizeof path, "%s/photos", dir);
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, 20), 0);
    ck_assert_int_eq(mdb_env_set_mapsize(env, 1 << 30), 0);
    ck_assert_int_eq(mdb_env_open(env, path, 0, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, "rendition", 0, &dbi), 0);
    ck_assert_int_eq(mdb_put(txn, dbi, &key, &value, MDB_RESERVE), 0);
    ck_assert_int_eq(mdb_del(txn, dbi, &key, NULL), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    ck_assert_int_eq(mdb_env_info(env, &info), 0);
    mdb_env_close(env);
    ck_assert_int_eq(fstatat(dir_fd, "photos/data.mdb", &st, 0), 0);
    ck_assert_uint_lt((uint64_t)st.st_size, (info.me_last_pgno + 1) * 4096);
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
    fill_store(8);
    ck_assert_uint_eq(count_of(KIND_RENDITION), 8);
}
END_TEST

START_TEST(garbage_in_a_meta_page_is_refused)
{
    unsigned char good[4096], bad[4096];
    struct store *other = NULL;

    fill_store(3);
    store_close(s);
    s = NULL;
    for (off_t page = 0; page < 2; page++) {
        CLEANUP(fd) int fd = openat(dir_fd, "photos/data.mdb", O_RDWR | O_CLOEXEC);

        ck_assert_int_eq(pread(fd, good, sizeof good, page * 4096), sizeof good);
        memset(bad, 0xDB, sizeof bad);
        ck_assert_int_eq(pwrite(fd, bad, sizeof bad, page * 4096), sizeof bad);
        ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
        /* Only its last fields: size and number of the transaction, so that it passes for the newest. */
        memcpy(bad, good, sizeof good);
        memset(bad + 16 + 120, 0x55, 16);
        ck_assert_int_eq(pwrite(fd, bad, sizeof bad, page * 4096), sizeof bad);
        ck_assert_int_eq(store_open(&other, dir_fd), ERR_CORRUPT);
        ck_assert_int_eq(pwrite(fd, good, sizeof good, page * 4096), sizeof good);
    }
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
}
END_TEST

/* ---- LMDB: order and failures ---- */

static struct store_batch *photo_batch(const char *name)
{
    struct store_batch *b = batch();

    expect(b, KIND_KEY, name, NULL);
    put(b, KIND_KEY, name, "wrapped");
    put(b, KIND_RENDITION, name, "picture");
    leaf(b, name);
    return b;
}

static struct store_batch *erase_batch(const char *name)
{
    struct store_batch *b = batch();

    del(b, KIND_KEY, name);
    del(b, KIND_RENDITION, name);
    leaf(b, name);
    return b;
}

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
        for (uint32_t n = 0; n < stored; n++)
            check_record(n);
        store_close(s);
        s = NULL;
    }
    ck_assert_uint_ge(acknowledged, kills / 2);
    (void)printf("%u kills, %u batches acknowledged, 0 lost\n", kills, acknowledged);
}
END_TEST

/* ---- The table ---- */

static const struct backend {
    const char *name;
    void (*setup)(void);
} backends[] = {
    {"lmdb", setup_lmdb},
    {"memory", setup_memory},
};

static TCase *shared_tests(const struct backend *backend)
{
    TCase *c = tcase_create(backend->name);

    tcase_set_timeout(c, 50);
    tcase_add_checked_fixture(c, backend->setup, teardown);
    tcase_add_test(c, a_committed_batch_is_there_whole);
    tcase_add_test(c, a_conflict_skips_its_batch_and_no_other);
    tcase_add_test(c, a_group_all_in_conflict_changes_nothing);
    tcase_add_test(c, a_later_batch_sees_the_earlier_one);
    tcase_add_test(c, expectations_tell_absent_empty_and_other_values_apart);
    tcase_add_test(c, leaves_are_numbered_without_gaps);
    tcase_add_test(c, proofs_lead_to_the_head_also_after_reopen);
    tcase_add_test(c, a_side_record_stands_beside_its_leaf);
    tcase_add_test(c, a_walk_visits_its_prefix_in_order_and_ends_when_told);
    tcase_add_test(c, a_value_can_be_replaced_and_deleted_twice);
    tcase_add_test(c, what_no_batch_may_hold_is_refused_when_added);
    tcase_add_test(c, the_largest_value_comes_back);
    tcase_add_test(c, capacity_is_that_of_the_volume);
    tcase_add_test(c, a_reader_sees_whole_batches_only);
    return c;
}

static TCase *lmdb_tests(void)
{
    TCase *c = tcase_create("lmdb files");

    tcase_set_timeout(c, 50);
    tcase_add_checked_fixture(c, setup_lmdb, teardown);
    tcase_add_test(c, a_second_open_is_busy);
    tcase_add_test(c, a_store_is_made_once_and_found_only_where_it_is);
    tcase_add_test(c, the_files_are_for_their_owner_only);
    tcase_add_test(c, a_newer_format_is_refused_and_a_garbled_one_is_damage);
    tcase_add_test(c, a_log_that_does_not_add_up_is_damage);
    tcase_add_test(c, a_file_cut_short_is_refused);
    tcase_add_test(c, a_file_short_of_unused_pages_only_is_taken);
    tcase_add_test(c, garbage_in_a_meta_page_is_refused);
    tcase_add_test(c, a_key_is_put_before_its_photo_and_deleted_after);
    tcase_add_test(c, a_crash_in_between_leaves_a_key_without_photo_never_the_reverse);
    tcase_add_test(c, no_room_for_the_photo_takes_its_new_key_back);
    tcase_add_test(c, a_group_without_room_is_tried_batch_by_batch);
    tcase_add_test(c, an_unexplained_write_error_makes_the_store_read_only);
    tcase_add_test(c, a_key_that_could_not_be_deleted_leaves_its_batch_in_doubt);
    tcase_add_test(c, a_full_map_refuses_uploads_and_nothing_else);
    tcase_add_test(c, a_full_disk_refuses_uploads_and_nothing_else);
    tcase_add_test(c, kill_9_at_any_moment_loses_nothing_acknowledged);
    return c;
}

int main(void)
{
    Suite *suite = suite_create("store");
    SRunner *runner;
    int failed;

    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++)
        suite_add_tcase(suite, shared_tests(&backends[i]));
    suite_add_tcase(suite, lmdb_tests());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
