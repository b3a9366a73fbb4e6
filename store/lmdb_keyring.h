#ifndef STORE_LMDB_KEYRING_H
#define STORE_LMDB_KEYRING_H

#include "store/lmdb_env.h"

/*
 * The keyring's side of a transaction.  Its changes cannot be in one LMDB
 * transaction with those of `photos`, so the order makes them safe: a key is
 * on disk before the photo it opens, and goes after all that says it goes.
 * A crash in between leaves a key that opens nothing (swept later) or an
 * erasure still open (replayed at start), never a photo without its key.
 *
 * Not touched at all by a group that changes no keys.
 */
struct key_note;

struct keyring {
    struct lmdb_env env;
    struct key_note *before; /* what new keys replaced, newest first: to take them back */
    void *doomed;            /* deletions that wait for the commit of `photos`: a tree of them, by key */
};

/* As the operations of the same names in struct store_ops. */
MUST_CHECK enum err keyring_peek(struct keyring *k, struct span key, struct span *value);
MUST_CHECK enum err keyring_put(struct keyring *k, struct span key, struct span value);
MUST_CHECK enum err keyring_remove(struct keyring *k, struct span key);

/* Commits the new keys. */
MUST_CHECK enum err keyring_commit(struct keyring *k);
/* Takes committed new keys back: `photos` had no room. */
MUST_CHECK enum err keyring_revert(struct keyring *k);
/* Deletes what was to be deleted, and commits that. */
MUST_CHECK enum err keyring_erase(struct keyring *k);
/* Forgets whatever was begun. */
void keyring_end(struct keyring *k);

#endif
