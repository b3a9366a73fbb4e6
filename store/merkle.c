#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include "store/merkle.h"

/*
 * Node (k, i) is the root of the 2^k leaves that start at i * 2^k.  It lies
 * in level k / 8 at height k % 8 inside its tile; m->node keeps the heights
 * of the last tile of a level one after another (256, 128, ... 2 nodes).
 */
_Static_assert(MERKLE_HASH == crypto_hash_sha256_BYTES, "the tree is SHA-256");

void merkle_leaf_hash(unsigned char hash[static MERKLE_HASH], const void *leaf, size_t len)
{
    crypto_hash_sha256_state state;
    const unsigned char prefix = 0x00;

    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, &prefix, 1);
    (void)crypto_hash_sha256_update(&state, leaf, len);
    (void)crypto_hash_sha256_final(&state, hash);
}

void merkle_node_hash(unsigned char hash[static MERKLE_HASH], const unsigned char *left,
                      const unsigned char *right)
{
    unsigned char both[1 + 2 * MERKLE_HASH] = {0x01};

    memcpy(both + 1, left, MERKLE_HASH);
    memcpy(both + 1 + MERKLE_HASH, right, MERKLE_HASH);
    (void)crypto_hash_sha256(hash, both, sizeof both);
}

/* How many hashes level L has in a tree of `size`. */
static uint64_t level_hashes(uint64_t size, unsigned level)
{
    return size >> (8 * level);
}

/* Where node (k, i) has its place in m, if its tile is the one in memory. */
static size_t slot(unsigned k, uint64_t i)
{
    unsigned height = k % 8;
    size_t first = 2 * MERKLE_TILE - (2 * MERKLE_TILE >> height);

    return first + (size_t)(i & ((MERKLE_TILE >> height) - 1));
}

static enum err load_level(struct merkle *m, unsigned level, merkle_read *read, void *context)
{
    uint64_t last = level_hashes(m->size, level) - 1;
    unsigned width = (unsigned)(last % MERKLE_TILE) + 1;
    unsigned char(*node)[MERKLE_HASH] = m->node[level];

    TRY(read(context, level, last / MERKLE_TILE, width, node[0]));
    for (unsigned height = 1; height < 8; height++)
        for (unsigned i = 0; i < width >> height; i++)
            merkle_node_hash(node[slot(height, i)], node[slot(height - 1, 2 * i)],
                             node[slot(height - 1, 2 * i + 1)]);
    return OK;
}

enum err merkle_load(struct merkle *m, uint64_t size, merkle_read *read, void *context)
{
    m->size = size;
    m->dirty = 0;
    for (unsigned level = 0; level < MERKLE_LEVELS && level_hashes(size, level); level++)
        TRY(load_level(m, level, read, context));
    return OK;
}

enum err merkle_append(struct merkle *m, const unsigned char hash[static MERKLE_HASH], merkle_write *write,
                       void *context)
{
    unsigned char up[MERKLE_HASH];
    uint64_t i = m->size++;

    memcpy(up, hash, MERKLE_HASH);
    for (unsigned k = 0;; k++, i >>= 1) {
        unsigned level = k / 8;

        memcpy(m->node[level][slot(k, i)], up, MERKLE_HASH);
        if (k % 8 == 0) {
            m->dirty |= 1u << level;
            if (i % MERKLE_TILE == MERKLE_TILE - 1) {
                TRY(write(context, level, i / MERKLE_TILE, MERKLE_TILE, m->node[level][0]));
                m->dirty &= ~(1u << level);
            }
        }
        if (i % 2 == 0)
            return OK;
        merkle_node_hash(up, m->node[level][slot(k, i - 1)], up);
    }
}

enum err merkle_flush(struct merkle *m, merkle_write *write, void *context)
{
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        uint64_t last = level_hashes(m->size, level) - 1;

        if (!(m->dirty & 1u << level))
            continue;
        TRY(write(context, level, last / MERKLE_TILE, (unsigned)(last % MERKLE_TILE) + 1, m->node[level][0]));
    }
    m->dirty = 0;
    return OK;
}

static enum err read_node(const struct merkle *m, unsigned k, uint64_t i, merkle_read *read, void *context,
                          unsigned char hash[static MERKLE_HASH])
{
    unsigned level = k / 8, height = k % 8;
    uint64_t first = i << height, tile = first / MERKLE_TILE;
    unsigned at = (unsigned)(first % MERKLE_TILE), count = 1u << height;
    unsigned char hashes[MERKLE_TILE][MERKLE_HASH];

    if (tile == (level_hashes(m->size, level) - 1) / MERKLE_TILE) {
        memcpy(hash, m->node[level][slot(k, i)], MERKLE_HASH);
        return OK;
    }
    TRY(read(context, level, tile, at + count, hashes[0]));
    for (; count > 1; count /= 2)
        for (unsigned j = 0; j < count / 2; j++)
            merkle_node_hash(hashes[at + j], hashes[at + 2 * j], hashes[at + 2 * j + 1]);
    memcpy(hash, hashes[at], MERKLE_HASH);
    return OK;
}

/* The root of leaves first ... first + count - 1, where first is a multiple of a power of two >= count. */
static enum err range_root(const struct merkle *m, uint64_t first, uint64_t count, merkle_read *read,
                           void *context, unsigned char root[static MERKLE_HASH])
{
    unsigned char left[MERKLE_HASH];
    uint64_t end = first + count;
    bool have = false;

    for (unsigned k = 0; count; k++, count >>= 1) {
        if (count % 2 == 0)
            continue;
        end -= (uint64_t)1 << k;
        TRY(read_node(m, k, end >> k, read, context, have ? left : root));
        if (have)
            merkle_node_hash(root, left, root);
        have = true;
    }
    return OK;
}

/* Every node it needs is in memory: a set bit of the size ends in the last tile of its level. */
static enum err read_nothing(void *context, unsigned level, uint64_t tile, unsigned width,
                             unsigned char *hashes)
{
    (void)context, (void)level, (void)tile, (void)width, (void)hashes;
    return ERR_CORRUPT;
}

void merkle_root(const struct merkle *m, unsigned char root[static MERKLE_HASH])
{
    if (m->size == 0)
        (void)crypto_hash_sha256(root, NULL, 0);
    else
        (void)!range_root(m, 0, m->size, read_nothing, NULL, root);
}

/* The largest power of two below n, n > 1. */
static uint64_t split(uint64_t n)
{
    return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

enum err merkle_proof(const struct merkle *m, uint64_t index, uint64_t size, merkle_read *read, void *context,
                      unsigned char proof[static MERKLE_PROOF_MAX][MERKLE_HASH], size_t *count)
{
    unsigned char down[MERKLE_PROOF_MAX][MERKLE_HASH]; /* highest hash first */
    uint64_t first = 0, left = size;
    size_t n = 0;

    if (index >= size || size > m->size)
        return ERR_NOTFOUND;
    for (; left > 1; n++) {
        uint64_t half = split(left);

        if (index - first < half) {
            TRY(range_root(m, first + half, left - half, read, context, down[n]));
            left = half;
        } else {
            TRY(range_root(m, first, half, read, context, down[n]));
            first += half;
            left -= half;
        }
    }
    for (size_t i = 0; i < n; i++)
        memcpy(proof[i], down[n - 1 - i], MERKLE_HASH);
    *count = n;
    return OK;
}

/* RFC 9162, 2.1.3.2. */
enum err merkle_proof_root(unsigned char root[static MERKLE_HASH],
                           const unsigned char leaf_hash[static MERKLE_HASH], uint64_t index, uint64_t size,
                           const unsigned char *proof, size_t count)
{
    uint64_t at = index, last = size - 1;
    unsigned char hash[MERKLE_HASH];

    if (index >= size)
        return ERR_MALFORMED;
    memcpy(hash, leaf_hash, MERKLE_HASH);
    for (size_t i = 0; i < count; i++, at >>= 1, last >>= 1) {
        const unsigned char *sibling = proof + i * MERKLE_HASH;

        if (last == 0)
            return ERR_MALFORMED;
        if (at % 2 == 1 || at == last) {
            merkle_node_hash(hash, sibling, hash);
            for (; at % 2 == 0 && at; at >>= 1)
                last >>= 1;
        } else {
            merkle_node_hash(hash, hash, sibling);
        }
    }
    if (last != 0)
        return ERR_MALFORMED;
    memcpy(root, hash, MERKLE_HASH);
    return OK;
}
