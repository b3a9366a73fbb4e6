#ifndef STORE_LMDB_ENV_H
#define STORE_LMDB_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include "store/backend.h"

/*
 * One LMDB environment: opening it safely, its pool of read transactions, and
 * what its return codes mean to us.  Not for fork: only the process that
 * opened it may use it.
 */
#define READERS_IDLE 4

enum lmdb_env_part { LMDB_PHOTOS, LMDB_KEYRING };

struct lmdb_env {
    const char *name; /* of its directory */
    enum lmdb_env_part part;
    int dir_fd; /* of the store; borrowed */
    MDB_env *env;
    MDB_dbi dbi[KIND_COUNT];
    MDB_txn *change; /* the write transaction, while there is one */
    size_t map_bytes;
    pthread_rwlock_t in_use; /* held for reading by each reader: the environment stays as long */
    pthread_mutex_t lock;
    MDB_txn *idle[READERS_IDLE]; /* reset read transactions, ready to be renewed */
    size_t idle_count;
};

enum lmdb_env_part lmdb_env_part(enum store_kind kind);
/* Of its database. */
const char *lmdb_kind_name(enum store_kind kind);

/* Opens the environment in dir_fd/<part>.  Expected (logged): ERR_NOTFOUND, ERR_CORRUPT, ERR_IO, ERR_FULL. */
MUST_CHECK enum err lmdb_env_open(struct lmdb_env *e, int dir_fd, enum lmdb_env_part part, size_t map_bytes);
/* Makes one, empty; `photos` gets the format row.  Expected: ERR_EXISTS when it is there already. */
MUST_CHECK enum err lmdb_env_create(int dir_fd, enum lmdb_env_part part);
void lmdb_env_close(struct lmdb_env *e);
/* After its file was replaced: waits for the readers, and opens it anew.  On error nothing can be read any
 * more. */
MUST_CHECK enum err lmdb_env_reopen(struct lmdb_env *e);
/* Its directory.  Expected (logged): ERR_NOTFOUND, ERR_IO. */
MUST_CHECK enum err lmdb_env_dir(int *out, int dir_fd, const char *name);

/* A read transaction for one call; give it back before returning. */
MUST_CHECK enum err lmdb_reader_take(struct lmdb_env *e, MDB_txn **txn);
void lmdb_reader_give(struct lmdb_env *e, MDB_txn *txn);

/* As store_tend(), of one environment. */
MUST_CHECK enum err lmdb_env_tend(struct lmdb_env *e, uint64_t *commits_behind);

/* Translates a return code.  Logs ERR_IO and ERR_CORRUPT; `doing` says what we were at. */
MUST_CHECK enum err lmdb_err(struct lmdb_env *e, int rc, const char *doing);

static inline MDB_val lmdb_val(struct span span)
{
    /* LMDB's struct is not const-correct; it does not write through keys or values given to it. */
    union {
        const void *in;
        void *out;
    } at = {.in = span.at};

    return (MDB_val){.mv_size = span.len, .mv_data = at.out};
}

#endif
