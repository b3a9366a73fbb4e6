#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include "photod/base/log.h"
#include "store/lmdb.h"
#include "store/lmdb_compact.h"
#include "store/lmdb_keyring.h"

/*
 * The LMDB backend, in the vault.  Reads never keep a transaction across
 * calls: an old one would stop LMDB from using freed pages again.
 */
#define KEYRING_MAP    ((size_t)16 << 30)
#define WILLNEED_BYTES (16u << 10)
#define PAGE_BYTES     4096u

struct lmdb_store {
    struct store base; /* first: a struct store * of this backend points to it */
    int dir_fd, lock_fd;
    struct lmdb_env photos;
    struct keyring keyring;
};

static struct lmdb_store *lmdb_of(struct store *s)
{
    return (struct lmdb_store *)(void *)s;
}

static struct lmdb_env *env_of(struct store *s, enum store_kind kind)
{
    return lmdb_env_part(kind) == LMDB_KEYRING ? &lmdb_of(s)->keyring.env : &lmdb_of(s)->photos;
}

/* ---- Change ---- */

static enum err do_begin(struct store *s)
{
    struct lmdb_env *e = &lmdb_of(s)->photos;

    return lmdb_err(e, mdb_txn_begin(e->env, NULL, 0, &e->change), "begin");
}

static enum err do_peek(struct store *s, enum store_kind kind, struct span key, struct span *value)
{
    struct lmdb_env *e = env_of(s, kind);
    MDB_val name = lmdb_val(key), found;

    if (kind == KIND_KEY)
        return keyring_peek(&lmdb_of(s)->keyring, key, value);
    TRY(lmdb_err(e, mdb_get(e->change, e->dbi[kind], &name, &found), "read"));
    *value = (struct span){found.mv_data, found.mv_size};
    return OK;
}

static enum err do_put(struct store *s, enum store_kind kind, struct span key, struct span value)
{
    struct lmdb_env *e = env_of(s, kind);
    MDB_val name = lmdb_val(key), data = lmdb_val(value);

    if (kind == KIND_KEY)
        return keyring_put(&lmdb_of(s)->keyring, key, value);
    /* Leaves only ever follow one another: their pages need no room to grow. */
    return lmdb_err(e, mdb_put(e->change, e->dbi[kind], &name, &data, kind == KIND_LEAF ? MDB_APPEND : 0),
                    "write");
}

static enum err do_remove(struct store *s, enum store_kind kind, struct span key)
{
    struct lmdb_env *e = env_of(s, kind);
    MDB_val name = lmdb_val(key);
    int rc;

    if (kind == KIND_KEY)
        return keyring_remove(&lmdb_of(s)->keyring, key);
    rc = mdb_del(e->change, e->dbi[kind], &name, NULL);
    return lmdb_err(e, rc == MDB_NOTFOUND ? MDB_SUCCESS : rc, "delete");
}

/*
 * Whether nothing of a refused transaction can be on disk.  A failed write of
 * the meta page could be, and LMDB then begins no further one.
 */
static enum err check_refusal(struct lmdb_env *e)
{
    MDB_txn *txn = NULL;

    TRY(lmdb_err(e, mdb_txn_begin(e->env, NULL, 0, &txn), "go on after a failed write"));
    mdb_txn_abort(txn);
    return OK;
}

static enum err do_commit(struct store *s)
{
    struct lmdb_store *l = lmdb_of(s);
    enum err e;

    TRY(keyring_commit(&l->keyring));
    e = lmdb_err(&l->photos, mdb_txn_commit(TAKE(l->photos.change)), "commit");
    if (e != ERR_FULL && e != ERR_NOMEM)
        return e;
    TRY(check_refusal(&l->photos));
    /* If even this fails the keys stay: they open nothing, and are swept. */
    TRY(keyring_revert(&l->keyring));
    return e;
}

static enum err do_erase(struct store *s)
{
    struct keyring *k = &lmdb_of(s)->keyring;
    enum err e = keyring_erase(k);

    keyring_end(k);
    return e;
}

static void do_abort(struct store *s)
{
    struct lmdb_store *l = lmdb_of(s);

    mdb_txn_abort(TAKE(l->photos.change));
    keyring_end(&l->keyring);
}

/* ---- Read ---- */

/* Read-ahead is off for the map: for a picture, ask for all its pages at once instead of faulting each. */
static void will_need(const MDB_val *value)
{
    uintptr_t skip = (uintptr_t)value->mv_data % PAGE_BYTES;

    if (value->mv_size >= WILLNEED_BYTES)
        (void)madvise((char *)value->mv_data - skip, value->mv_size + skip, MADV_WILLNEED);
}

static enum err do_get(struct store *s, enum store_kind kind, struct span key, struct buf *value)
{
    struct lmdb_env *env = env_of(s, kind);
    MDB_val name = lmdb_val(key), found;
    MDB_txn *txn;
    enum err e;

    TRY(lmdb_reader_take(env, &txn));
    e = lmdb_err(env, mdb_get(txn, env->dbi[kind], &name, &found), "read");
    if (!e) {
        will_need(&found);
        e = buf_append(value, found.mv_data, found.mv_size);
    }
    lmdb_reader_give(env, txn);
    return e;
}

static bool has_prefix(const MDB_val *key, struct span prefix)
{
    return key->mv_size >= prefix.len && (!prefix.len || memcmp(key->mv_data, prefix.at, prefix.len) == 0);
}

static enum err walk(struct lmdb_env *env, MDB_cursor *cursor, struct span prefix, struct span after,
                     store_visit *visit, void *context)
{
    struct span first = after.len ? after : prefix;
    MDB_val key = lmdb_val(first), value;
    int rc = mdb_cursor_get(cursor, &key, &value, first.len ? MDB_SET_RANGE : MDB_FIRST);

    if (!rc && after.len && key.mv_size == after.len && memcmp(key.mv_data, after.at, after.len) == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    for (; !rc && has_prefix(&key, prefix); rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
        TRY(visit(context, key.mv_data, key.mv_size, value.mv_data, value.mv_size));
    return rc == MDB_NOTFOUND ? OK : lmdb_err(env, rc, "read");
}

static enum err do_walk(struct store *s, enum store_kind kind, struct span prefix, struct span after,
                        store_visit *visit, void *context)
{
    struct lmdb_env *env = env_of(s, kind);
    MDB_cursor *cursor;
    MDB_txn *txn;
    enum err e;

    TRY(lmdb_reader_take(env, &txn));
    e = lmdb_err(env, mdb_cursor_open(txn, env->dbi[kind], &cursor), "read");
    if (!e) {
        e = walk(env, cursor, prefix, after, visit, context);
        mdb_cursor_close(cursor);
    }
    lmdb_reader_give(env, txn);
    return e;
}

static enum err do_count(struct store *s, enum store_kind kind, uint64_t *count)
{
    struct lmdb_env *env = env_of(s, kind);
    MDB_stat st;
    MDB_txn *txn;
    enum err e;

    TRY(lmdb_reader_take(env, &txn));
    e = lmdb_err(env, mdb_stat(txn, env->dbi[kind], &st), "read");
    if (!e)
        *count = st.ms_entries;
    lmdb_reader_give(env, txn);
    return e;
}

static enum err do_capacity(struct store *s, uint64_t *total, uint64_t *available)
{
    struct statvfs v;

    if (fstatvfs(lmdb_of(s)->dir_fd, &v)) {
        log_errno("store: cannot ask how full the volume is");
        return ERR_IO;
    }
    *total = (uint64_t)v.f_blocks * v.f_frsize;
    *available = (uint64_t)v.f_bavail * v.f_frsize;
    return OK;
}

/* ---- Upkeep ---- */

static enum err do_compact(struct store *s, enum store_file file, struct store_compacted *out)
{
    struct lmdb_env *e = file == STORE_KEYRING ? &lmdb_of(s)->keyring.env : &lmdb_of(s)->photos;
    enum err result;

    TRY(lmdb_compact_write(e, out));
    result = lmdb_compact_replace(e);
    if (result)
        s->readonly = true;
    return result;
}

static enum err do_tend(struct store *s, uint64_t *commits_behind)
{
    uint64_t behind = 0;

    TRY(lmdb_env_tend(&lmdb_of(s)->keyring.env, &behind));
    TRY(lmdb_env_tend(&lmdb_of(s)->photos, commits_behind));
    if (behind > *commits_behind)
        *commits_behind = behind;
    return OK;
}

/* ---- Open ---- */

static void do_close(struct store *s)
{
    struct lmdb_store *l = lmdb_of(s);

    lmdb_env_close(&l->keyring.env);
    lmdb_env_close(&l->photos);
    store_clear(&l->base);
    fd_cleanup(&l->dir_fd);
    fd_cleanup(&l->lock_fd);
    free(l);
}

static const struct store_ops ops = {
    .begin = do_begin,
    .peek = do_peek,
    .put = do_put,
    .remove = do_remove,
    .commit = do_commit,
    .erase = do_erase,
    .abort = do_abort,
    .get = do_get,
    .walk = do_walk,
    .count = do_count,
    .capacity = do_capacity,
    .compact = do_compact,
    .tend = do_tend,
    .close = do_close,
};

/* LMDB must not be opened twice, not even by one process: closing one would drop the locks of both. */
static enum err take_lock(int *out, int dir_fd, int flags)
{
    CLEANUP(fd) int fd = openat(dir_fd, "lock", O_RDWR | O_CLOEXEC | flags, 0600);

    if (fd < 0 && errno == ENOENT) {
        log_error("store: there is no store here (no `lock`); `photoctl init` makes one");
        return ERR_NOTFOUND;
    }
    if (fd < 0) {
        enum err e = errno == ENOSPC ? ERR_FULL : ERR_IO;

        log_errno("store: cannot open `lock`");
        return e;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        log_error("store: another process has it open");
        return ERR_BUSY;
    }
    *out = TAKE_FD(fd);
    return OK;
}

enum err lmdb_create(int dir_fd)
{
    CLEANUP(fd) int lock_fd = -1;

    TRY(take_lock(&lock_fd, dir_fd, O_CREAT));
    /* `photos` last: its format row says that the store is whole.  An empty keyring may be left from a crash.
     */
    for (int part = LMDB_KEYRING; part >= LMDB_PHOTOS; part--) {
        enum err e = lmdb_env_create(dir_fd, (enum lmdb_env_part)part);

        if (e && !(e == ERR_EXISTS && part == LMDB_KEYRING))
            return e;
    }
    if (fsync(dir_fd)) {
        log_errno("store: cannot sync its directory");
        return ERR_IO;
    }
    return OK;
}

enum err lmdb_open(struct store **out, int dir_fd, size_t photos_map_bytes)
{
    struct lmdb_store *l = calloc(1, sizeof *l);
    CLEANUP(store) struct store *s = NULL;

    if (!l)
        return ERR_NOMEM;
    l->dir_fd = l->lock_fd = -1;
    l->base.ops = &ops;
    s = &l->base;
    TRY(store_init(s, &ops));
    l->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (l->dir_fd < 0)
        return ERR_IO;
    TRY(take_lock(&l->lock_fd, l->dir_fd, 0));
    TRY(lmdb_env_open(&l->photos, l->dir_fd, LMDB_PHOTOS, photos_map_bytes));
    TRY(lmdb_env_open(&l->keyring.env, l->dir_fd, LMDB_KEYRING, KEYRING_MAP));
    TRY(store_start(s));
    *out = TAKE(s);
    return OK;
}
