#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "photod/base/log.h"
#include "store/format.h"
#include "store/lmdb_check.h"
#include "store/lmdb_compact.h"
#include "store/lmdb_env.h"

#define FREE_MIN_BYTES (16u << 20)
#define MAP_TRIES      3 /* each a sixteenth of the one before: 1 TiB, 64 GiB, 4 GiB */

/* Names of the databases.  On disk: never rename. */
static const char *const names[KIND_COUNT] = {
    [KIND_META] = "meta",
    [KIND_STUDENT] = "student",
    [KIND_CONSENT] = "consent",
    [KIND_GENERATION] = "generation",
    [KIND_RENDITION] = "rendition",
    [KIND_BATCH] = "batch",
    [KIND_ROW] = "row",
    [KIND_CASE] = "case",
    [KIND_RELEASE] = "release",
    [KIND_PRINCIPAL] = "principal",
    [KIND_DETAIL] = "detail",
    [KIND_ERASURE] = "erasure",
    [KIND_LEAF] = "leaf",
    [KIND_TILE] = "tile",
    [KIND_KEY] = "key",
    [KIND_CHANGE] = "change",
    [KIND_MEMBER] = "member",
};

static const char *const part_names[] = {[LMDB_PHOTOS] = "photos", [LMDB_KEYRING] = "keyring"};

enum lmdb_env_part lmdb_env_part(enum store_kind kind)
{
    return kind == KIND_KEY ? LMDB_KEYRING : LMDB_PHOTOS;
}

const char *lmdb_kind_name(enum store_kind kind)
{
    return names[kind];
}

/* ---- Return codes ---- */

/* A full disk often shows as a short write, which LMDB reports as EIO. */
static bool is_short_of_space(int dir_fd)
{
    struct statvfs v;
    uint64_t free_bytes;

    if (fstatvfs(dir_fd, &v))
        return false;
    free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    return free_bytes < FREE_MIN_BYTES || v.f_bavail < v.f_blocks / 100;
}

static enum err classify(const struct lmdb_env *e, int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return OK;
    case MDB_NOTFOUND:
        return ERR_NOTFOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case EIO:
        return is_short_of_space(e->dir_fd) ? ERR_FULL : ERR_IO;
    case ENOMEM:
        return ERR_NOMEM;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_KEYEXIST: /* only from MDB_APPEND: a leaf beyond the end of the log */
        return ERR_CORRUPT;
    default:
        return ERR_IO;
    }
}

enum err lmdb_err(struct lmdb_env *e, int rc, const char *doing)
{
    enum err result = classify(e, rc);

    /* MDB_PANIC only repeats that an earlier failure, logged then, was fatal. */
    if ((result == ERR_IO || result == ERR_CORRUPT) && rc != MDB_PANIC)
        log_error("store: %s: cannot %s: %s", e->name, doing, mdb_strerror(rc));
    return result;
}

/* ---- Opening ---- */

static int open_databases(struct lmdb_env *e, MDB_txn *txn, enum lmdb_env_part part, unsigned flags)
{
    int rc = MDB_SUCCESS;

    for (unsigned kind = 0; kind < KIND_COUNT && !rc; kind++)
        if (lmdb_env_part((enum store_kind)kind) == part)
            rc = mdb_dbi_open(txn, names[kind], flags, &e->dbi[kind]);
    return rc;
}

/* mdb_env_open, with as much of the address space as can be had: ulimit -v and valgrind (EINVAL) leave less.
 */
static int open_map(struct lmdb_env *e, int env_fd, size_t map_bytes)
{
    char path[40];
    int rc = ENOMEM;

    /* Not by its plain path: a parent directory may be closed to our user. */
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", env_fd);
    for (unsigned i = 0; i < MAP_TRIES && (rc == ENOMEM || rc == EINVAL); i++, map_bytes /= 16) {
        rc = mdb_env_create(&e->env);
        if (rc)
            return rc;
        rc = mdb_env_set_maxdbs(e->env, KIND_COUNT);
        if (!rc)
            rc = mdb_env_set_mapsize(e->env, map_bytes);
        if (!rc)
            rc = mdb_env_open(e->env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600);
        if (rc) {
            mdb_env_close(e->env);
            e->env = NULL;
        }
    }
    return rc;
}

static void init(struct lmdb_env *e, int dir_fd, enum lmdb_env_part part)
{
    *e = (struct lmdb_env){.name = part_names[part], .part = part, .dir_fd = dir_fd};
    (void)pthread_mutex_init(&e->lock, NULL);
    (void)pthread_rwlock_init(&e->in_use, NULL);
}

enum err lmdb_env_dir(int *out, int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        log_error("store: there is no store here (no `%s`); `photoctl init` makes one", name);
        return ERR_NOTFOUND;
    }
    if (fd < 0) {
        log_errno("store: cannot open `%s`", name);
        return ERR_IO;
    }
    *out = fd;
    return OK;
}

static enum err open_env(struct lmdb_env *e)
{
    CLEANUP(fd) int env_fd = -1;
    MDB_txn *txn = NULL;
    int rc, dead;

    TRY(lmdb_env_dir(&env_fd, e->dir_fd, e->name));
    (void)unlinkat(env_fd, LMDB_COMPACT_NEW, 0); /* a crash may have left it half written */
    TRY(lmdb_check(env_fd, e->name));
    rc = open_map(e, env_fd, e->map_bytes);
    if (!rc)
        rc = mdb_reader_check(e->env, &dead);
    if (!rc)
        rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn);
    if (!rc)
        rc = open_databases(e, txn, e->part, 0);
    if (!rc)
        rc = mdb_txn_commit(txn); /* commit, or the handles are gone */
    else
        mdb_txn_abort(txn);
    return lmdb_err(e, rc == MDB_NOTFOUND ? MDB_INVALID : rc, "open it");
}

enum err lmdb_env_open(struct lmdb_env *e, int dir_fd, enum lmdb_env_part part, size_t map_bytes)
{
    init(e, dir_fd, part);
    e->map_bytes = map_bytes;
    return open_env(e);
}

static void close_env(struct lmdb_env *e)
{
    while (e->idle_count)
        mdb_txn_abort(e->idle[--e->idle_count]);
    if (e->env)
        mdb_env_close(e->env);
    e->env = NULL;
}

void lmdb_env_close(struct lmdb_env *e)
{
    if (!e->name)
        return;
    close_env(e);
    (void)pthread_rwlock_destroy(&e->in_use);
    (void)pthread_mutex_destroy(&e->lock);
    *e = (struct lmdb_env){.name = NULL};
}

enum err lmdb_env_reopen(struct lmdb_env *e)
{
    enum err result;

    (void)pthread_rwlock_wrlock(&e->in_use);
    close_env(e);
    result = open_env(e);
    if (result)
        close_env(e);
    (void)pthread_rwlock_unlock(&e->in_use);
    return result;
}

/* ---- Making one ---- */

static int fill(struct lmdb_env *e, MDB_txn *txn, enum lmdb_env_part part)
{
    MDB_val key = lmdb_val(format_key()), value = lmdb_val(format_value());
    MDB_stat st;
    int rc = mdb_stat(txn, 1, &st); /* 1: the names of the databases */

    if (!rc && st.ms_entries)
        return EEXIST;
    if (!rc)
        rc = open_databases(e, txn, part, MDB_CREATE);
    if (!rc && part == LMDB_PHOTOS)
        rc = mdb_put(txn, e->dbi[KIND_META], &key, &value, 0);
    return rc;
}

static int create(struct lmdb_env *e, int env_fd, enum lmdb_env_part part)
{
    MDB_txn *txn = NULL;
    int rc = open_map(e, env_fd, (size_t)1 << 30);

    if (!rc)
        rc = mdb_txn_begin(e->env, NULL, 0, &txn);
    if (!rc)
        rc = fill(e, txn, part);
    if (!rc)
        rc = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return !rc && fsync(env_fd) ? errno : rc;
}

enum err lmdb_env_create(int dir_fd, enum lmdb_env_part part)
{
    CLEANUP(fd) int env_fd = -1;
    struct lmdb_env e;
    enum err result;
    int rc;

    if (mkdirat(dir_fd, part_names[part], 0700) && errno != EEXIST) {
        result = errno == ENOSPC ? ERR_FULL : ERR_IO;
        log_errno("store: cannot make `%s`", part_names[part]);
        return result;
    }
    TRY(lmdb_env_dir(&env_fd, dir_fd, part_names[part]));
    init(&e, dir_fd, part);
    rc = create(&e, env_fd, part);
    result = rc == EEXIST ? ERR_EXISTS : lmdb_err(&e, rc, "make it");
    lmdb_env_close(&e);
    return result;
}

/* ---- Readers ---- */

enum err lmdb_reader_take(struct lmdb_env *e, MDB_txn **txn)
{
    MDB_txn *taken = NULL;
    int rc;

    (void)pthread_rwlock_rdlock(&e->in_use);
    (void)pthread_mutex_lock(&e->lock);
    if (e->idle_count)
        taken = e->idle[--e->idle_count];
    (void)pthread_mutex_unlock(&e->lock);
    if (taken)
        rc = mdb_txn_renew(taken);
    else
        rc = e->env ? mdb_txn_begin(e->env, NULL, MDB_RDONLY, &taken) : EIO;
    if (rc) {
        mdb_txn_abort(taken);
        (void)pthread_rwlock_unlock(&e->in_use);
        return lmdb_err(e, rc, "read");
    }
    *txn = taken;
    return OK;
}

void lmdb_reader_give(struct lmdb_env *e, MDB_txn *txn)
{
    mdb_txn_reset(txn); /* or its old pages could never be used again */
    (void)pthread_mutex_lock(&e->lock);
    if (e->idle_count < READERS_IDLE)
        e->idle[e->idle_count++] = TAKE(txn);
    (void)pthread_mutex_unlock(&e->lock);
    mdb_txn_abort(txn);
    (void)pthread_rwlock_unlock(&e->in_use);
}

/* A line of mdb_reader_list(): process, thread, and the transaction it reads, or "-". */
static int oldest_of(const char *line, void *context)
{
    uint64_t *oldest = context, reads;

    if (sscanf(line, "%*d %*x %" SCNu64, &reads) == 1 && reads < *oldest)
        *oldest = reads;
    return 0;
}

enum err lmdb_env_tend(struct lmdb_env *e, uint64_t *commits_behind)
{
    uint64_t oldest = UINT64_MAX;
    MDB_envinfo info;
    int dead, rc;

    (void)pthread_rwlock_rdlock(&e->in_use);
    rc = e->env ? mdb_reader_check(e->env, &dead) : EIO;
    if (!rc && mdb_reader_list(e->env, oldest_of, &oldest) < 0)
        rc = EIO;
    if (!rc)
        rc = mdb_env_info(e->env, &info);
    (void)pthread_rwlock_unlock(&e->in_use);
    if (!rc)
        *commits_behind = oldest < info.me_last_txnid ? info.me_last_txnid - oldest : 0;
    return lmdb_err(e, rc, "look after its readers");
}
