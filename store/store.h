#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "photod/base/buf.h"
#include "photod/base/cleanup.h"
#include "photod/base/err.h"

/*
 * What is on disk, at the level of what we mean: batches of changes that
 * carry their audit leaves, all or nothing.  The store sees only sealed
 * bytes and opaque keys; it knows neither children nor key material.
 *
 * Two files of facts: `photos` (all kinds but KIND_KEY; copies may live
 * long) and `keyring` (KIND_KEY: wrapped DEKs; copies live at most 7 days).
 *
 * One thread commits: store_commit, store_is_readonly, store_compact, store_log_proof,
 * store_changes_since, store_verify and all of tiles.h are its own.  All other
 * reads may come from any thread at any time.
 */
struct store;

/* Kinds.  Numbers are on disk: never renumber. */
enum store_kind {
    KIND_META = 0,       /* format version, heartbeat, counters: text key */
    KIND_STUDENT = 1,    /* sid -> sealed record */
    KIND_CONSENT = 2,    /* sid -> sealed history of answers */
    KIND_GENERATION = 3, /* sid -> sealed list of photo generations */
    KIND_RENDITION = 4,  /* sid, generation (8, BE), rendition (1) -> sealed picture */
    KIND_BATCH = 5,      /* batch id -> sealed state */
    KIND_ROW = 6,        /* batch id, row (4, BE) -> sealed report row */
    KIND_CASE = 7,
    KIND_RELEASE = 8,   /* idempotency keys and what they released */
    KIND_PRINCIPAL = 9, /* district, agency, credential, key */
    KIND_DETAIL = 10,   /* leaf index (8, BE) -> sealed side record */
    KIND_ERASURE = 11,  /* as KIND_KEY: DEKs that are going and not known to be gone */
    KIND_LEAF = 12,     /* leaf index (8, BE) -> entry; written by the store itself */
    KIND_TILE = 13,     /* level (1), tile (8, BE) -> hashes; written by the store itself */
    KIND_KEY = 14,      /* subject, generation (8, BE) -> wrapped DEK; the keyring */
    KIND_CHANGE = 15,   /* which keys a group touched; written by the store itself: journal.h */
    KIND_MEMBER = 16,   /* batch id, sid -> generation (8, BE): the photos that a batch brought */
    KIND_COUNT
};

#define STORE_KEY_MAX   64
#define STORE_VALUE_MAX (8u << 20)
#define LEAF_MAX        512
#define LOG_HASH_BYTES  32

/* ---- Open ---- */

/* Makes an empty store in the directory.  Expected: ERR_EXISTS, ERR_FULL. */
MUST_CHECK enum err store_create(int dir_fd);
/*
 * Expected: ERR_NOTFOUND (none there), ERR_DENIED (written by a newer photod),
 * ERR_CORRUPT, ERR_BUSY (another process has it open).  Each is logged in
 * one clear line.
 */
MUST_CHECK enum err store_open(struct store **out, int dir_fd);
void store_close(struct store *s);
static inline void store_cleanup(struct store **held)
{
    store_close(*held);
}

/* ---- Change ---- */

/*
 * A batch: all of it, or nothing of it.  Sizes and kinds are checked as it is
 * filled: ERR_LIMIT for a key, value or leaf that is empty (keys, leaves) or
 * too large, ERR_DENIED for what the store writes itself (KIND_LEAF,
 * KIND_TILE, KIND_CHANGE, and `format` and `log` in KIND_META).
 */
struct store_batch;

MUST_CHECK enum err store_batch_new(struct store_batch **out);
void store_batch_free(struct store_batch *b);
DEFINE_CLEANUP(store_batch)

/* Copies key and value. */
MUST_CHECK enum err store_batch_put(struct store_batch *b, enum store_kind kind, const void *key,
                                    size_t key_len, const void *value, size_t value_len);
/* Deleting what is not there is no error. */
MUST_CHECK enum err store_batch_delete(struct store_batch *b, enum store_kind kind, const void *key,
                                       size_t key_len);
/*
 * The batch holds only if the value is still these bytes; NULL: still
 * absent.  So a decision made from what was read is void when that changed.
 */
MUST_CHECK enum err store_batch_expect(struct store_batch *b, enum store_kind kind, const void *key,
                                       size_t key_len, const void *value, size_t value_len);
/* Adds an audit leaf (at most LEAF_MAX bytes) and its sealed side record (may be empty). */
MUST_CHECK enum err store_batch_leaf(struct store_batch *b, const void *leaf, size_t leaf_len,
                                     const void *detail, size_t detail_len);

enum store_result {
    STORE_COMMITTED, /* durable */
    STORE_CONFLICT,  /* an expectation failed: nothing of this batch was changed; decide again */
    STORE_FULL,      /* no room: nothing was changed; but see store_commit on keys */
    STORE_READONLY,  /* an earlier write error made the store read-only; nothing was changed */
    STORE_UNKNOWN,   /* the disk failed: restart, and look; also when a key could not be removed */
    STORE_CORRUPT
};

struct store_outcome {
    enum store_result result;
    uint64_t first_leaf; /* index of the batch's first leaf, if it had one */
};

/* The log after a commit. */
struct store_head {
    uint64_t size;
    unsigned char root[LOG_HASH_BYTES];
};

/*
 * Commits a group of batches with one sync (group commit); later batches of
 * the group see earlier ones.  Order on disk: new keys, then everything
 * else with its leaves, then deletions of keys; so a leaf that says a key is
 * gone belongs in a later group than its deletion.  A group that finds no
 * room is tried again batch by batch, so that an upload which does not fit
 * takes no lookup or erasure down with it.  What a crash, or a disk without
 * any room, can leave is a key before its photo came or after it went: so a
 * key that something needs is only ever replaced by another wrapping of the
 * same, and one that nothing needs is deleted before another takes its name.
 * Fills outcomes[0..count-1] and the head.
 */
void store_commit(struct store *s, struct store_batch *const *batches, size_t count,
                  struct store_outcome *outcomes, struct store_head *head);

/* Whether a failed write made it read-only: what is on disk only a new start can tell. */
bool store_is_readonly(const struct store *s);

/* ---- Read ---- */

/* Appends a copy of the value.  Expected: ERR_NOTFOUND. */
MUST_CHECK enum err store_get(struct store *s, enum store_kind kind, const void *key, size_t key_len,
                              struct buf *value);

/* Called in key order; a non-zero return ends the walk and is returned. */
typedef enum err store_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len);
/* All entries of the kind whose key starts with prefix.  Must not call the store from visit. */
MUST_CHECK enum err store_walk(struct store *s, enum store_kind kind, const void *prefix, size_t prefix_len,
                               store_visit *visit, void *context);
/* The same from the first entry after a key on (none: from the first), for a walk in several steps. */
MUST_CHECK enum err store_walk_after(struct store *s, enum store_kind kind, const void *after,
                                     size_t after_len, store_visit *visit, void *context);
MUST_CHECK enum err store_count(struct store *s, enum store_kind kind, uint64_t *count);

/* How full the volume is: bytes it has, bytes free for us. */
MUST_CHECK enum err store_capacity(struct store *s, uint64_t *total, uint64_t *available);

/* ---- Following ---- */

#define STORE_LINE_BYTES 8

/*
 * Where somebody who follows the store stands: at the end of a committed
 * group and, between two slices, so many changes into the next.  A store
 * that was made anew, by a restore too, has another line.
 */
struct store_position {
    unsigned char line[STORE_LINE_BYTES];
    uint64_t number; /* groups that changed something, from the first */
    uint64_t seen;
};

/* Where the store stands. */
void store_position(struct store *s, struct store_position *now);

/* value NULL: it is gone.  A non-zero return ends the slice and is returned. */
typedef enum err store_change_visit(void *context, enum store_kind kind, const unsigned char *key,
                                    size_t key_len, const unsigned char *value, size_t value_len);
/*
 * One slice: visits the keys that groups after *at touched, with their values
 * as they stand now, until about max_bytes were visited, and moves *at.  A
 * key may come more than once.  *level: *at is where the store stands, so
 * whoever took every slice up to here, and before the first a walk over all
 * kinds that began no earlier than *at was asked for, holds what the store
 * holds: a slice may show values of later groups, but these come again.
 *
 * Leaves come in order, each with its side record behind it.  Not visited
 * is what follows from them (KIND_TILE, the log's head), the format row, and
 * a key that was only wrapped anew.  Expected: ERR_NOTFOUND when the journal
 * does not reach back to *at, or is another line: take everything.
 */
MUST_CHECK enum err store_changes_since(struct store *s, struct store_position *at, size_t max_bytes,
                                        store_change_visit *visit, void *context, bool *level);

/* ---- Upkeep ---- */

enum store_file { STORE_PHOTOS, STORE_KEYRING };

/* How large the file was, and is; 0 where there is none. */
struct store_compacted {
    uint64_t bytes_before, bytes_after;
};
/*
 * Rewrites one of the files without the pages that hold what was replaced or
 * deleted.  Of the committing thread; reads go on meanwhile.  Whatever
 * happens, what was committed is there.  Expected, and nothing changed:
 * ERR_FULL, ERR_NOMEM; ERR_IO and ERR_CORRUPT are logged.
 */
MUST_CHECK enum err store_compact(struct store *s, enum store_file file, struct store_compacted *out);
/*
 * To be called now and then, from any thread: clears what readers of a dead
 * process left, and says how many commits the oldest reader is behind.  As
 * long as it reads, no page freed since is used again, and the file grows.
 */
MUST_CHECK enum err store_tend(struct store *s, uint64_t *commits_behind);

/* ---- The log ---- */

MUST_CHECK enum err store_log_head(struct store *s, struct store_head *head);
/*
 * Appends the inclusion proof (RFC 6962) of leaf `index` in the tree of `size`: 32 bytes a node.
 * Expected: ERR_NOTFOUND unless index < size <= the head's size.
 */
MUST_CHECK enum err store_log_proof(struct store *s, uint64_t index, uint64_t size, struct buf *proof);

/* ---- Damage ---- */

/*
 * Told of each piece of damage: the entry (no key: its kind; KIND_META and no
 * key: the log's head), and what is wrong with it, in plain words.
 */
typedef void store_damage(void *context, enum store_kind kind, const unsigned char *key, size_t key_len,
                          const char *what);
/*
 * Looks whether everything is there and fits together: reads every kind from
 * end to end, and compares leaves from ... to - 1 with their hashes in the
 * tiles, those tiles with each other, and all with the root.  Goes on after
 * damage; report may be NULL.  Whether sealed values are whole only their keys can tell: that is
 * not looked at here.  Expected: ERR_CORRUPT when there was damage,
 * ERR_NOTFOUND unless from <= to <= the head's size.
 */
MUST_CHECK enum err store_verify(struct store *s, uint64_t from, uint64_t to, store_damage *report,
                                 void *context);

#endif
