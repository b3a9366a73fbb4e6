#include <sodium.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "store/log.h"
#include "store/merkle.h"
#include "store/tile_file.h"
#include "store/tiles.h"

/*
 * The log as files, in the vault, beside the committing thread.  What must
 * hold for a reader at any moment: every tile that the visible `checkpoint`
 * implies is there, so tiles are written before it and removed after it.
 * Nothing is synced: after a power cut the next start repairs what is wrong.
 */
#define CHECKPOINT     "checkpoint"
#define NEW            ".new" /* a file on its way in; never there between two publications */
#define CHECKPOINT_MAX (64u << 10)
#define ENTRIES_MAX    (MERKLE_TILE * (2u + LEAF_MAX))

struct tiles {
    struct store *store;
    int dir_fd;
    uint64_t size;     /* of the tree of the visible checkpoint */
    uint64_t repaired; /* files, at start */
    struct buf *content, *scratch;
};

/* ---- Contents ---- */

static enum err hash_tile(struct tiles *t, unsigned level, uint64_t tile, unsigned width)
{
    unsigned char key[LOG_TILE_KEY_BYTES];

    log_tile_key(key, level, tile);
    TRY(store_get(t->store, KIND_TILE, key, sizeof key, t->content));
    if (buf_len(t->content) < width * MERKLE_HASH)
        return ERR_CORRUPT;
    buf_truncate(t->content, width * MERKLE_HASH); /* the store may be ahead of this tree */
    return OK;
}

struct entries {
    struct buf *content;
    unsigned left;
};

static enum err add_entry(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct entries *e = context;
    unsigned char len[2] = {(unsigned char)(value_len >> 8), (unsigned char)value_len};

    (void)key, (void)key_len;
    if (e->left == 0)
        return OK;
    e->left--;
    TRY(buf_append(e->content, len, sizeof len));
    return buf_append(e->content, value, value_len);
}

/* The leaves of one entry tile are those whose big-endian index shares its first seven bytes. */
static enum err entry_tile(struct tiles *t, uint64_t tile, unsigned width)
{
    struct entries e = {t->content, width};
    unsigned char key[LOG_INDEX_BYTES];

    log_index_encode(key, tile * MERKLE_TILE);
    TRY(store_walk(t->store, KIND_LEAF, key, sizeof key - 1, add_entry, &e));
    return e.left ? ERR_CORRUPT : OK;
}

static enum err make_content(struct tiles *t, unsigned level, uint64_t tile, unsigned width)
{
    enum err e;

    buf_truncate(t->content, 0);
    e = level == TILE_ENTRIES ? entry_tile(t, tile, width) : hash_tile(t, level, tile, width);
    if (e == ERR_NOTFOUND || e == ERR_LIMIT)
        e = ERR_CORRUPT;
    if (e == ERR_CORRUPT)
        log_error("log files: the store lacks leaves or tiles that its log must have");
    return e;
}

static enum err write_tile(struct tiles *t, unsigned level, uint64_t tile, unsigned width)
{
    char path[TILE_PATH_MAX];

    TRY(make_content(t, level, tile, width));
    tile_path(path, level, tile, width);
    return tile_file_replace(t->dir_fd, path, NEW, buf_bytes(t->content), buf_len(t->content));
}

/* ---- From one tree to a larger one ---- */

/* How many hashes, or entries, a level has in a tree of `size`. */
static uint64_t level_count(uint64_t size, unsigned level)
{
    return level == TILE_ENTRIES ? size : size >> (8 * level);
}

static enum err write_level(struct tiles *t, unsigned level, uint64_t from, uint64_t to)
{
    if (from == to)
        return OK;
    for (uint64_t tile = from / MERKLE_TILE; tile < to / MERKLE_TILE; tile++)
        TRY(write_tile(t, level, tile, MERKLE_TILE));
    return to % MERKLE_TILE ? write_tile(t, level, to / MERKLE_TILE, (unsigned)(to % MERKLE_TILE)) : OK;
}

/* Removes the partials that belonged to the tree of `from`. */
static enum err prune_level(struct tiles *t, unsigned level, uint64_t from, uint64_t to)
{
    uint64_t tile = from / MERKLE_TILE;
    unsigned width = (unsigned)(from % MERKLE_TILE);
    char path[TILE_PATH_MAX];

    if (from == to || width == 0)
        return OK;
    if (tile != to / MERKLE_TILE)
        return tile_file_prune(t->dir_fd, level, tile, 0);
    tile_path(path, level, tile, width);
    return tile_file_remove(t->dir_fd, path);
}

enum err tiles_publish(struct tiles *t, const struct store_head *head, const void *checkpoint,
                       size_t checkpoint_len)
{
    uint64_t from = t->size;

    if (head->size < from) {
        log_error("log files: a checkpoint of %llu leaves cannot follow one of %llu",
                  (unsigned long long)head->size, (unsigned long long)from);
        return ERR_DENIED;
    }
    for (unsigned level = 0; level <= TILE_ENTRIES; level++)
        TRY(write_level(t, level, level_count(from, level), level_count(head->size, level)));
    TRY(tile_file_replace(t->dir_fd, CHECKPOINT, NEW, checkpoint, checkpoint_len));
    t->size = head->size;
    for (unsigned level = 0; level <= TILE_ENTRIES; level++)
        TRY(prune_level(t, level, level_count(from, level), level_count(head->size, level)));
    return OK;
}

/* ---- At start ---- */

/* C2SP tlog-checkpoint: origin, size, root, each on a line.  Expected: ERR_MALFORMED. */
static enum err parse_checkpoint(struct store_head *head, const char *text)
{
    CLEANUP(heap) char *copy = strdup(text);
    char *size, *root, *end;
    size_t len;

    if (!copy)
        return ERR_NOMEM;
    size = strchr(copy, '\n');
    root = size ? strchr(size + 1, '\n') : NULL;
    end = root ? strchr(root + 1, '\n') : NULL;
    if (!end)
        return ERR_MALFORMED;
    *size++ = *root++ = *end = '\0';
    if (u64_parse(&head->size, size, UINT64_MAX) ||
        sodium_base642bin(head->root, sizeof head->root, root, strlen(root), NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) ||
        len != sizeof head->root)
        return ERR_MALFORMED;
    return OK;
}

/* The root that the store's log had at `size`, by way of the proof of its last leaf. */
static enum err root_at(struct tiles *t, uint64_t size, unsigned char root[static LOG_HASH_BYTES])
{
    unsigned char key[LOG_INDEX_BYTES], hash[MERKLE_HASH];

    if (size == 0) {
        (void)crypto_hash_sha256(root, NULL, 0);
        return OK;
    }
    buf_truncate(t->content, 0);
    buf_truncate(t->scratch, 0);
    log_index_encode(key, size - 1);
    TRY(store_get(t->store, KIND_LEAF, key, sizeof key, t->content));
    merkle_leaf_hash(hash, buf_bytes(t->content), buf_len(t->content));
    TRY(store_log_proof(t->store, size - 1, size, t->scratch));
    return merkle_proof_root(root, hash, size - 1, size, buf_bytes(t->scratch),
                             buf_len(t->scratch) / MERKLE_HASH);
}

static enum err check_checkpoint(struct tiles *t, const struct store_head *seen)
{
    struct store_head head;
    unsigned char root[LOG_HASH_BYTES];

    TRY(store_log_head(t->store, &head));
    if (seen->size > head.size) {
        log_error("log files: a checkpoint of %llu leaves was published, the store has %llu: the store was "
                  "rolled back",
                  (unsigned long long)seen->size, (unsigned long long)head.size);
        return ERR_CORRUPT;
    }
    TRY(root_at(t, seen->size, root));
    if (memcmp(root, seen->root, sizeof root) != 0) {
        log_error("log files: the published checkpoint of %llu leaves is of another log: the store was "
                  "rolled back or replaced",
                  (unsigned long long)seen->size);
        return ERR_CORRUPT;
    }
    t->size = seen->size;
    return OK;
}

static enum err read_checkpoint(struct tiles *t)
{
    struct store_head seen;
    enum err e = tile_file_read(t->dir_fd, CHECKPOINT, t->scratch);

    if (e == ERR_NOTFOUND)
        return OK;
    if (!e)
        e = parse_checkpoint(&seen, buf_text(t->scratch));
    if (e == ERR_MALFORMED || e == ERR_LIMIT) {
        /* As a power cut can leave it.  Who could garble it could as well remove it. */
        log_warning("log files: `checkpoint` is not readable; all files are written anew");
        return OK;
    }
    TRY(e);
    return check_checkpoint(t, &seen);
}

/* Whether these are the entries, length-prefixed, of which the store has these hashes. */
static bool entries_match(const struct buf *entries, const struct buf *hashes)
{
    const unsigned char *at = buf_bytes(entries), *end = at + buf_len(entries);
    const unsigned char *hash = buf_bytes(hashes), *last = hash + buf_len(hashes);
    unsigned char found[MERKLE_HASH];

    for (; hash < last && end - at >= 2; hash += MERKLE_HASH) {
        size_t len = (size_t)at[0] << 8 | at[1];

        at += 2;
        if (len > (size_t)(end - at))
            return false;
        merkle_leaf_hash(found, at, len);
        if (memcmp(found, hash, sizeof found) != 0)
            return false;
        at += len;
    }
    return hash == last && at == end;
}

/*
 * Entries are checked by their hashes: a tenth of the bytes to read from the
 * store, which has read-ahead off.  A million leaves take 14 s otherwise when
 * nothing is cached.
 */
static enum err tile_is_right(struct tiles *t, unsigned level, uint64_t tile, unsigned width,
                              const char *path, bool *right)
{
    enum err e;

    *right = false;
    TRY(make_content(t, level == TILE_ENTRIES ? 0 : level, tile, width));
    e = tile_file_read(t->dir_fd, path, t->scratch);
    if (e)
        return e == ERR_NOTFOUND || e == ERR_LIMIT || e == ERR_MALFORMED ? OK : e;
    if (level == TILE_ENTRIES)
        *right = entries_match(t->scratch, t->content);
    else
        *right = buf_len(t->scratch) == buf_len(t->content) &&
                 memcmp(buf_bytes(t->scratch), buf_bytes(t->content), buf_len(t->content)) == 0;
    return OK;
}

static enum err repair_tile(struct tiles *t, unsigned level, uint64_t tile, unsigned width)
{
    char path[TILE_PATH_MAX];
    bool right;

    tile_path(path, level, tile, width);
    TRY(tile_is_right(t, level, tile, width, path, &right));
    if (!right) {
        TRY(write_tile(t, level, tile, width));
        t->repaired++;
    }
    return tile_file_prune(t->dir_fd, level, tile, width < MERKLE_TILE ? width : 0);
}

static enum err repair_level(struct tiles *t, unsigned level, uint64_t count)
{
    for (uint64_t tile = 0; tile < count / MERKLE_TILE; tile++)
        TRY(repair_tile(t, level, tile, MERKLE_TILE));
    return count % MERKLE_TILE ? repair_tile(t, level, count / MERKLE_TILE, (unsigned)(count % MERKLE_TILE))
                               : OK;
}

enum err tiles_open(struct tiles **out, struct store *s, int dir_fd)
{
    CLEANUP(tiles) struct tiles *t = calloc(1, sizeof *t);

    if (!t)
        return ERR_NOMEM;
    t->store = s;
    t->dir_fd = dir_fd;
    TRY(buf_new(&t->content, ENTRIES_MAX));
    TRY(buf_new(&t->scratch, ENTRIES_MAX > CHECKPOINT_MAX ? ENTRIES_MAX : CHECKPOINT_MAX));
    TRY(read_checkpoint(t));
    for (unsigned level = 0; level <= TILE_ENTRIES; level++)
        TRY(repair_level(t, level, level_count(t->size, level)));
    if (t->repaired)
        log_warning("log files: %llu were missing or wrong, and are written anew",
                    (unsigned long long)t->repaired);
    *out = TAKE(t);
    return OK;
}

void tiles_close(struct tiles *t)
{
    if (!t)
        return;
    buf_free(t->content);
    buf_free(t->scratch);
    free(t);
}
