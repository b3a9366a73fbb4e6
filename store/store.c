#include "store/backend.h"
#include "store/format.h"
#include "store/journal.h"
#include "store/lmdb.h"
#include "store/log.h"

/* The public face: opening, and reads that go straight to the backend. */

enum err store_init(struct store *s, const struct store_ops *ops)
{
    TRY(journal_new(&s->journal));
    s->log = calloc(1, sizeof *s->log);
    if (!s->log)
        return ERR_NOMEM;
    s->ops = ops;
    (void)pthread_mutex_init(&s->head_lock, NULL);
    return OK;
}

enum err store_start(struct store *s)
{
    TRY(format_check(s));
    TRY(log_load(s));
    return journal_load(s);
}

void store_clear(struct store *s)
{
    journal_free(s->journal);
    if (!s->log)
        return;
    (void)pthread_mutex_destroy(&s->head_lock);
    free(s->log);
}

enum err store_create(int dir_fd)
{
    return lmdb_create(dir_fd);
}

enum err store_open(struct store **out, int dir_fd)
{
    return lmdb_open(out, dir_fd, LMDB_PHOTOS_MAP);
}

void store_close(struct store *s)
{
    if (s)
        s->ops->close(s);
}

static enum err check_kind(enum store_kind kind)
{
    return (unsigned)kind < KIND_COUNT ? OK : ERR_DENIED;
}

enum err store_get(struct store *s, enum store_kind kind, const void *key, size_t key_len, struct buf *value)
{
    TRY(check_kind(kind));
    if (key_len == 0 || key_len > STORE_KEY_MAX)
        return ERR_NOTFOUND;
    return s->ops->get(s, kind, (struct span){key, key_len}, value);
}

enum err store_walk(struct store *s, enum store_kind kind, const void *prefix, size_t prefix_len,
                    store_visit *visit, void *context)
{
    TRY(check_kind(kind));
    if (prefix_len > STORE_KEY_MAX)
        return OK;
    return s->ops->walk(s, kind, (struct span){prefix, prefix_len}, (struct span){NULL, 0}, visit, context);
}

enum err store_walk_after(struct store *s, enum store_kind kind, const void *after, size_t after_len,
                          store_visit *visit, void *context)
{
    TRY(check_kind(kind));
    if (after_len > STORE_KEY_MAX)
        return ERR_LIMIT;
    return s->ops->walk(s, kind, (struct span){NULL, 0}, (struct span){after, after_len}, visit, context);
}

enum err store_count(struct store *s, enum store_kind kind, uint64_t *count)
{
    TRY(check_kind(kind));
    return s->ops->count(s, kind, count);
}

enum err store_compact(struct store *s, enum store_file file, struct store_compacted *out)
{
    *out = (struct store_compacted){.bytes_before = 0};
    return s->readonly ? ERR_IO : s->ops->compact(s, file, out);
}

bool store_is_readonly(const struct store *s)
{
    return s->readonly;
}

enum err store_tend(struct store *s, uint64_t *commits_behind)
{
    *commits_behind = 0;
    return s->ops->tend(s, commits_behind);
}

enum err store_capacity(struct store *s, uint64_t *total, uint64_t *available)
{
    return s->ops->capacity(s, total, available);
}
