#ifndef PHOTOD_CTL_MERKLE_H
#define PHOTOD_CTL_MERKLE_H

#include <stdint.h>
#include "photod/ctl/hash.h"

/* The Merkle tree of RFC 6962 (section 2.1), as the log's verifier needs it. */

void merkle_leaf(unsigned char out[static HASH_BYTES], const void *entry, size_t len);
void merkle_node(unsigned char out[static HASH_BYTES], const unsigned char left[static HASH_BYTES],
                 const unsigned char right[static HASH_BYTES]);

/*
 * A tree that grows to the right and remembers only its complete subtrees:
 * node[i] is one of 2^i leaves, present when bit i of size is set.
 * Zero-initialised it is the empty tree.
 */
struct merkle {
    uint64_t size;
    unsigned char node[64][HASH_BYTES];
};

/* Adds a complete subtree of 2^height leaves; size must be a multiple of that. */
void merkle_push(struct merkle *m, unsigned height, const unsigned char hash[static HASH_BYTES]);
void merkle_root(const struct merkle *m, unsigned char out[static HASH_BYTES]);
/* The root over `count` hashes of equal subtrees, each HASH_BYTES. */
void merkle_root_of(unsigned char out[static HASH_BYTES], const unsigned char *hashes, uint64_t count);

#define MERKLE_PROOF_MAX 63

/*
 * The root that an inclusion proof leads to (RFC 9162, 2.1.3.2).  Expected:
 * ERR_MALFORMED when the proof has not the length for index and size.
 */
MUST_CHECK enum err merkle_inclusion(unsigned char root[static HASH_BYTES],
                                     const unsigned char leaf[static HASH_BYTES], uint64_t index,
                                     uint64_t size, const unsigned char (*proof)[HASH_BYTES], unsigned count);

#endif
