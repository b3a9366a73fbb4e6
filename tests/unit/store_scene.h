#ifndef TESTS_UNIT_STORE_SCENE_H
#define TESTS_UNIT_STORE_SCENE_H

#include <check.h>
#include <string.h>
#include "store/store.h"

/* The store that a test looks at, and short words for what tests do with it. */
extern struct store *s;
extern void (*scene_reopen)(void); /* of a backend that has another life; else NULL */

/* An LMDB store in a directory of its own; teardown removes both. */
extern char dir[64];
extern int dir_fd;
void scene_make_dir(void);
void scene_setup_lmdb(void);
void scene_teardown(void);

void reopen(void);
struct store_batch *batch(void);
void put(struct store_batch *b, enum store_kind kind, const char *key, const char *value);
void del(struct store_batch *b, enum store_kind kind, const char *key);
void expect(struct store_batch *b, enum store_kind kind, const char *key, const char *value);
void leaf(struct store_batch *b, const char *text);
/* Commits and frees the batches. */
void commit_group(struct store_batch **batches, size_t count, struct store_outcome *outcomes);
struct store_outcome commit_one(struct store_batch *b);
#define ck_commit(b) ck_assert_int_eq(commit_one(b).result, STORE_COMMITTED)

/* A new photo with its key and leaf, and its erasure. */
struct store_batch *photo_batch(const char *name);
struct store_batch *erase_batch(const char *name);

/* NULL: there is none. */
bool holds(enum store_kind kind, const char *key, const char *value);
uint64_t count_of(enum store_kind kind);
uint64_t log_size(void);
/* Pieces of damage that store_verify finds in the whole store; each is printed. */
unsigned damage(void);

#endif
