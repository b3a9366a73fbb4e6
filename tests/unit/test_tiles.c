#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "store/memory.h"
#include "store/store.h"
#include "store/tile_file.h"
#include "store/tiles.h"
#include "tests/unit/suite.h"

#define TILE_MAX_BYTES (256 * (2 + LEAF_MAX))

static struct store *s;
static struct tiles *t;
static char dir[64];
static int dir_fd = -1;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void setup(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/photod-tiles.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(store_open_memory(&s), OK);
    ck_assert_int_eq(tiles_open(&t, s, dir_fd), OK);
}

static void teardown(void)
{
    tiles_close(t);
    store_close(s);
    t = NULL;
    s = NULL;
    (void)close(dir_fd);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int reopen(void)
{
    tiles_close(t);
    t = NULL;
    return (int)tiles_open(&t, s, dir_fd);
}

/* Entry n: of some length that depends on n, so that no tile looks like another. */
static size_t make_entry(unsigned char *entry, unsigned n)
{
    size_t len = 1 + n * 37 % LEAF_MAX;

    for (size_t i = 0; i < len; i++)
        entry[i] = (unsigned char)(n * 7 + i);
    return len;
}

static struct store_head append(unsigned count)
{
    CLEANUP(store_batch) struct store_batch *b = NULL;
    struct store_outcome outcome;
    struct store_head head;
    unsigned char entry[LEAF_MAX];

    ck_assert_int_eq(store_log_head(s, &head), OK);
    ck_assert_int_eq(store_batch_new(&b), OK);
    for (unsigned i = 0; i < count; i++) {
        size_t len = make_entry(entry, (unsigned)head.size + i);

        ck_assert_int_eq(store_batch_leaf(b, entry, len, "", 0), OK);
    }
    store_commit(s, &b, 1, &outcome, &head);
    ck_assert_int_eq(outcome.result, STORE_COMMITTED);
    return head;
}

static size_t make_checkpoint(char text[256], const struct store_head *head)
{
    char root[64];

    sodium_bin2base64(root, sizeof root, head->root, sizeof head->root, sodium_base64_VARIANT_ORIGINAL);
    return (size_t)snprintf(text, 256, "example.com/log\n%llu\n%s\n\n\u2014 example.com/log c2ln\n",
                            (unsigned long long)head->size, root);
}

static int publish(const struct store_head *head)
{
    char text[256];
    size_t len = make_checkpoint(text, head);

    return (int)tiles_publish(t, head, text, len);
}

/* ---- The layout again, computed on its own: every hash from the leaves up ---- */

static unsigned files_expected, files_found;

static void check_file(const char *path, const unsigned char *bytes, size_t len)
{
    static unsigned char found[TILE_MAX_BYTES];
    CLEANUP(fd) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    ck_assert_msg(fd >= 0, "%s is missing", path);
    n = read(fd, found, sizeof found);
    ck_assert_msg((size_t)n == len && memcmp(found, bytes, len) == 0, "%s is not as expected", path);
    files_expected++;
}

/* Size is below 1000 tiles, so a tile's number has three digits. */
static void check_tile(const char *level, unsigned tile, unsigned width, const unsigned char *bytes,
                       size_t len)
{
    char path[64];

    (void)snprintf(path, sizeof path, "tile/%s/%03u", level, tile);
    if (width < 256)
        (void)snprintf(path + strlen(path), 8, ".p/%u", width);
    check_file(path, bytes, len);
}

static void check_entries(unsigned size)
{
    static unsigned char bytes[TILE_MAX_BYTES];

    for (unsigned first = 0; first < size; first += 256) {
        unsigned end = first + 256 < size ? first + 256 : size;
        size_t len = 0;

        for (unsigned n = first; n < end; n++) {
            size_t entry = make_entry(bytes + len + 2, n);

            bytes[len] = (unsigned char)(entry / 256);
            bytes[len + 1] = (unsigned char)(entry % 256);
            len += 2 + entry;
        }
        check_tile("entries", first / 256, end - first, bytes, len);
    }
}

static void hash_leaves(unsigned char (*hashes)[32], unsigned size)
{
    for (unsigned n = 0; n < size; n++) {
        unsigned char input[1 + LEAF_MAX] = {0};
        size_t len = make_entry(input + 1, n);

        crypto_hash_sha256(hashes[n], input, 1 + len);
    }
}

/* 256 hashes to one, pair by pair. */
static void hash_up(unsigned char out[32], unsigned char (*in)[32])
{
    unsigned char level[256][32];

    memcpy(level, in, sizeof level);
    for (unsigned count = 256; count > 1; count /= 2)
        for (unsigned i = 0; i < count / 2; i++) {
            unsigned char pair[65] = {1};

            memcpy(pair + 1, level[2 * i], 32);
            memcpy(pair + 33, level[2 * i + 1], 32);
            crypto_hash_sha256(level[i], pair, sizeof pair);
        }
    memcpy(out, level[0], 32);
}

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path, (void)st, (void)ftw;
    files_found += type == FTW_F;
    return 0;
}

/* Exactly the files of a tree of this size, and no others. */
static void check_files(unsigned size)
{
    CLEANUP(heap) unsigned char(*hashes)[32] = calloc(size + 256, 32);
    unsigned count = size;

    files_expected = 1; /* checkpoint */
    files_found = 0;
    hash_leaves(hashes, size);
    for (unsigned level = 0; count; level++) {
        char name[4];

        (void)snprintf(name, sizeof name, "%u", level);
        for (unsigned first = 0; first < count; first += 256) {
            unsigned width = count - first < 256 ? count - first : 256;

            check_tile(name, first / 256, width, hashes[first], width * 32);
        }
        for (unsigned i = 0; i < count / 256; i++)
            hash_up(hashes[i], hashes + 256 * i);
        count /= 256;
    }
    check_entries(size);
    ck_assert_int_eq(nftw(dir, count_file, 16, FTW_PHYS), 0);
    ck_assert_uint_eq(files_found, files_expected);
}

/* ---- Tests ---- */

START_TEST(paths_are_those_of_tlog_tiles)
{
    static const struct {
        unsigned level;
        uint64_t tile;
        unsigned width;
        const char *path;
    } cases[] = {
        {0, 0, 256, "tile/0/000"},
        {1, 67, 256, "tile/1/067"},
        {0, 999, 1, "tile/0/999.p/1"},
        {2, 1000, 256, "tile/2/x001/000"},
        {0, 1234067, 256, "tile/0/x001/x234/067"},
        {TILE_ENTRIES, 1234067, 255, "tile/entries/x001/x234/067.p/255"},
        {0, UINT64_MAX, 8, "tile/0/x018/x446/x744/x073/x709/x551/615.p/8"},
    };
    char path[TILE_PATH_MAX];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tile_path(path, cases[i].level, cases[i].tile, cases[i].width);
        ck_assert_str_eq(path, cases[i].path);
    }
}
END_TEST

START_TEST(files_of_every_size_up_to_600_are_as_specified)
{
    struct store_head head;

    ck_assert_int_eq(store_log_head(s, &head), OK);
    ck_assert_int_eq(publish(&head), OK); /* of the empty log */
    check_files(0);
    for (unsigned size = 1; size <= 600; size++) {
        head = append(1);
        ck_assert_int_eq(publish(&head), OK);
        check_files(size);
    }
}
END_TEST

START_TEST(steps_of_any_width_leave_the_same_files)
{
    static const unsigned steps[] = {255, 1, 1, 254, 1, 600, 256, 512, 3, 0, 700};
    unsigned size = 0;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct store_head head = append(steps[i]);

        size += steps[i];
        ck_assert_int_eq(publish(&head), OK);
        check_files(size);
    }
}
END_TEST

START_TEST(a_tree_of_three_levels_has_its_files)
{
    struct store_head head = append(65000);

    ck_assert_int_eq(publish(&head), OK);
    check_files(65000);
    head = append(800);
    ck_assert_int_eq(publish(&head), OK);
    check_files(65800);
}
END_TEST

START_TEST(a_head_the_store_has_already_passed_can_be_published)
{
    struct store_head head = append(300);

    (void)append(400);
    ck_assert_int_eq(publish(&head), OK);
    check_files(300);
    ck_assert_int_eq(reopen(), OK);
    check_files(300);
}
END_TEST

START_TEST(a_checkpoint_never_goes_back_but_may_be_signed_again)
{
    struct store_head first = append(3), second = append(3);

    ck_assert_int_eq(publish(&second), OK);
    ck_assert_int_eq(publish(&second), OK);
    ck_assert_int_eq(publish(&first), ERR_DENIED);
    check_files(6);
}
END_TEST

START_TEST(a_restart_repairs_what_is_missing_or_wrong)
{
    struct store_head head = append(600);
    int fd;

    ck_assert_int_eq(publish(&head), OK);
    ck_assert_int_eq(unlinkat(dir_fd, "tile/0/000", 0), 0);
    ck_assert_int_eq(unlinkat(dir_fd, "tile/entries/002.p/88", 0), 0);
    ck_assert_int_eq(unlinkat(dir_fd, "tile/entries/002.p", AT_REMOVEDIR), 0);
    fd = openat(dir_fd, "tile/entries/001", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(pwrite(fd, "!", 1, 777), 1);
    (void)close(fd);
    fd = openat(dir_fd, "tile/0/001", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(ftruncate(fd, 100), 0);
    (void)close(fd);
    /* And what a crash before the checkpoint left behind. */
    ck_assert_int_eq(mkdirat(dir_fd, "tile/0/001.p", 0755), 0);
    fd = openat(dir_fd, "tile/0/001.p/9", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    (void)close(fd);
    fd = openat(dir_fd, "tile/0/002.p/99", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    (void)close(fd);
    ck_assert_int_eq(reopen(), OK);
    check_files(600);
}
END_TEST

START_TEST(a_lost_or_garbled_checkpoint_means_all_files_anew)
{
    struct store_head head = append(600);
    int fd;

    ck_assert_int_eq(publish(&head), OK);
    fd = openat(dir_fd, "checkpoint", O_WRONLY | O_TRUNC | O_CLOEXEC);
    (void)close(fd);
    ck_assert_int_eq(unlinkat(dir_fd, "tile/entries/000", 0), 0);
    ck_assert_int_eq(reopen(), OK);
    ck_assert_int_eq(publish(&head), OK);
    check_files(600);
    ck_assert_int_eq(unlinkat(dir_fd, "checkpoint", 0), 0);
    ck_assert_int_eq(reopen(), OK);
    ck_assert_int_eq(publish(&head), OK);
    check_files(600);
}
END_TEST

static void write_checkpoint(const struct store_head *head)
{
    char text[256];
    size_t len = make_checkpoint(text, head);
    int fd = openat(dir_fd, "checkpoint", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    (void)close(fd);
}

START_TEST(a_store_behind_its_published_checkpoint_was_rolled_back)
{
    struct store_head head = append(10), later;

    ck_assert_int_eq(publish(&head), OK);
    later = append(1);
    ck_assert_int_eq(publish(&later), OK);
    store_close(s);
    ck_assert_int_eq(store_open_memory(&s), OK);
    (void)append(10);
    ck_assert_int_eq(reopen(), ERR_CORRUPT);
    write_checkpoint(&head); /* the older one is of this log */
    ck_assert_int_eq(reopen(), OK);
}
END_TEST

START_TEST(a_checkpoint_of_another_log_is_refused_at_any_size)
{
    struct store_head head = append(300), wrong;

    for (unsigned size = 0; size < 2; size++) {
        wrong = head;
        wrong.root[5] ^= 1;
        write_checkpoint(&wrong);
        ck_assert_int_eq(reopen(), ERR_CORRUPT);
        write_checkpoint(&head);
        ck_assert_int_eq(reopen(), OK);
        (void)append(300); /* now the same for a head of the past */
    }
    wrong.size = 0;
    write_checkpoint(&wrong);
    ck_assert_int_eq(reopen(), ERR_CORRUPT);
}
END_TEST

SUITE_IN("tiles", setup, teardown, paths_are_those_of_tlog_tiles,
         files_of_every_size_up_to_600_are_as_specified, steps_of_any_width_leave_the_same_files,
         a_tree_of_three_levels_has_its_files, a_head_the_store_has_already_passed_can_be_published,
         a_checkpoint_never_goes_back_but_may_be_signed_again, a_restart_repairs_what_is_missing_or_wrong,
         a_lost_or_garbled_checkpoint_means_all_files_anew,
         a_store_behind_its_published_checkpoint_was_rolled_back,
         a_checkpoint_of_another_log_is_refused_at_any_size)
