#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "store/merkle.h"
#include "store/store.h"

/*
 * What a backend supplies.  What a batch means (expectations, leaves, the
 * tree, results) is written once, above this interface, in commit.c and
 * log.c; a backend knows only transactions over kinds, keys and values.
 *
 * It reports the machine's answer as an error: ERR_FULL (no room, nothing
 * changed), ERR_NOMEM (the same), ERR_IO (unknown what is on disk),
 * ERR_CORRUPT; and logs the cause of the last two.
 */
struct span {
    const unsigned char *at;
    size_t len;
};

struct store_ops {
    /* One transaction at a time, of the committing thread. */
    enum err (*begin)(struct store *s);
    /* The value as the transaction sees it, borrowed until its next change. Expected: ERR_NOTFOUND. */
    enum err (*peek)(struct store *s, enum store_kind kind, struct span key, struct span *value);
    enum err (*put)(struct store *s, enum store_kind kind, struct span key, struct span value);
    enum err (*remove)(struct store *s, enum store_kind kind, struct span key);
    /* New keys, then all else.  After an error: abort. */
    enum err (*commit)(struct store *s);
    /* After commit: the deletions of keys.  Ends the transaction, also on error. */
    enum err (*erase)(struct store *s);
    void (*abort)(struct store *s);

    /* Any thread, any time; they see what is committed. */
    enum err (*get)(struct store *s, enum store_kind kind, struct span key, struct buf *value);
    /* after: pass over entries up to this key, if it is not empty. */
    enum err (*walk)(struct store *s, enum store_kind kind, struct span prefix, struct span after,
                     store_visit *visit, void *context);
    enum err (*count)(struct store *s, enum store_kind kind, uint64_t *count);
    enum err (*capacity)(struct store *s, uint64_t *total, uint64_t *available);
    /* Of the committing thread, with no transaction open. */
    enum err (*compact)(struct store *s, enum store_file file, struct store_compacted *out);
    enum err (*tend)(struct store *s, uint64_t *commits_behind);
    void (*close)(struct store *s);
};

struct journal;

/* The part that all backends share; a backend's own struct starts with it. */
struct store {
    const struct store_ops *ops;
    atomic_bool readonly; /* after a write error, for good */
    struct merkle *log;   /* of the committing thread */
    struct journal *journal;
    pthread_mutex_t head_lock;
    struct store_head head;
};

/* Fills *s for a new backend object. */
MUST_CHECK enum err store_init(struct store *s, const struct store_ops *ops);
/* Checks the format and loads the log: the last step of opening. */
MUST_CHECK enum err store_start(struct store *s);
/* Undoes store_init; called by ops->close. */
void store_clear(struct store *s);

#endif
