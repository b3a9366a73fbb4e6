#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "photod/base/text.h"
#include "store/merkle.h"
#include "tests/unit/suite.h"

/* The tree again, as RFC 6962 defines it: recursive, slow, and sharing no code with the one under test. */
static void naive_node(unsigned char out[32], const unsigned char *left, const unsigned char *right)
{
    crypto_hash_sha256_state s;

    crypto_hash_sha256_init(&s);
    crypto_hash_sha256_update(&s, (const unsigned char *)"\x01", 1);
    crypto_hash_sha256_update(&s, left, 32);
    crypto_hash_sha256_update(&s, right, 32);
    crypto_hash_sha256_final(&s, out);
}

static uint64_t naive_split(uint64_t n)
{
    uint64_t k = 1;

    while (k * 2 < n)
        k *= 2;
    return k;
}

static void naive_root(unsigned char out[32], unsigned char (*leaves)[32], uint64_t n)
{
    unsigned char left[32], right[32];
    uint64_t k;

    if (n == 0) {
        crypto_hash_sha256(out, NULL, 0);
        return;
    }
    if (n == 1) {
        memcpy(out, leaves[0], 32);
        return;
    }
    k = naive_split(n);
    naive_root(left, leaves, k);
    naive_root(right, leaves + k, n - k);
    naive_node(out, left, right);
}

static size_t naive_path(unsigned char (*path)[32], uint64_t m, unsigned char (*leaves)[32], uint64_t n)
{
    uint64_t k;
    size_t len;

    if (n == 1)
        return 0;
    k = naive_split(n);
    if (m < k) {
        len = naive_path(path, m, leaves, k);
        naive_root(path[len], leaves + k, n - k);
    } else {
        len = naive_path(path, m - k, leaves + k, n - k);
        naive_root(path[len], leaves, k);
    }
    return len + 1;
}

/* Tiles in memory, and how often each was written full. */
#define LEVELS    3
#define TILES_MAX 512
static struct {
    unsigned char hashes[MERKLE_TILE_BYTES];
    unsigned width, full_writes;
} tiles[LEVELS][TILES_MAX];
static unsigned reads;

static struct merkle tree;
static unsigned char (*leaf_hashes)[32];
#define LEAVES_MAX 70000

static enum err read_tile(void *context, unsigned level, uint64_t tile, unsigned width, unsigned char *hashes)
{
    (void)context;
    reads++;
    ck_assert_uint_lt(level, LEVELS);
    ck_assert_uint_lt(tile, TILES_MAX);
    ck_assert_uint_ge(tiles[level][tile].width, width);
    memcpy(hashes, tiles[level][tile].hashes, width * 32);
    return OK;
}

static enum err write_tile(void *context, unsigned level, uint64_t tile, unsigned width,
                           const unsigned char *hashes)
{
    (void)context;
    ck_assert_uint_lt(level, LEVELS);
    ck_assert_uint_lt(tile, TILES_MAX);
    ck_assert_uint_gt(width, tiles[level][tile].width);
    tiles[level][tile].width = width;
    tiles[level][tile].full_writes += width == MERKLE_TILE;
    memcpy(tiles[level][tile].hashes, hashes, width * 32);
    return OK;
}

static void setup(void)
{
    memset(tiles, 0, sizeof tiles);
    memset(&tree, 0, sizeof tree);
    leaf_hashes = malloc(LEAVES_MAX * sizeof *leaf_hashes);
    ck_assert_ptr_nonnull(leaf_hashes);
    for (unsigned i = 0; i < LEAVES_MAX; i++)
        merkle_leaf_hash(leaf_hashes[i], &i, sizeof i);
}

static void teardown(void)
{
    free(leaf_hashes);
}

static void grow_to(uint64_t size)
{
    while (tree.size < size)
        ck_assert_int_eq(merkle_append(&tree, leaf_hashes[tree.size], write_tile, NULL), OK);
    ck_assert_int_eq(merkle_flush(&tree, write_tile, NULL), OK);
}

static void check_root(void)
{
    unsigned char root[32], expected[32];

    merkle_root(&tree, root);
    naive_root(expected, leaf_hashes, tree.size);
    ck_assert_mem_eq(root, expected, 32);
}

static void check_proof(uint64_t index, uint64_t size)
{
    unsigned char proof[MERKLE_PROOF_MAX][32], path[MERKLE_PROOF_MAX][32], root[32], expected[32];
    size_t count = 99, len;

    ck_assert_int_eq(merkle_proof(&tree, index, size, read_tile, NULL, proof, &count), OK);
    len = naive_path(path, index, leaf_hashes, size);
    ck_assert_uint_eq(count, len);
    if (len)
        ck_assert_mem_eq(proof, path, len * 32);
    naive_root(expected, leaf_hashes, size);
    ck_assert_int_eq(merkle_proof_root(root, leaf_hashes[index], index, size, proof[0], count), OK);
    ck_assert_mem_eq(root, expected, 32);
}

/* The roots that certificate-transparency implementations have tested against since 2012. */
START_TEST(roots_of_the_published_eight_leaves)
{
    static const struct {
        const char *leaf, *root;
    } cases[] = {
        {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
        {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
        {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
        {"606162636465666768696a6b6c6d6e6f",
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    unsigned char leaf[16], hash[32], root[32];
    char text[65];

    merkle_root(&tree, root);
    hex_encode(text, root, 32);
    ck_assert_str_eq(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].leaf) / 2;

        ck_assert_int_eq(hex_decode(leaf, len, cases[i].leaf), OK);
        merkle_leaf_hash(hash, leaf, len);
        ck_assert_int_eq(merkle_append(&tree, hash, write_tile, NULL), OK);
        merkle_root(&tree, root);
        hex_encode(text, root, 32);
        ck_assert_str_eq(text, cases[i].root);
    }
}
END_TEST

START_TEST(every_root_up_to_600_is_as_defined)
{
    for (uint64_t size = 0; size <= 600; size++) {
        grow_to(size);
        check_root();
    }
}
END_TEST

START_TEST(every_proof_of_some_sizes_is_as_defined)
{
    static const uint64_t sizes[] = {1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512, 513, 600};

    grow_to(600);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (uint64_t index = 0; index < sizes[i]; index++)
            check_proof(index, sizes[i]);
}
END_TEST

START_TEST(three_levels_of_tiles_prove_what_is_defined)
{
    static const uint64_t sizes[] = {1000, 65535, 65536, 65537, 65792, 65800, 70000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        grow_to(sizes[i]);
        check_root();
        for (unsigned n = 0; n < 2; n++)
            check_proof(randombytes_uniform((uint32_t)sizes[i]), sizes[i]);
        check_proof(sizes[i] - 1, sizes[i]);
        check_proof(0, sizes[i]);
    }
    for (unsigned n = 0; n < 6; n++) {
        uint32_t size = 1 + randombytes_uniform(70000);

        check_proof(randombytes_uniform(size), size);
    }
}
END_TEST

START_TEST(a_loaded_tree_goes_on_like_the_one_that_was_saved)
{
    static const uint64_t sizes[] = {0, 1, 2, 200, 255, 256, 257, 600, 65535, 65536, 65537, 66000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        grow_to(sizes[i]);
        memset(&tree, 0xAA, sizeof tree);
        ck_assert_int_eq(merkle_load(&tree, sizes[i], read_tile, NULL), OK);
        check_root();
        if (sizes[i])
            check_proof(sizes[i] / 2, sizes[i]);
    }
    grow_to(66100);
    check_root();
}
END_TEST

START_TEST(a_full_tile_is_written_once)
{
    unsigned full[LEVELS] = {0};

    for (uint64_t size = 0; size < 66000; size += 97)
        grow_to(size);
    for (unsigned level = 0; level < LEVELS; level++)
        for (unsigned i = 0; i < TILES_MAX; i++) {
            ck_assert_uint_le(tiles[level][i].full_writes, 1);
            full[level] += tiles[level][i].full_writes;
        }
    ck_assert_uint_eq(full[0], 257);
    ck_assert_uint_eq(full[1], 1);
}
END_TEST

START_TEST(the_proof_of_a_recent_leaf_reads_no_tile)
{
    grow_to(66000);
    reads = 0;
    check_proof(65999, 66000);
    check_proof(65980, 66000);
    ck_assert_uint_eq(reads, 0);
}
END_TEST

START_TEST(no_proof_beyond_the_tree)
{
    unsigned char proof[MERKLE_PROOF_MAX][32];
    size_t count;

    grow_to(10);
    ck_assert_int_eq(merkle_proof(&tree, 10, 10, read_tile, NULL, proof, &count), ERR_NOTFOUND);
    ck_assert_int_eq(merkle_proof(&tree, 0, 11, read_tile, NULL, proof, &count), ERR_NOTFOUND);
    ck_assert_int_eq(merkle_proof(&tree, 0, 0, read_tile, NULL, proof, &count), ERR_NOTFOUND);
}
END_TEST

START_TEST(a_proof_of_the_wrong_length_or_index_is_refused)
{
    unsigned char proof[MERKLE_PROOF_MAX][32], root[32], expected[32];
    size_t count;

    grow_to(100);
    merkle_root(&tree, expected);
    ck_assert_int_eq(merkle_proof(&tree, 42, 100, read_tile, NULL, proof, &count), OK);
    ck_assert_int_eq(merkle_proof_root(root, leaf_hashes[42], 42, 100, proof[0], count - 1), ERR_MALFORMED);
    ck_assert_int_eq(merkle_proof_root(root, leaf_hashes[42], 42, 100, proof[0], count + 1), ERR_MALFORMED);
    ck_assert_int_eq(merkle_proof_root(root, leaf_hashes[42], 100, 100, proof[0], count), ERR_MALFORMED);
    ck_assert_int_eq(merkle_proof_root(root, leaf_hashes[42], 43, 100, proof[0], count), OK);
    ck_assert_mem_ne(root, expected, 32);
}
END_TEST

SUITE_IN("merkle", setup, teardown, roots_of_the_published_eight_leaves, every_root_up_to_600_is_as_defined,
         every_proof_of_some_sizes_is_as_defined, three_levels_of_tiles_prove_what_is_defined,
         a_loaded_tree_goes_on_like_the_one_that_was_saved, a_full_tile_is_written_once,
         the_proof_of_a_recent_leaf_reads_no_tile, no_proof_beyond_the_tree,
         a_proof_of_the_wrong_length_or_index_is_refused)
