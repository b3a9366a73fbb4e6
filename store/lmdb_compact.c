#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "photod/base/log.h"
#include "store/lmdb_compact.h"

/* ---- Whether the copy is one ---- */

/* Without a lock file: nobody else knows of it. */
static int open_copy(MDB_env **out, int env_fd)
{
    char path[64];
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/" LMDB_COMPACT_NEW, env_fd);
    if (!rc)
        rc = mdb_env_set_maxdbs(env, KIND_COUNT);
    if (!rc)
        rc = mdb_env_open(env, path, MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, 0);
    if (rc && env)
        mdb_env_close(env);
    else
        *out = env;
    return rc;
}

static bool is_same(const MDB_val *a, const MDB_val *b)
{
    return a->mv_size == b->mv_size && (!a->mv_size || memcmp(a->mv_data, b->mv_data, a->mv_size) == 0);
}

/* MDB_CORRUPTED: they differ. */
static int compare_cursors(MDB_cursor *a, MDB_cursor *b)
{
    MDB_val key_a, key_b, value_a, value_b;
    int rc_a, rc_b;

    do {
        rc_a = mdb_cursor_get(a, &key_a, &value_a, MDB_NEXT);
        rc_b = mdb_cursor_get(b, &key_b, &value_b, MDB_NEXT);
        if (!rc_a && !rc_b && !(is_same(&key_a, &key_b) && is_same(&value_a, &value_b)))
            return MDB_CORRUPTED;
    } while (!rc_a && !rc_b);
    if (rc_a == MDB_NOTFOUND && rc_b == MDB_NOTFOUND)
        return MDB_SUCCESS;
    return rc_a && rc_a != MDB_NOTFOUND ? rc_a : MDB_CORRUPTED;
}

/* One database, named by the first environment's handle. */
static int compare_kind(MDB_txn *a, MDB_dbi dbi_a, MDB_txn *b, const char *name)
{
    MDB_cursor *cursor_a = NULL, *cursor_b = NULL;
    MDB_dbi dbi_b;
    int rc = mdb_dbi_open(b, name, 0, &dbi_b);

    if (!rc)
        rc = mdb_cursor_open(a, dbi_a, &cursor_a);
    if (!rc)
        rc = mdb_cursor_open(b, dbi_b, &cursor_b);
    if (!rc)
        rc = compare_cursors(cursor_a, cursor_b);
    if (cursor_a)
        mdb_cursor_close(cursor_a);
    if (cursor_b)
        mdb_cursor_close(cursor_b);
    return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

static int compare_all(struct lmdb_env *e, MDB_txn *mine, MDB_env *copy)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(copy, NULL, MDB_RDONLY, &txn);

    for (unsigned kind = 0; kind < KIND_COUNT && !rc; kind++)
        if (lmdb_env_part((enum store_kind)kind) == e->part)
            rc = compare_kind(mine, e->dbi[kind], txn, lmdb_kind_name((enum store_kind)kind));
    mdb_txn_abort(txn);
    return rc;
}

static enum err compare(struct lmdb_env *e, int env_fd)
{
    MDB_env *copy = NULL;
    MDB_txn *mine;
    int rc;

    TRY(lmdb_reader_take(e, &mine));
    rc = open_copy(&copy, env_fd);
    if (!rc) {
        rc = compare_all(e, mine, copy);
        mdb_env_close(copy);
    }
    lmdb_reader_give(e, mine);
    return lmdb_err(e, rc, "find the compact copy the same");
}

/* ---- Writing ---- */

static enum err bytes_of(int env_fd, const char *name, uint64_t *bytes)
{
    struct stat st;

    if (fstatat(env_fd, name, &st, 0))
        return ERR_IO;
    *bytes = (uint64_t)st.st_size;
    return OK;
}

/* Root may do it for the vault's user. */
static int give_to_owner(int fd, int env_fd)
{
    struct stat st;

    if (fstatat(env_fd, "data.mdb", &st, 0))
        return errno;
    return st.st_uid != geteuid() && fchown(fd, st.st_uid, st.st_gid) ? errno : 0;
}

static enum err write_copy(struct lmdb_env *e, int env_fd)
{
    CLEANUP(fd) int fd = openat(env_fd, LMDB_COMPACT_NEW, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = fd < 0 ? errno : give_to_owner(fd, env_fd);

    if (!rc)
        rc = mdb_env_copyfd2(e->env, fd, MDB_CP_COMPACT);
    if (!rc && fsync(fd))
        rc = errno;
    return lmdb_err(e, rc, "write a compact copy");
}

enum err lmdb_compact_write(struct lmdb_env *e, struct store_compacted *out)
{
    CLEANUP(fd) int env_fd = -1;
    enum err result;

    TRY(lmdb_env_dir(&env_fd, e->dir_fd, e->name));
    result = write_copy(e, env_fd);
    if (!result)
        result = compare(e, env_fd);
    if (!result)
        result = bytes_of(env_fd, "data.mdb", &out->bytes_before);
    if (!result)
        result = bytes_of(env_fd, LMDB_COMPACT_NEW, &out->bytes_after);
    if (result)
        (void)unlinkat(env_fd, LMDB_COMPACT_NEW, 0);
    return result;
}

enum err lmdb_compact_replace(struct lmdb_env *e)
{
    CLEANUP(fd) int env_fd = -1;

    TRY(lmdb_env_dir(&env_fd, e->dir_fd, e->name));
    if (renameat(env_fd, LMDB_COMPACT_NEW, env_fd, "data.mdb") || fsync(env_fd)) {
        log_errno("store: %s: cannot put the compact copy in place", e->name);
        return ERR_IO;
    }
    return lmdb_env_reopen(e);
}
