#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include "keys/inside.h"
#include "lawapi/rendition.h"
#include "tests/unit/store_scene.h"
#include "tests/unit/suite.h"

/* LMDB's files: opening them, and what is wrong with them. */

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

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A roster that opts a large district out is one batch. */
START_TEST(many_keys_go_in_one_batch)
{
    static const unsigned counts[] = {15000, 60000};

    for (unsigned i = 0; i < 2; i++) {
        struct store_batch *b = batch();
        char key[24];
        int64_t began;

        for (unsigned n = 0; n < counts[i]; n++) {
            (void)snprintf(key, sizeof key, "child %u", n);
            put(b, KIND_KEY, key, "wrapped");
        }
        ck_commit(b);
        b = batch();
        for (unsigned n = 0; n < counts[i]; n++) {
            (void)snprintf(key, sizeof key, "child %u", n);
            del(b, KIND_KEY, key);
            del(b, KIND_KEY, key);
        }
        put(b, KIND_KEY, "child 7", "spared");
        began = now_ms();
        ck_commit(b);
        (void)printf("%u keys removed in one batch: %lld ms\n", counts[i], (long long)(now_ms() - began));
        ck_assert_uint_eq(count_of(KIND_KEY), 1);
        ck_assert(holds(KIND_KEY, "child 7", "spared"));
    }
}
END_TEST

static pthread_barrier_t reading;

static enum err stay(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                     size_t value_len)
{
    (void)context, (void)key, (void)key_len, (void)value, (void)value_len;
    (void)pthread_barrier_wait(&reading); /* it reads */
    (void)pthread_barrier_wait(&reading); /* it may go on */
    return ERR_BUSY;
}

static void *walk_slowly(void *unused)
{
    (void)unused;
    (void)!store_walk(s, KIND_STUDENT, "", 0, stay, NULL);
    return NULL;
}

START_TEST(a_reader_that_stays_is_seen_to_fall_behind)
{
    struct store_batch *b = batch();
    uint64_t behind = 99;
    pthread_t thread;

    put(b, KIND_STUDENT, "a", "1");
    ck_commit(b);
    ck_assert_int_eq(store_tend(s, &behind), OK);
    ck_assert_uint_eq(behind, 0);
    ck_assert_int_eq(pthread_barrier_init(&reading, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, walk_slowly, NULL), 0);
    (void)pthread_barrier_wait(&reading);
    for (unsigned n = 0; n < 5; n++) {
        b = batch();
        put(b, KIND_CASE, "case", "x");
        ck_commit(b);
    }
    ck_assert_int_eq(store_tend(s, &behind), OK);
    ck_assert_uint_eq(behind, 5);
    (void)pthread_barrier_wait(&reading);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(store_tend(s, &behind), OK);
    ck_assert_uint_eq(behind, 0);
}
END_TEST

/* Pages that large values take, by the file's own account. */
static size_t overflow_pages(void)
{
    char path[80];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_stat st;

    store_close(s);
    s = NULL;
    (void)snprintf(path, sizeof path, "%s/photos", dir);
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, 20), 0);
    ck_assert_int_eq(mdb_env_open(env, path, MDB_RDONLY, 0), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, "rendition", 0, &dbi), 0);
    ck_assert_int_eq(mdb_stat(txn, dbi, &st), 0);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
    return st.ms_overflow_pages;
}

/* As the vault keeps it: its digest before it, under the longer of the two envelopes. */
static void put_picture(size_t bytes)
{
    const struct binding bound = {.class = SEAL_RENDITION};
    CLEANUP(heap) unsigned char *plain = calloc(1, 32 + bytes);
    CLEANUP(buf) struct buf *sealed = NULL;
    CLEANUP(dek) struct dek *d = NULL;
    struct store_batch *b = batch();

    ck_assert_ptr_nonnull(plain);
    ck_assert_int_eq(buf_new(&sealed, STORE_VALUE_MAX), OK);
    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_int_eq(envelope_seal_suite(sealed, SUITE_XCHACHA20_POLY1305, d, &bound, plain, 32 + bytes), OK);
    ck_assert_int_eq(store_batch_put(b, KIND_RENDITION, "picture", 7, buf_bytes(sealed), buf_len(sealed)),
                     OK);
    ck_commit(b);
}

START_TEST(a_rendition_at_its_budget_fills_its_last_page)
{
    static const size_t pages[RENDITION_COUNT] = {97, 24, 5};

    ck_assert_int_eq(keys_init(), OK);
    for (unsigned i = 0; i < RENDITION_COUNT; i++) {
        size_t budget = rendition_shape((enum rendition)i)->max_bytes;

        put_picture(budget);
        ck_assert_uint_eq(overflow_pages(), pages[i]);
        put_picture(budget + 4096 / 8); /* less than an eighth of a page was left */
        ck_assert_uint_eq(overflow_pages(), pages[i] + 1);
    }
}
END_TEST

SUITE_IN("lmdb", scene_setup_lmdb, scene_teardown, many_keys_go_in_one_batch,
         a_reader_that_stays_is_seen_to_fall_behind, a_second_open_is_busy,
         a_store_is_made_once_and_found_only_where_it_is, the_files_are_for_their_owner_only,
         a_newer_format_is_refused_and_a_garbled_one_is_damage, a_log_that_does_not_add_up_is_damage,
         a_file_cut_short_is_refused, a_file_short_of_unused_pages_only_is_taken,
         garbage_in_a_meta_page_is_refused, a_rendition_at_its_budget_fills_its_last_page)
