#include <string.h>
#include "store/log.h"

/*
 * Looks for damage, in the committing thread or while nobody commits.  What
 * it calls damage is told to the caller and never ends the search; only the
 * machine's own errors do.
 */
struct search {
    struct store *store;
    store_damage *report;
    void *context;
    struct store_head head;
    bool damaged;
};

static void found(struct search *v, enum store_kind kind, const void *key, size_t key_len, const char *what)
{
    v->damaged = true;
    if (v->report)
        v->report(v->context, kind, key, key_len, what);
}

/* ---- Every kind, from end to end ---- */

struct row {
    struct search *search;
    enum store_kind kind;
    uint64_t count;
    unsigned char last[STORE_KEY_MAX];
    size_t last_len;
};

/* Walks are in key order: a tree that is broken inside shows as keys that are not. */
static bool follows(const struct row *r, const unsigned char *key, size_t key_len)
{
    size_t shorter = key_len < r->last_len ? key_len : r->last_len;
    int order = memcmp(r->last, key, shorter);

    return order < 0 || (order == 0 && r->last_len < key_len);
}

/* How many hashes this tile has in a log of `size`; 0: there is no such tile. */
static size_t tile_width(uint64_t size, const unsigned char *key)
{
    uint64_t first = log_index_decode(key + 1), count;

    if (key[0] >= MERKLE_LEVELS || first > UINT64_MAX / MERKLE_TILE)
        return 0;
    count = size >> (8 * key[0]);
    first *= MERKLE_TILE;
    if (first >= count)
        return 0;
    return count - first < MERKLE_TILE ? (size_t)(count - first) : MERKLE_TILE;
}

static const char *what_is_wrong(const struct row *r, const unsigned char *key, size_t key_len,
                                 size_t value_len)
{
    uint64_t size = r->search->head.size;

    if (key_len == 0 || key_len > STORE_KEY_MAX)
        return "its key has an impossible length";
    if (r->count && !follows(r, key, key_len))
        return "it stands out of order";
    if (value_len > STORE_VALUE_MAX)
        return "its value is larger than any that was put";
    if ((r->kind == KIND_LEAF || r->kind == KIND_DETAIL) &&
        (key_len != LOG_INDEX_BYTES || log_index_decode(key) >= size))
        return "it is beyond the end of the log";
    if (r->kind == KIND_TILE && (key_len != LOG_TILE_KEY_BYTES || tile_width(size, key) == 0))
        return "the log has no such tile";
    if (r->kind == KIND_TILE && value_len != tile_width(size, key) * MERKLE_HASH)
        return "it has not as many hashes as the log must have there";
    return NULL;
}

static enum err check_row(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct row *r = context;
    const char *what = what_is_wrong(r, key, key_len, value_len);

    (void)value;
    if (what)
        found(r->search, r->kind, key, key_len, what);
    r->count++;
    r->last_len = key_len < sizeof r->last ? key_len : sizeof r->last;
    memcpy(r->last, key, r->last_len);
    return OK;
}

static enum err check_kind(struct search *v, enum store_kind kind)
{
    struct row r = {.search = v, .kind = kind};
    uint64_t count;

    TRY(store_walk(v->store, kind, NULL, 0, check_row, &r));
    TRY(v->store->ops->count(v->store, kind, &count));
    if (r.count != count)
        found(v, kind, NULL, 0, "it has not as many entries as it says");
    return OK;
}

/* ---- Leaves against tiles ---- */

struct leaves {
    struct search *search;
    uint64_t first; /* of this tile */
    uint64_t from, to;
    bool seen[MERKLE_TILE];
    unsigned char hashes[MERKLE_TILE][MERKLE_HASH];
};

static enum err check_leaf(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    struct leaves *l = context;
    unsigned char hash[MERKLE_HASH];
    uint64_t index;

    if (key_len != LOG_INDEX_BYTES)
        return OK; /* reported with its kind */
    index = log_index_decode(key);
    if (index < l->from || index >= l->to)
        return OK;
    l->seen[index - l->first] = true;
    merkle_leaf_hash(hash, value, value_len);
    if (memcmp(hash, l->hashes[index - l->first], sizeof hash) != 0)
        found(l->search, KIND_LEAF, key, key_len, "it is not the leaf that its hash in the log is of");
    return OK;
}

/* The first `width` hashes of a tile.  False, and reported: they are not there. */
static enum err read_hashes(struct search *v, unsigned level, uint64_t tile, size_t width,
                            unsigned char *hashes, bool *there)
{
    CLEANUP(buf) struct buf *b = NULL;
    unsigned char key[LOG_TILE_KEY_BYTES];
    enum err e;

    log_tile_key(key, level, tile);
    TRY(buf_new(&b, MERKLE_TILE_BYTES));
    e = v->store->ops->get(v->store, KIND_TILE, (struct span){key, sizeof key}, b);
    if (e && e != ERR_NOTFOUND && e != ERR_LIMIT)
        return e;
    *there = !e && buf_len(b) >= width * MERKLE_HASH;
    if (*there)
        memcpy(hashes, buf_bytes(b), width * MERKLE_HASH);
    else
        found(v, KIND_TILE, key, sizeof key, "it is missing or cut short");
    return OK;
}

static enum err check_leaves(struct search *v, uint64_t from, uint64_t to)
{
    struct leaves l = {.search = v, .first = from - from % MERKLE_TILE, .from = from, .to = to};
    unsigned char key[LOG_INDEX_BYTES];
    bool there;

    TRY(read_hashes(v, 0, l.first / MERKLE_TILE, (size_t)(to - l.first), l.hashes[0], &there));
    if (!there)
        return OK;
    log_index_encode(key, l.first);
    TRY(store_walk(v->store, KIND_LEAF, key, sizeof key - 1, check_leaf, &l));
    for (uint64_t index = from; index < to; index++)
        if (!l.seen[index - l.first]) {
            log_index_encode(key, index);
            found(v, KIND_LEAF, key, sizeof key, "it is missing");
        }
    return OK;
}

/* ---- Tiles against the tiles above them ---- */

static enum err check_tile(struct search *v, unsigned level, uint64_t tile)
{
    unsigned char hashes[MERKLE_TILE][MERKLE_HASH], above[MERKLE_TILE][MERKLE_HASH];
    unsigned char key[LOG_TILE_KEY_BYTES];
    size_t place = tile % MERKLE_TILE;
    bool there, there_above;

    TRY(read_hashes(v, level, tile, MERKLE_TILE, hashes[0], &there));
    TRY(read_hashes(v, level + 1, tile / MERKLE_TILE, place + 1, above[0], &there_above));
    if (!there || !there_above)
        return OK;
    for (unsigned count = MERKLE_TILE; count > 1; count /= 2)
        for (unsigned i = 0; i < count / 2; i++)
            merkle_node_hash(hashes[i], hashes[2 * i], hashes[2 * i + 1]);
    if (memcmp(hashes[0], above[place], MERKLE_HASH) != 0) {
        log_tile_key(key, level, tile);
        found(v, KIND_TILE, key, sizeof key, "its hashes do not add up to the one above them");
    }
    return OK;
}

static enum err check_log(struct search *v, uint64_t from, uint64_t to)
{
    for (uint64_t at = from, end; at < to; at = end) {
        end = at - at % MERKLE_TILE + MERKLE_TILE;
        if (end > to)
            end = to;
        TRY(check_leaves(v, at, end));
    }
    /* Levels above: the full tiles that these leaves are under. */
    for (unsigned level = 0; level + 1 < MERKLE_LEVELS && from < to; level++) {
        unsigned bits = 8 * (level + 1);

        for (uint64_t tile = from >> bits; tile <= (to - 1) >> bits && tile < v->head.size >> bits; tile++)
            TRY(check_tile(v, level, tile));
    }
    return OK;
}

static enum err check_head(struct search *v)
{
    CLEANUP(heap) struct merkle *m = calloc(1, sizeof *m);
    struct store_head stored;
    enum err e;

    if (!m)
        return ERR_NOMEM;
    e = log_read(v->store, m, &stored);
    if (e && e != ERR_CORRUPT && e != ERR_LIMIT)
        return e;
    if (e || stored.size != v->head.size || memcmp(stored.root, v->head.root, sizeof stored.root) != 0)
        found(v, KIND_META, NULL, 0, "the tiles do not add up to the head of the log");
    return OK;
}

enum err store_verify(struct store *s, uint64_t from, uint64_t to, store_damage *report, void *context)
{
    struct search v = {.store = s, .report = report, .context = context};

    TRY(store_log_head(s, &v.head));
    if (from > to || to > v.head.size)
        return ERR_NOTFOUND;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        TRY(check_kind(&v, (enum store_kind)kind));
    TRY(check_log(&v, from, to));
    TRY(check_head(&v));
    return v.damaged ? ERR_CORRUPT : OK;
}
