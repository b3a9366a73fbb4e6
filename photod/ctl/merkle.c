#include <stdbool.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/merkle.h"

#define ENTRY_MAX 65535

void merkle_leaf(unsigned char out[static HASH_BYTES], const void *entry, size_t len)
{
    unsigned char bytes[1 + ENTRY_MAX];

    if (len > ENTRY_MAX)
        abort(); /* callers read entries by a 16-bit length */
    bytes[0] = 0;
    if (len)
        memcpy(bytes + 1, entry, len);
    hash_sha256(out, bytes, 1 + len);
}

void merkle_node(unsigned char out[static HASH_BYTES], const unsigned char left[static HASH_BYTES],
                 const unsigned char right[static HASH_BYTES])
{
    unsigned char bytes[1 + 2 * HASH_BYTES] = {1};

    memcpy(bytes + 1, left, HASH_BYTES);
    memcpy(bytes + 1 + HASH_BYTES, right, HASH_BYTES);
    hash_sha256(out, bytes, sizeof bytes);
}

void merkle_push(struct merkle *m, unsigned height, const unsigned char hash[static HASH_BYTES])
{
    unsigned char top[HASH_BYTES];
    unsigned i = height;

    memcpy(top, hash, HASH_BYTES);
    for (; m->size >> i & 1; i++)
        merkle_node(top, m->node[i], top);
    memcpy(m->node[i], top, HASH_BYTES);
    m->size += (uint64_t)1 << height;
}

void merkle_root(const struct merkle *m, unsigned char out[static HASH_BYTES])
{
    bool any = false;

    if (!m->size)
        hash_sha256(out, "", 0);
    for (unsigned i = 0; i < 64; i++) {
        if (!(m->size >> i & 1))
            continue;
        if (any)
            merkle_node(out, m->node[i], out);
        else
            memcpy(out, m->node[i], HASH_BYTES);
        any = true;
    }
}

void merkle_root_of(unsigned char out[static HASH_BYTES], const unsigned char *hashes, uint64_t count)
{
    struct merkle m = {0};

    for (uint64_t i = 0; i < count; i++)
        merkle_push(&m, 0, hashes + i * HASH_BYTES);
    merkle_root(&m, out);
}

enum err merkle_inclusion(unsigned char root[static HASH_BYTES], const unsigned char leaf[static HASH_BYTES],
                          uint64_t index, uint64_t size, const unsigned char (*proof)[HASH_BYTES],
                          unsigned count)
{
    unsigned char top[HASH_BYTES];
    uint64_t at = index, last = size - 1;

    if (index >= size)
        return ERR_MALFORMED;
    memcpy(top, leaf, HASH_BYTES);
    for (unsigned i = 0; i < count; i++) {
        if (!last)
            return ERR_MALFORMED;
        if (at & 1 || at == last) {
            merkle_node(top, proof[i], top);
            while (!(at & 1) && at)
                at >>= 1, last >>= 1;
        } else {
            merkle_node(top, top, proof[i]);
        }
        at >>= 1;
        last >>= 1;
    }
    if (last)
        return ERR_MALFORMED;
    memcpy(root, top, HASH_BYTES);
    return OK;
}
