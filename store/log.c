#include <string.h>
#include "photod/base/log.h"
#include "store/log.h"

static const char head_key[] = "log"; /* size (8, BE), root (32) */

#define HEAD_BYTES (LOG_INDEX_BYTES + LOG_HASH_BYTES)

void log_index_encode(unsigned char key[static LOG_INDEX_BYTES], uint64_t index)
{
    for (size_t i = LOG_INDEX_BYTES; i-- > 0; index >>= 8)
        key[i] = (unsigned char)index;
}

uint64_t log_index_decode(const unsigned char key[static LOG_INDEX_BYTES])
{
    uint64_t index = 0;

    for (size_t i = 0; i < LOG_INDEX_BYTES; i++)
        index = index << 8 | key[i];
    return index;
}

void log_tile_key(unsigned char key[static LOG_TILE_KEY_BYTES], unsigned level, uint64_t tile)
{
    key[0] = (unsigned char)level;
    log_index_encode(key + 1, tile);
}

bool log_owns(const void *key, size_t key_len)
{
    return key_len == strlen(head_key) && memcmp(key, head_key, key_len) == 0;
}

static struct span head_span(void)
{
    return (struct span){(const unsigned char *)head_key, strlen(head_key)};
}

static enum err read_tile(void *context, unsigned level, uint64_t tile, unsigned width, unsigned char *hashes)
{
    struct store *s = context;
    CLEANUP(buf) struct buf *b = NULL;
    unsigned char key[LOG_TILE_KEY_BYTES];
    enum err e;

    log_tile_key(key, level, tile);
    TRY(buf_new(&b, MERKLE_TILE_BYTES));
    e = s->ops->get(s, KIND_TILE, (struct span){key, sizeof key}, b);
    if (e == ERR_NOTFOUND || (!e && buf_len(b) < width * MERKLE_HASH))
        return ERR_CORRUPT;
    TRY(e);
    memcpy(hashes, buf_bytes(b), width * MERKLE_HASH);
    return OK;
}

static enum err write_tile(void *context, unsigned level, uint64_t tile, unsigned width,
                           const unsigned char *hashes)
{
    struct store *s = context;
    unsigned char key[LOG_TILE_KEY_BYTES];

    log_tile_key(key, level, tile);
    return s->ops->put(s, KIND_TILE, (struct span){key, sizeof key},
                       (struct span){hashes, width * MERKLE_HASH});
}

enum err log_read(struct store *s, struct merkle *m, struct store_head *head)
{
    CLEANUP(buf) struct buf *b = NULL;
    enum err e;

    TRY(buf_new(&b, HEAD_BYTES));
    e = s->ops->get(s, KIND_META, head_span(), b);
    if (e && e != ERR_NOTFOUND)
        return e;
    if (!e && buf_len(b) != HEAD_BYTES)
        return ERR_CORRUPT;
    head->size = e ? 0 : log_index_decode(buf_bytes(b));
    TRY(merkle_load(m, head->size, read_tile, s));
    merkle_root(m, head->root);
    if (!e && memcmp(head->root, buf_bytes(b) + LOG_INDEX_BYTES, LOG_HASH_BYTES) != 0)
        return ERR_CORRUPT;
    return OK;
}

enum err log_load(struct store *s)
{
    struct store_head head;
    enum err e = log_read(s, s->log, &head);

    if (e == ERR_CORRUPT || e == ERR_LIMIT) {
        log_error("store: the log's tiles do not add up to its head: the store is damaged");
        return ERR_CORRUPT;
    }
    if (!e)
        log_publish(s);
    return e;
}

enum err log_append(struct store *s, struct span leaf, struct span detail)
{
    unsigned char key[LOG_INDEX_BYTES], hash[MERKLE_HASH];

    log_index_encode(key, s->log->size);
    merkle_leaf_hash(hash, leaf.at, leaf.len);
    TRY(s->ops->put(s, KIND_LEAF, (struct span){key, sizeof key}, leaf));
    if (detail.len)
        TRY(s->ops->put(s, KIND_DETAIL, (struct span){key, sizeof key}, detail));
    return merkle_append(s->log, hash, write_tile, s);
}

enum err log_flush(struct store *s)
{
    unsigned char head[HEAD_BYTES];

    TRY(merkle_flush(s->log, write_tile, s));
    log_index_encode(head, s->log->size);
    merkle_root(s->log, head + LOG_INDEX_BYTES);
    return s->ops->put(s, KIND_META, head_span(), (struct span){head, sizeof head});
}

void log_publish(struct store *s)
{
    struct store_head head = {.size = s->log->size};

    merkle_root(s->log, head.root);
    (void)pthread_mutex_lock(&s->head_lock);
    s->head = head;
    (void)pthread_mutex_unlock(&s->head_lock);
}

enum err store_log_head(struct store *s, struct store_head *head)
{
    (void)pthread_mutex_lock(&s->head_lock);
    *head = s->head;
    (void)pthread_mutex_unlock(&s->head_lock);
    return OK;
}

enum err store_log_proof(struct store *s, uint64_t index, uint64_t size, struct buf *proof)
{
    unsigned char hashes[MERKLE_PROOF_MAX][MERKLE_HASH];
    size_t count;

    TRY(merkle_proof(s->log, index, size, read_tile, s, hashes, &count));
    return buf_append(proof, hashes, count * MERKLE_HASH);
}
