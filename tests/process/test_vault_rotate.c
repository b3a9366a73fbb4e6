/* What a rotation leaves on the disk: no DEK as the old ring key wrapped it, in no file of the state. */
#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "store/store.h"
#include "vault_rig.h"

#define CHILDREN  20
#define KEYS_MOST 200
#define WRAPPED   16 /* bytes of a wrapped key's end, its tag, to search for */

static struct rig rig;

static void setup(void)
{
    rig.ballast_mib = 1;
    rig_start(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

/* ---- The wrapped keys, as the store has them ---- */

struct wrapped {
    unsigned char bytes[KEYS_MOST][WRAPPED];
    unsigned count;
};

static enum err key_visit(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct wrapped *w = context;

    (void)key, (void)key_len;
    ck_assert_uint_lt(w->count, KEYS_MOST);
    ck_assert_uint_gt(value_len, WRAPPED);
    memcpy(w->bytes[w->count++], value + value_len - WRAPPED, WRAPPED);
    return OK;
}

static void state_path(char path[static 128])
{
    (void)snprintf(path, 128, "%s/state", rig.dir);
}

/* While the vault is stopped. */
static void read_keys(struct wrapped *w)
{
    CLEANUP(store) struct store *s = NULL;
    CLEANUP(fd) int fd = -1;
    char path[128];

    state_path(path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(store_open(&s, fd), OK);
    w->count = 0;
    ck_assert_int_eq(store_walk(s, KIND_KEY, "", 0, key_visit, w), OK);
}

/* ---- Every byte of every file ---- */

static const struct wrapped *wanted;
static bool seen[KEYS_MOST];
static unsigned files, spools;

static int search(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    CLEANUP(heap) unsigned char *bytes = type == FTW_F ? malloc((size_t)st->st_size + 1) : NULL;
    CLEANUP(fd) int fd = bytes ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t len = fd >= 0 ? read(fd, bytes, (size_t)st->st_size) : 0;

    (void)ftw;
    if (type != FTW_F)
        return 0;
    ck_assert_int_eq(len, st->st_size);
    files++;
    spools += strstr(path, "/spool/") != NULL;
    for (unsigned i = 0; i < wanted->count; i++)
        seen[i] |= memmem(bytes, (size_t)len, wanted->bytes[i], WRAPPED) != NULL;
    return 0;
}

/* How many of them stand anywhere below the state directory. */
static unsigned found(const struct wrapped *w)
{
    char path[128];
    unsigned count = 0;

    state_path(path);
    wanted = w;
    memset(seen, 0, sizeof seen);
    files = spools = 0;
    ck_assert_int_eq(nftw(path, search, 16, FTW_PHYS), 0);
    for (unsigned i = 0; i < w->count; i++)
        count += seen[i];
    return count;
}

static void withdraw(void)
{
    struct shape_withdraw ask = {
        .source = "192.0.2.2", .district = RIG_DISTRICT, .state_id = RIG_CHILD, .reason = "asked to"};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    memcpy(ask.key, rig.key, sizeof ask.key);
    rig_ask(&rig, &rig.office, MSG_WITHDRAW, &ask, -1, &m, MSG_WITHDRAWN);
}

START_TEST(after_a_rotation_no_old_wrapping_stands_in_any_file)
{
    static struct wrapped before, after;
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name batch;
    struct shape_upload_create upload;
    unsigned left;

    rig_roster(&rig, CHILDREN);
    ck_assert_uint_eq(rig_judge_all(&rig, rig_batch(&rig, &batch), CHILDREN, NULL), CHILDREN);
    (void)rig_batch_staged(&rig, &batch);
    (void)rig_batch_step(&rig, &batch, MSG_BATCH_COMMIT);
    rig_batch_new(&rig, &batch);
    upload = rig_upload_create(&batch, 6); /* half of it: something stands in the spool */
    rig_chunk(&rig, rig_open(&rig, MSG_UPLOAD_CREATE, &upload), 0, "zip", 3, MSG_UPLOAD_KEPT);
    rig_stop(&rig);
    read_keys(&before);
    ck_assert_uint_gt(before.count, 2 * CHILDREN);
    ck_assert_uint_eq(found(&before), before.count); /* the search finds what is there */

    rig_launch(&rig);
    rig_join(&rig);
    withdraw();
    rig_stop(&rig);
    left =
        found(&before); /* and that removing a key leaves its bytes in old pages is why the ring key goes */
    rig_launch(&rig);
    rig_join(&rig);
    rig_ask(&rig, &rig.ctl, MSG_KEYS_ROTATE, NULL, -1, &m, MSG_DONE);
    rig_kill(&rig);
    read_keys(&after);
    ck_assert_uint_eq(found(&after), after.count);
    ck_assert_uint_gt(spools, 0);
    ck_assert_uint_eq(found(&before), 0);
    (void)printf(
        "%u wrapped keys before, %u of them still in old pages after an erasure; after the rotation %u "
        "keys, of the old wrappings 0 in %u files\n",
        before.count, left, after.count, files);
    rig_launch(&rig);
    rig_join(&rig);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {after_a_rotation_no_old_wrapping_stands_in_any_file};

    return rig_suite("vault_rotate", tests, 1, setup, teardown);
}
