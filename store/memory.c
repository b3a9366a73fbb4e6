#include <string.h>
#include "store/backend.h"
#include "store/format.h"
#include "store/memory.h"

/*
 * One sorted array a kind.  A transaction changes the arrays in place and
 * notes in a journal how to go back; it holds the lock from begin to its end,
 * so that readers see only what is committed.
 */
struct entry {
    struct span key, value;
    unsigned char *bytes; /* key, then value */
};

struct table {
    struct entry *entries;
    size_t count, cap;
};

/* How things were before a change: entry.bytes is NULL when the key was absent. */
struct undo {
    struct undo *next;
    enum store_kind kind;
    struct entry before;
    struct span key;
    unsigned char key_bytes[STORE_KEY_MAX];
};

struct memory {
    struct store base; /* first: a struct store * of this backend points to it */
    pthread_mutex_t lock;
    struct table tables[KIND_COUNT];
    struct undo *journal;
};

static struct memory *memory_of(struct store *s)
{
    return (struct memory *)(void *)s;
}

static int compare(struct span a, struct span b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* The first entry not before key. */
static size_t lower_bound(const struct table *t, struct span key)
{
    size_t low = 0, high = t->count;

    if (t->count && key.len && compare(t->entries[t->count - 1].key, key) < 0)
        return t->count; /* appending to the log is the common case */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (key.len && compare(t->entries[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find(const struct table *t, struct span key)
{
    size_t at = lower_bound(t, key);

    return at < t->count && compare(t->entries[at].key, key) == 0 ? &t->entries[at] : NULL;
}

static enum err make_room(struct table *t)
{
    size_t cap = t->cap ? 2 * t->cap : 16;
    struct entry *entries;

    if (t->count < t->cap)
        return OK;
    entries = reallocarray(t->entries, cap, sizeof *entries);
    if (!entries)
        return ERR_NOMEM;
    t->entries = entries;
    t->cap = cap;
    return OK;
}

/* Puts e, or nothing (bytes NULL), where key is; there is room.  What stood there belongs to the caller. */
static void place(struct table *t, struct span key, struct entry e)
{
    size_t at = lower_bound(t, key);
    bool there = at < t->count && compare(t->entries[at].key, key) == 0;
    size_t after = t->count - at;

    if (e.bytes && !there) {
        if (after)
            memmove(t->entries + at + 1, t->entries + at, after * sizeof e);
        t->count++;
    }
    if (e.bytes)
        t->entries[at] = e;
    if (!e.bytes && there) {
        memmove(t->entries + at, t->entries + at + 1, (after - 1) * sizeof e);
        t->count--;
    }
}

/* Replaces what stands at key and notes it in the journal.  Takes e.bytes, also on error. */
static enum err replace(struct memory *m, enum store_kind kind, struct span key, struct entry e)
{
    CLEANUP(heap) unsigned char *bytes = e.bytes;
    struct table *t = &m->tables[kind];
    const struct entry *old;
    struct undo *u;

    if (e.bytes)
        TRY(make_room(t));
    old = find(t, key);
    u = calloc(1, sizeof *u);
    if (!u)
        return ERR_NOMEM;
    memcpy(u->key_bytes, key.at, key.len);
    u->key = (struct span){u->key_bytes, key.len};
    u->kind = kind;
    if (old)
        u->before = *old;
    u->next = m->journal;
    m->journal = u;
    place(t, u->key, e);
    (void)TAKE(bytes);
    return OK;
}

static void end(struct memory *m)
{
    for (struct undo *u = m->journal, *next; u; u = next) {
        next = u->next;
        free(u->before.bytes);
        free(u);
    }
    m->journal = NULL;
    (void)pthread_mutex_unlock(&m->lock);
}

static enum err memory_begin(struct store *s)
{
    (void)pthread_mutex_lock(&memory_of(s)->lock);
    return OK;
}

static enum err memory_peek(struct store *s, enum store_kind kind, struct span key, struct span *value)
{
    const struct entry *e = find(&memory_of(s)->tables[kind], key);

    if (!e)
        return ERR_NOTFOUND;
    *value = e->value;
    return OK;
}

static enum err memory_put(struct store *s, enum store_kind kind, struct span key, struct span value)
{
    struct entry e = {.bytes = malloc(key.len + value.len)};

    if (!e.bytes)
        return ERR_NOMEM;
    memcpy(e.bytes, key.at, key.len);
    if (value.len)
        memcpy(e.bytes + key.len, value.at, value.len);
    e.key = (struct span){e.bytes, key.len};
    e.value = (struct span){e.bytes + key.len, value.len};
    return replace(memory_of(s), kind, key, e);
}

static enum err memory_remove(struct store *s, enum store_kind kind, struct span key)
{
    return replace(memory_of(s), kind, key, (struct entry){.bytes = NULL});
}

static enum err memory_commit(struct store *s)
{
    (void)s;
    return OK;
}

static enum err memory_erase(struct store *s)
{
    end(memory_of(s));
    return OK;
}

static void memory_abort(struct store *s)
{
    struct memory *m = memory_of(s);

    for (struct undo *u = m->journal; u; u = u->next) {
        struct table *t = &m->tables[u->kind];
        struct entry *now = find(t, u->key);
        unsigned char *bytes = now ? now->bytes : NULL;

        place(t, u->key, u->before);
        u->before.bytes = NULL;
        free(bytes); /* last: place compares keys, and they lie in there */
    }
    end(m);
}

static enum err memory_get(struct store *s, enum store_kind kind, struct span key, struct buf *value)
{
    struct memory *m = memory_of(s);
    const struct entry *e;
    enum err result = ERR_NOTFOUND;

    (void)pthread_mutex_lock(&m->lock);
    e = find(&m->tables[kind], key);
    if (e)
        result = buf_append(value, e->value.at, e->value.len);
    (void)pthread_mutex_unlock(&m->lock);
    return result;
}

static enum err memory_walk(struct store *s, enum store_kind kind, struct span prefix, struct span after,
                            store_visit *visit, void *context)
{
    struct memory *m = memory_of(s);
    const struct table *t = &m->tables[kind];
    enum err result = OK;

    (void)pthread_mutex_lock(&m->lock);
    for (size_t i = lower_bound(t, after.len ? after : prefix); i < t->count && !result; i++) {
        const struct entry *e = &t->entries[i];

        if (after.len && compare(e->key, after) == 0)
            continue;

        if (e->key.len < prefix.len || (prefix.len && memcmp(e->key.at, prefix.at, prefix.len) != 0))
            break;
        result = visit(context, e->key.at, e->key.len, e->value.at, e->value.len);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return result;
}

static enum err memory_count(struct store *s, enum store_kind kind, uint64_t *count)
{
    struct memory *m = memory_of(s);

    (void)pthread_mutex_lock(&m->lock);
    *count = m->tables[kind].count;
    (void)pthread_mutex_unlock(&m->lock);
    return OK;
}

static enum err memory_capacity(struct store *s, uint64_t *total, uint64_t *available)
{
    (void)s;
    *total = *available = (uint64_t)1 << 40;
    return OK;
}

/* What is replaced or deleted here is freed at once. */
static enum err memory_compact(struct store *s, enum store_file file, struct store_compacted *out)
{
    (void)s, (void)file, (void)out;
    return OK;
}

/* Readers hold the lock: none is ever behind. */
static enum err memory_tend(struct store *s, uint64_t *commits_behind)
{
    (void)s, (void)commits_behind;
    return OK;
}

static void memory_close(struct store *s)
{
    struct memory *m = memory_of(s);

    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        for (size_t i = 0; i < m->tables[kind].count; i++)
            free(m->tables[kind].entries[i].bytes);
        free(m->tables[kind].entries);
    }
    (void)pthread_mutex_destroy(&m->lock);
    store_clear(&m->base);
    free(m);
}

static const struct store_ops memory_ops = {
    .begin = memory_begin,
    .peek = memory_peek,
    .put = memory_put,
    .remove = memory_remove,
    .commit = memory_commit,
    .erase = memory_erase,
    .abort = memory_abort,
    .get = memory_get,
    .walk = memory_walk,
    .count = memory_count,
    .capacity = memory_capacity,
    .compact = memory_compact,
    .tend = memory_tend,
    .close = memory_close,
};

enum err store_open_memory(struct store **out)
{
    CLEANUP(heap) struct memory *made = calloc(1, sizeof *made);
    CLEANUP(store) struct store *s = NULL;

    if (!made)
        return ERR_NOMEM;
    TRY(store_init(&made->base, &memory_ops));
    (void)pthread_mutex_init(&made->lock, NULL);
    s = &TAKE(made)->base;
    TRY(memory_begin(s));
    if (memory_put(s, KIND_META, format_key(), format_value())) {
        memory_abort(s);
        return ERR_NOMEM;
    }
    TRY(memory_erase(s));
    TRY(store_start(s));
    *out = TAKE(s);
    return OK;
}
