/*
 * What photod's primitives are, shown by the tables that their authors
 * published: each input to its output, and every altered byte refused or
 * answered differently.  What is built of them has its own tests
 * (test_envelope, test_keyfile, test_note, test_seal).
 *
 * Argon2id: RFC 9106's own vector has four lanes, a secret and associated
 * data, none of which libsodium takes; the reference implementation's are
 * read through the encoded form, and its program gave the last one, with a
 * 16-byte salt, as the passphrase method uses it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "keys/inside.h"
#include "photod/base/text.h"

#define COUNT(a)  (sizeof(a) / sizeof(a)[0])
#define BYTES_MAX 256

/* Not forked, so that these count to the end. */
static unsigned agreed, refused, skipped;

static size_t from_hex(unsigned char to[static BYTES_MAX], const char *text)
{
    size_t len = strlen(text) / 2;

    ck_assert_uint_le(len, BYTES_MAX);
    ck_assert_int_eq(hex_decode(to, len, text), OK);
    return len;
}

/* ---- AES-256-GCM, XChaCha20-Poly1305 ---- */

struct aead_vector {
    const char *source, *key, *nonce, *additional, *plain, *sealed;
};

#define GCM_KEY "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN                                                                                            \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"       \
    "b16aedf5aa0de657ba637b39"
#define GCM_CIPHER                                                                                           \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"       \
    "c5f61e6393ba7a0abcc9f662"

/* McGrew and Viega, The Galois/Counter Mode of Operation, appendix B: the AES-256 cases with 96-bit IVs. */
static const struct aead_vector gcm[] = {
    {"test case 13", "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"test case 14", "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"test case 15", GCM_KEY, "cafebabefacedbaddecaf888", "", GCM_PLAIN "1aafd255",
     GCM_CIPHER "898015adb094dac5d93471bdec1a502270e3cc6c"},
    {"test case 16", GCM_KEY, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     GCM_PLAIN, GCM_CIPHER "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static const struct aead_vector xchacha[] = {
    {"draft-irtf-cfrg-xchacha-03 A.3.1", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "404142434445464748494a4b4c4d4e4f5051525354555657", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
     "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
     "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
     "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49"},
};

typedef int encrypt_function(unsigned char *, unsigned long long *, const unsigned char *, unsigned long long,
                             const unsigned char *, unsigned long long, const unsigned char *,
                             const unsigned char *, const unsigned char *);
typedef int decrypt_function(unsigned char *, unsigned long long *, unsigned char *, const unsigned char *,
                             unsigned long long, const unsigned char *, unsigned long long,
                             const unsigned char *, const unsigned char *);

struct aead_bytes {
    unsigned char key[BYTES_MAX], nonce[BYTES_MAX], additional[BYTES_MAX], plain[BYTES_MAX],
        sealed[BYTES_MAX];
    size_t key_len, nonce_len, additional_len, plain_len, sealed_len;
};

static void read_vector(struct aead_bytes *b, const struct aead_vector *v)
{
    b->key_len = from_hex(b->key, v->key);
    b->nonce_len = from_hex(b->nonce, v->nonce);
    b->additional_len = from_hex(b->additional, v->additional);
    b->plain_len = from_hex(b->plain, v->plain);
    b->sealed_len = from_hex(b->sealed, v->sealed);
    ck_assert_uint_eq(b->key_len, DEK_BYTES);
}

static bool opens(const struct aead_bytes *b, decrypt_function *decrypt)
{
    unsigned char plain[BYTES_MAX];
    unsigned long long len;

    return decrypt(plain, &len, NULL, b->sealed, b->sealed_len, b->additional, b->additional_len, b->nonce,
                   b->key) == 0 &&
           len == b->plain_len && memcmp(plain, b->plain, b->plain_len) == 0;
}

static void refuse_altered(struct aead_bytes *b, unsigned char *part, size_t len, decrypt_function *decrypt,
                           const char *what)
{
    for (size_t i = 0; i < len; i++) {
        part[i] ^= 1;
        ck_assert_msg(!opens(b, decrypt), "%s, byte %zu", what, i);
        part[i] ^= 1;
        refused++;
    }
}

static void check_vector(const struct aead_vector *v, encrypt_function *encrypt, decrypt_function *decrypt)
{
    static struct aead_bytes b;
    unsigned char sealed[BYTES_MAX];
    unsigned long long len;

    read_vector(&b, v);
    ck_assert_int_eq(
        encrypt(sealed, &len, b.plain, b.plain_len, b.additional, b.additional_len, NULL, b.nonce, b.key), 0);
    ck_assert_uint_eq(len, b.sealed_len);
    ck_assert_msg(memcmp(sealed, b.sealed, b.sealed_len) == 0, "%s", v->source);
    ck_assert_msg(opens(&b, decrypt), "%s", v->source);
    agreed++;
    refuse_altered(&b, b.key, b.key_len, decrypt, "key");
    refuse_altered(&b, b.nonce, b.nonce_len, decrypt, "nonce");
    refuse_altered(&b, b.additional, b.additional_len, decrypt, "additional data");
    refuse_altered(&b, b.sealed, b.sealed_len, decrypt, "ciphertext and tag");
    for (size_t whole = b.sealed_len; b.sealed_len-- > 0; refused++)
        ck_assert_msg(!opens(&b, decrypt), "%s, cut to %zu of %zu", v->source, b.sealed_len, whole);
}

START_TEST(aes_256_gcm_agrees_with_its_authors)
{
    if (crypto_aead_aes256gcm_is_available())
        check_vector(&gcm[_i], crypto_aead_aes256gcm_encrypt, crypto_aead_aes256gcm_decrypt);
    else
        skipped++;
}
END_TEST

START_TEST(xchacha20_poly1305_agrees_with_the_draft)
{
    check_vector(&xchacha[_i], crypto_aead_xchacha20poly1305_ietf_encrypt,
                 crypto_aead_xchacha20poly1305_ietf_decrypt);
}
END_TEST

/* ---- Ed25519 ---- */

/* RFC 8032 section 7.1. */
static const struct {
    const char *seed, *public_key, *message, *signature;
} ed25519[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
     "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

START_TEST(ed25519_agrees_with_rfc_8032)
{
    unsigned char seed[BYTES_MAX], expected_key[BYTES_MAX], message[BYTES_MAX], expected[BYTES_MAX];
    unsigned char public_key[32], secret_key[64], signature[64];
    size_t len = from_hex(message, ed25519[_i].message);

    ck_assert_uint_eq(from_hex(seed, ed25519[_i].seed), 32);
    ck_assert_uint_eq(from_hex(expected_key, ed25519[_i].public_key), 32);
    ck_assert_uint_eq(from_hex(expected, ed25519[_i].signature), 64);
    ck_assert_int_eq(crypto_sign_seed_keypair(public_key, secret_key, seed), 0);
    ck_assert_mem_eq(public_key, expected_key, sizeof public_key);
    ck_assert_int_eq(crypto_sign_detached(signature, NULL, message, len, secret_key), 0);
    ck_assert_mem_eq(signature, expected, sizeof signature);
    ck_assert_int_eq(crypto_sign_verify_detached(signature, message, len, public_key), 0);
    agreed++;
}
END_TEST

static void refuse_altered_signature(unsigned char *part, size_t size, const unsigned char *signature,
                                     const unsigned char *message, size_t len, const unsigned char *key)
{
    for (size_t i = 0; i < size; i++) {
        part[i] ^= 1;
        ck_assert_msg(crypto_sign_verify_detached(signature, message, len, key) != 0, "byte %zu", i);
        part[i] ^= 1;
        refused++;
    }
}

START_TEST(an_altered_signature_message_or_key_does_not_verify)
{
    unsigned char signature[BYTES_MAX], message[BYTES_MAX], key[BYTES_MAX];
    size_t len = from_hex(message, ed25519[_i].message);

    (void)from_hex(key, ed25519[_i].public_key);
    (void)from_hex(signature, ed25519[_i].signature);
    refuse_altered_signature(signature, 64, signature, message, len, key);
    refuse_altered_signature(message, len, signature, message, len, key);
    refuse_altered_signature(key, 32, signature, message, len, key);
}
END_TEST

/* The group's order L, little-endian (RFC 8032 5.1): s + L is the same number and must not be the same
 * signature. */
START_TEST(a_second_form_of_a_signature_does_not_verify)
{
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                            0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    unsigned char signature[BYTES_MAX], message[BYTES_MAX], key[BYTES_MAX];
    size_t len = from_hex(message, ed25519[_i].message);
    unsigned carry = 0;

    (void)from_hex(key, ed25519[_i].public_key);
    (void)from_hex(signature, ed25519[_i].signature);
    for (size_t i = 0; i < sizeof order; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (unsigned char)carry;
        carry >>= 8;
    }
    ck_assert_int_ne(crypto_sign_verify_detached(signature, message, len, key), 0);
    refused++;
}
END_TEST

/* The neutral element as a key would verify many signatures of anything. */
START_TEST(a_key_of_small_order_verifies_nothing)
{
    unsigned char signature[64] = {1}, key[32] = {1};

    ck_assert_int_ne(crypto_sign_verify_detached(signature, (const unsigned char *)"", 0, key), 0);
    refused++;
}
END_TEST

/* ---- Hashes ---- */

/* FIPS 180-4 examples. */
static const struct {
    const char *message, *hash;
} sha256[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

START_TEST(sha_256_agrees_with_fips_180_4)
{
    unsigned char hash[32], expected[BYTES_MAX];

    ck_assert_uint_eq(from_hex(expected, sha256[_i].hash), sizeof hash);
    ck_assert_int_eq(
        crypto_hash_sha256(hash, (const unsigned char *)sha256[_i].message, strlen(sha256[_i].message)), 0);
    ck_assert_mem_eq(hash, expected, sizeof hash);
    agreed++;
}
END_TEST

/* Of blake2b-kat.txt: key 00 01 ... 3f, message 00 01 ... of this length. */
static const struct {
    unsigned message_len;
    const char *hash;
} blake2b_kat[] = {
    {0, "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
        "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568"},
    {1, "961f6dd1e4dd30f63901690c512e78e4b45e4742ed197c3c5e45c549fd25f2e4"
        "187b0bc9fe30492b16b0d0bc4ef9b0f34c7003fac09a5ef1532e69430234cebd"},
    {2, "da2cfbe2d8409a0f38026113884f84b50156371ae304c4430173d08a99d9fb1b"
        "983164a3770706d537f49e0c916d9f32b95cc37a95b99d857436f0232c88a965"},
    {64, "65676d800617972fbd87e4b9514e1c67402b7a331096d3bfac22f1abb95374ab"
         "c942f16e9ab0ead33b87c91968a6e509e119ff07787b3ef483e1dcdccf6e3022"},
    {128, "72065ee4dd91c2d8509fa1fc28a37c7fc9fa7d5b3f8ad3d0d7a25626b57b1b44"
          "788d4caf806290425f9890a3a2a35a905ab4b37acfd0da6e4517b2525c9651e4"},
    {255, "142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e9248"
          "4be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461"},
};

static void blake2b_kat_hash(unsigned char hash[static 64], unsigned char key[static 64],
                             const unsigned char *message, unsigned len)
{
    ck_assert_int_eq(crypto_generichash(hash, 64, message, len, key, 64), 0);
}

START_TEST(keyed_blake2b_agrees_with_its_authors)
{
    unsigned char key[64], message[BYTES_MAX], expected[BYTES_MAX], hash[64];
    unsigned len = blake2b_kat[_i].message_len;

    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)i;
    for (unsigned i = 0; i < len; i++)
        message[i] = (unsigned char)i;
    ck_assert_uint_eq(from_hex(expected, blake2b_kat[_i].hash), sizeof hash);
    blake2b_kat_hash(hash, key, message, len);
    ck_assert_mem_eq(hash, expected, sizeof hash);
    agreed++;
    for (unsigned i = 0; i < sizeof key; i++, refused++) {
        key[i] ^= 1;
        blake2b_kat_hash(hash, key, message, len);
        ck_assert_mem_ne(hash, expected, sizeof hash);
        key[i] ^= 1;
    }
}
END_TEST

START_TEST(blake2b_agrees_with_rfc_7693)
{
    unsigned char hash[64], expected[BYTES_MAX];

    ck_assert_uint_eq(from_hex(expected, "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                                         "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"),
                      sizeof hash);
    ck_assert_int_eq(crypto_generichash(hash, sizeof hash, (const unsigned char *)"abc", 3, NULL, 0), 0);
    ck_assert_mem_eq(hash, expected, sizeof hash);
    agreed++;
}
END_TEST

/*
 * BLAKE2b with its salt and personalisation (RFC 7693 2.5, the parameter
 * block) is what derives the key file's key; the value is Python's:
 * hashlib.blake2b(digest_size=32, key=bytes(range(32)), salt=b"\1"+bytes(15), person=b"phdkeyfl"+bytes(8)).
 */
START_TEST(the_key_files_key_is_blake2b_of_the_root_key)
{
    CLEANUP(secret) struct secret *root = NULL;
    CLEANUP(dek) struct dek *d = NULL;
    unsigned char expected[BYTES_MAX];

    ck_assert_int_eq(secret_new(&root, ROOT_KEY_BYTES), OK);
    for (unsigned i = 0; i < ROOT_KEY_BYTES; i++)
        secret_bytes(root)[i] = (unsigned char)i;
    ck_assert_int_eq(root_dek(&d, root), OK);
    ck_assert_uint_eq(from_hex(expected, "eedb71b14608cf32bbe4de6b6e3138cfeb95378e9865875a77e8998268311f2a"),
                      DEK_BYTES);
    ck_assert_mem_eq(d->bytes, expected, DEK_BYTES);
    agreed++;
}
END_TEST

/* ---- Argon2id ---- */

/* phc-winner-argon2, src/test.c: version 19, Argon2id. */
static const struct {
    const char *password, *encoded;
} argon2id[] = {
    {"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
    {"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
    {"password", "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg"},
    {"password", "$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$kCXUjmjvc5XMqQedpMTsOv+zyJEf5PhtGiUghW9jFyw"},
    {"differentpassword",
     "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"},
    {"password", "$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw"},
};

START_TEST(argon2id_agrees_with_its_reference)
{
    char encoded[crypto_pwhash_STRBYTES] = "";
    const char *password = argon2id[_i].password;
    size_t len = strlen(password), end = strlen(argon2id[_i].encoded);

    memcpy(encoded, argon2id[_i].encoded, end);
    ck_assert_int_eq(crypto_pwhash_str_verify(encoded, password, len), 0);
    agreed++;
    ck_assert_int_ne(crypto_pwhash_str_verify(encoded, password, len - 1), 0);
    encoded[end - 10] = encoded[end - 10] == 'A' ? 'B' : 'A';
    ck_assert_int_ne(crypto_pwhash_str_verify(encoded, password, len), 0);
    refused += 2;
}
END_TEST

/* `printf 'correct horse battery' | argon2 0123456789abcdef -id -t T -k KIB -p 1 -l 32 -r` */
static const struct {
    unsigned passes, kib;
    const char *key;
} argon2_program[] = {
    {3, 262144, "a07fbc72d0fdbf63b955a1e6b709020bf1892e07403ac342bb5286f786eda778"},
    {1, 8192, "41dfee3d4d9d36eab3fe58cb40a52bca1a8a50b0df3bf7a044d1dba426351839"},
};

START_TEST(argon2id_as_the_passphrase_method_calls_it_agrees_with_the_reference_program)
{
    unsigned char key[32], expected[BYTES_MAX];

    ck_assert_uint_eq(from_hex(expected, argon2_program[_i].key), sizeof key);
    ck_assert_int_eq(crypto_pwhash(key, sizeof key, "correct horse battery", 21,
                                   (const unsigned char *)"0123456789abcdef", argon2_program[_i].passes,
                                   (size_t)argon2_program[_i].kib * 1024, crypto_pwhash_ALG_ARGON2ID13),
                     0);
    ck_assert_mem_eq(key, expected, sizeof key);
    agreed++;
}
END_TEST

#define LOOP(test, table) tcase_add_loop_test(c, test, 0, (int)COUNT(table))

int main(void)
{
    Suite *s = suite_create("vectors");
    TCase *c = tcase_create("vectors");
    SRunner *r = srunner_create(s);
    int failed;

    if (keys_init())
        return EXIT_FAILURE;
    suite_add_tcase(s, c);
    LOOP(aes_256_gcm_agrees_with_its_authors, gcm);
    LOOP(xchacha20_poly1305_agrees_with_the_draft, xchacha);
    LOOP(ed25519_agrees_with_rfc_8032, ed25519);
    LOOP(an_altered_signature_message_or_key_does_not_verify, ed25519);
    LOOP(a_second_form_of_a_signature_does_not_verify, ed25519);
    tcase_add_test(c, a_key_of_small_order_verifies_nothing);
    LOOP(sha_256_agrees_with_fips_180_4, sha256);
    LOOP(keyed_blake2b_agrees_with_its_authors, blake2b_kat);
    tcase_add_test(c, blake2b_agrees_with_rfc_7693);
    tcase_add_test(c, the_key_files_key_is_blake2b_of_the_root_key);
    LOOP(argon2id_agrees_with_its_reference, argon2id);
    LOOP(argon2id_as_the_passphrase_method_calls_it_agrees_with_the_reference_program, argon2_program);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    printf("%u published vectors agree, %u altered inputs refused, %u skipped for want of AES in this CPU\n",
           agreed, refused, skipped);
    return failed || agreed + skipped < 25 ? EXIT_FAILURE : EXIT_SUCCESS;
}
