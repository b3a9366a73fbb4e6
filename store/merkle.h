#ifndef STORE_MERKLE_H
#define STORE_MERKLE_H

#include <stddef.h>
#include <stdint.h>
#include "photod/base/err.h"

/*
 * RFC 6962 (and 9162) Merkle tree, kept in the tiles of C2SP tlog-tiles: tile
 * (L, N) holds up to 256 hashes, hash i being the root of the 256^L leaves
 * that start at (N * 256 + i) * 256^L.
 *
 * Pure functions: tiles are read and written through callbacks, so that every
 * backend shares them.  The rightmost tile of each level is kept in memory
 * with its inner nodes; an append therefore hashes about twice and reads
 * nothing, a root is a few hashes, and the proof of a recent leaf is free.
 */
#define MERKLE_HASH       32u
#define MERKLE_TILE       256u /* hashes in a full tile */
#define MERKLE_TILE_BYTES (MERKLE_TILE * MERKLE_HASH)
#define MERKLE_LEVELS     8  /* 256^8 leaves */
#define MERKLE_PROOF_MAX  64 /* hashes in the longest proof */

/* Reads the first `width` hashes of a tile.  The tile may hold more. */
typedef enum err merkle_read(void *context, unsigned level, uint64_t tile, unsigned width,
                             unsigned char *hashes);
/* Writes a tile that has `width` hashes, in place of a narrower one. */
typedef enum err merkle_write(void *context, unsigned level, uint64_t tile, unsigned width,
                              const unsigned char *hashes);

struct merkle {
    uint64_t size;
    unsigned dirty; /* bit L: the partial tile of level L is not written yet */
    unsigned char node[MERKLE_LEVELS][2 * MERKLE_TILE][MERKLE_HASH];
};

void merkle_leaf_hash(unsigned char hash[static MERKLE_HASH], const void *leaf, size_t len);
/* left and right may be the hash itself. */
void merkle_node_hash(unsigned char hash[static MERKLE_HASH], const unsigned char *left,
                      const unsigned char *right);

/* Makes m the tree of `size` leaves, whose tiles can be read.  On error m is unusable. */
MUST_CHECK enum err merkle_load(struct merkle *m, uint64_t size, merkle_read *read, void *context);
/* Adds one leaf hash.  Tiles that become full are written at once, partial ones by merkle_flush. */
MUST_CHECK enum err merkle_append(struct merkle *m, const unsigned char hash[static MERKLE_HASH],
                                  merkle_write *write, void *context);
MUST_CHECK enum err merkle_flush(struct merkle *m, merkle_write *write, void *context);
void merkle_root(const struct merkle *m, unsigned char root[static MERKLE_HASH]);

/*
 * The inclusion proof of leaf `index` in the tree of the first `size` leaves,
 * lowest hash first.  Expected: ERR_NOTFOUND unless index < size <= m->size.
 */
MUST_CHECK enum err merkle_proof(const struct merkle *m, uint64_t index, uint64_t size, merkle_read *read,
                                 void *context, unsigned char proof[static MERKLE_PROOF_MAX][MERKLE_HASH],
                                 size_t *count);
/* The root that a proof leads to.  Expected: ERR_MALFORMED when it is of the wrong length. */
MUST_CHECK enum err merkle_proof_root(unsigned char root[static MERKLE_HASH],
                                      const unsigned char leaf_hash[static MERKLE_HASH], uint64_t index,
                                      uint64_t size, const unsigned char *proof, size_t count);

#endif
