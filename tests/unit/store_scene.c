#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include "tests/unit/store_scene.h"

struct store *s;
void (*scene_reopen)(void);
char dir[64];
int dir_fd = -1;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void scene_make_dir(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/photod-store.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(dir_fd, 0);
}

static void reopen_lmdb(void)
{
    store_close(s);
    s = NULL;
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
}

void scene_setup_lmdb(void)
{
    scene_make_dir();
    ck_assert_int_eq(store_create(dir_fd), OK);
    ck_assert_int_eq(store_open(&s, dir_fd), OK);
    scene_reopen = reopen_lmdb;
}

void scene_teardown(void)
{
    store_close(s);
    s = NULL;
    if (dir_fd < 0)
        return;
    (void)close(dir_fd);
    dir_fd = -1;
    (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void reopen(void)
{
    if (scene_reopen)
        scene_reopen();
}

struct store_batch *batch(void)
{
    struct store_batch *b;

    ck_assert_int_eq(store_batch_new(&b), OK);
    return b;
}

void put(struct store_batch *b, enum store_kind kind, const char *key, const char *value)
{
    ck_assert_int_eq(store_batch_put(b, kind, key, strlen(key), value, strlen(value)), OK);
}

void del(struct store_batch *b, enum store_kind kind, const char *key)
{
    ck_assert_int_eq(store_batch_delete(b, kind, key, strlen(key)), OK);
}

void expect(struct store_batch *b, enum store_kind kind, const char *key, const char *value)
{
    ck_assert_int_eq(store_batch_expect(b, kind, key, strlen(key), value, value ? strlen(value) : 0), OK);
}

void leaf(struct store_batch *b, const char *text)
{
    ck_assert_int_eq(store_batch_leaf(b, text, strlen(text), "", 0), OK);
}

void commit_group(struct store_batch **batches, size_t count, struct store_outcome *outcomes)
{
    struct store_head head, shown;

    store_commit(s, batches, count, outcomes, &head);
    ck_assert_int_eq(store_log_head(s, &shown), OK);
    ck_assert_uint_eq(shown.size, head.size);
    ck_assert_mem_eq(shown.root, head.root, sizeof head.root);
    for (size_t i = 0; i < count; i++)
        store_batch_free(batches[i]);
}

struct store_outcome commit_one(struct store_batch *b)
{
    struct store_outcome outcome;

    commit_group(&b, 1, &outcome);
    return outcome;
}

struct store_batch *photo_batch(const char *name)
{
    struct store_batch *b = batch();

    expect(b, KIND_KEY, name, NULL);
    put(b, KIND_KEY, name, "wrapped");
    put(b, KIND_RENDITION, name, "picture");
    leaf(b, name);
    return b;
}

struct store_batch *erase_batch(const char *name)
{
    struct store_batch *b = batch();

    del(b, KIND_KEY, name);
    del(b, KIND_RENDITION, name);
    leaf(b, name);
    return b;
}

bool holds(enum store_kind kind, const char *key, const char *value)
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

uint64_t count_of(enum store_kind kind)
{
    uint64_t count;

    ck_assert_int_eq(store_count(s, kind, &count), OK);
    return count;
}

uint64_t log_size(void)
{
    struct store_head head;

    ck_assert_int_eq(store_log_head(s, &head), OK);
    return head.size;
}

static void print_damage(void *context, enum store_kind kind, const unsigned char *key, size_t key_len,
                         const char *what)
{
    unsigned *count = context;

    (void)printf("kind %d, key ", (int)kind);
    for (size_t i = 0; i < key_len; i++)
        (void)printf("%02x", key[i]);
    (void)printf(": %s\n", what);
    ++*count;
}

unsigned damage(void)
{
    unsigned count = 0;
    enum err e = store_verify(s, 0, log_size(), print_damage, &count);

    ck_assert_int_eq(e, count ? ERR_CORRUPT : OK);
    return count;
}
