#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "photod/base/text.h"
#include "photod/ctl/age_inside.h"
#include "photod/ctl/bech32.h"
#include "photod/ctl/hkdf.h"
#include "tests/unit/suite.h"

/* ---- RFC 5869, appendix A: the first block of each output ---- */

static const struct {
    const char *key, *salt, *info, *out;
} hkdf_vectors[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
     "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
     "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
     "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
     "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
};

START_TEST(hkdf_agrees_with_its_rfc)
{
    for (size_t i = 0; i < sizeof hkdf_vectors / sizeof hkdf_vectors[0]; i++) {
        unsigned char key[80], salt[80], info[80], want[HKDF_BYTES], out[HKDF_BYTES];
        size_t key_len = strlen(hkdf_vectors[i].key) / 2, salt_len = strlen(hkdf_vectors[i].salt) / 2,
               info_len = strlen(hkdf_vectors[i].info) / 2;

        ck_assert_int_eq(hex_decode(key, key_len, hkdf_vectors[i].key), OK);
        ck_assert_int_eq(hex_decode(salt, salt_len, hkdf_vectors[i].salt), OK);
        ck_assert_int_eq(hex_decode(info, info_len, hkdf_vectors[i].info), OK);
        ck_assert_int_eq(hex_decode(want, sizeof want, hkdf_vectors[i].out), OK);
        hkdf_sha256(out, key, key_len, salt, salt_len, info, info_len);
        ck_assert_mem_eq(out, want, sizeof want);
    }
}
END_TEST

/* ---- BIP 173 ---- */

static const struct {
    const char *text, *prefix;
} sound[] = {
    {"A12UEL5L", "a"},
    {"a12uel5l", "a"},
    {"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
     "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio"},
    {"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef"},
    {"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "split"},
    {"?1ezyfcl", "?"},
};

static const char *const unsound[] = {
    "\x20"
    "1nwldj5",
    "\x7f"
    "1axkwrx",
    "\x80"
    "1eym55h",
    "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
    "pzry9x0s0muk",
    "1pzry9x0s0muk",
    "x1b4n0q5v",
    "li1dgmt3",
    "de1lg7wt\xff",
    "A1G7SGD8",
    "10a06t8",
    "1qzzfhee",
    "a12UEL5L",
    "",
    "1",
    "age1",
};

START_TEST(bech32_takes_the_sound_texts_of_bip_173)
{
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
        unsigned char bytes[BECH32_BYTES_MAX];
        size_t len;

        ck_assert_int_eq(bech32_decode(bytes, &len, "another", sound[i].text), ERR_DENIED);
        /* Some hold groups that are no whole bytes, as BIP 173 allows and age does not. */
        ck_assert_int_ne(bech32_decode(bytes, &len, sound[i].prefix, sound[i].text), ERR_DENIED);
    }
}
END_TEST

START_TEST(bech32_refuses_the_unsound_texts_of_bip_173)
{
    for (size_t i = 0; i < sizeof unsound / sizeof unsound[0]; i++) {
        unsigned char bytes[BECH32_BYTES_MAX];
        size_t len;

        ck_assert_int_eq(bech32_decode(bytes, &len, "another", unsound[i]), ERR_MALFORMED);
    }
}
END_TEST

START_TEST(bech32_reads_what_it_writes_and_finds_every_changed_character)
{
    for (size_t len = 0; len <= 48; len++) {
        unsigned char bytes[BECH32_BYTES_MAX], back[BECH32_BYTES_MAX];
        char text[BECH32_TEXT_MAX + 1];
        size_t back_len;

        randombytes_buf(bytes, len);
        ck_assert_int_eq(bech32_encode(text, "pfx", bytes, len), OK);
        ck_assert_int_eq(bech32_decode(back, &back_len, "pfx", text), OK);
        ck_assert_uint_eq(back_len, len);
        ck_assert_mem_eq(back, bytes, len);
        for (size_t at = 4; text[at]; at++) {
            char was = text[at];

            text[at] = was == 'q' ? 'p' : 'q';
            ck_assert_int_eq(bech32_decode(back, &back_len, "pfx", text), ERR_MALFORMED);
            text[at] = was;
        }
    }
}
END_TEST

/* ---- Files ---- */

static char dir[] = "/tmp/photod-age.XXXXXX";
static char recipient_text[BECH32_TEXT_MAX + 1], identity_text[BECH32_TEXT_MAX + 1];
static struct age_recipients recipients;
static struct age_identities identities;
static struct fault fault;

static void run(const char *command)
{
    char line[600];

    (void)snprintf(line, sizeof line, "cd %s && { %s; }", dir, command);
    ck_assert_msg(system(line) == 0, "%s", line);
}

static const char *path(const char *name)
{
    static char full[200];

    (void)snprintf(full, sizeof full, "%s/%s", dir, name);
    return full;
}

static int open_file(const char *name, int flags)
{
    int fd = open(path(name), flags | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static void put_file(const char *name, const void *bytes, size_t len)
{
    CLEANUP(fd) int fd = open_file(name, O_WRONLY | O_CREAT | O_TRUNC);

    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
}

static void make_keys(void)
{
    unsigned char secret[AGE_KEY_BYTES], public[AGE_KEY_BYTES];

    ck_assert_ptr_nonnull(mkdtemp(strcpy(dir, "/tmp/photod-age.XXXXXX")));
    ck_assert_int_eq(age_init(), OK);
    randombytes_buf(secret, sizeof secret);
    ck_assert_int_eq(crypto_scalarmult_base(public, secret), 0);
    ck_assert_int_eq(bech32_encode(identity_text, "age-secret-key-", secret, sizeof secret), OK);
    for (char *c = identity_text; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    ck_assert_int_eq(bech32_encode(recipient_text, "age", public, sizeof public), OK);
    recipients.count = identities.count = 0;
    ck_assert_int_eq(age_recipient_add(&recipients, &fault, recipient_text), OK);
    ck_assert_int_eq(age_identities_add(&identities, &fault, identity_text), OK);
    put_file("identity", identity_text, strlen(identity_text));
}

static void remove_dir(void)
{
    char line[200];

    (void)snprintf(line, sizeof line, "rm -rf %s", dir);
    ck_assert_int_eq(system(line), 0);
}

static unsigned char *pattern(size_t len)
{
    unsigned char *bytes = malloc(len + 1);

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    return bytes;
}

/* What passed is what lies there. */
static void check_hash(const char *name, const unsigned char is[static HASH_BYTES], uint64_t is_bytes)
{
    CLEANUP(fd) int fd = open_file(name, O_RDONLY);
    unsigned char want[HASH_BYTES];
    uint64_t bytes;

    ck_assert_int_eq(hash_sha256_fd(want, &bytes, fd), OK);
    ck_assert_uint_eq(is_bytes, bytes);
    ck_assert_mem_eq(is, want, sizeof want);
}

static void encrypt(const char *name, const unsigned char *bytes, size_t len, size_t piece)
{
    CLEANUP(age_writer) struct age_writer *w = NULL;
    CLEANUP(fd) int fd = open_file(name, O_WRONLY | O_CREAT | O_TRUNC);
    unsigned char hash[HASH_BYTES];
    uint64_t bytes_written;

    ck_assert_int_eq(age_writer_new(&w, fd, &recipients), OK);
    for (size_t at = 0; at < len; at += piece)
        ck_assert_int_eq(age_write(w, bytes + at, len - at < piece ? len - at : piece), OK);
    ck_assert_int_eq(age_write_end(w), OK);
    age_writer_hash(hash, &bytes_written, w);
    check_hash(name, hash, bytes_written);
}

/* The plain bytes, or the error. */
static enum err decrypt(struct buf **out, const char *name)
{
    CLEANUP(age_reader) struct age_reader *r = NULL;
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(fd) int fd = open_file(name, O_RDONLY);
    const unsigned char *bytes;
    unsigned char hash[HASH_BYTES];
    uint64_t bytes_read;
    size_t len;

    TRY(buf_new(&plain, 1u << 24));
    TRY(age_reader_new(&r, &fault, fd, &identities));
    for (;;) {
        TRY(age_read(r, &fault, &bytes, &len));
        if (!len)
            break;
        TRY(buf_append(plain, bytes, len));
    }
    age_reader_hash(hash, &bytes_read, r);
    check_hash(name, hash, bytes_read);
    *out = TAKE(plain);
    return OK;
}

static const size_t lengths[] = {0, 1, 65535, 65536, 65537, 131071, 131072, 131073, 300000};

START_TEST(what_is_written_is_read_at_every_length)
{
    make_keys();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CLEANUP(heap) unsigned char *bytes = pattern(lengths[i]);
        CLEANUP(buf) struct buf *plain = NULL;

        encrypt("file", bytes, lengths[i], i % 2 ? 4096 : 100000);
        ck_assert_int_eq(decrypt(&plain, "file"), OK);
        ck_assert_uint_eq(buf_len(plain), lengths[i]);
        ck_assert_mem_eq(buf_bytes(plain), bytes, lengths[i]);
    }
    remove_dir();
}
END_TEST

START_TEST(the_stock_age_opens_what_we_write)
{
    make_keys();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CLEANUP(heap) unsigned char *bytes = pattern(lengths[i]);

        encrypt("file", bytes, lengths[i], 70000);
        put_file("want", bytes, lengths[i]);
        run("age -d -i identity file >got && cmp got want && rm got");
    }
    remove_dir();
}
END_TEST

START_TEST(we_open_what_the_stock_age_writes_for_several)
{
    make_keys();
    run("age-keygen -o other 2>/dev/null && age-keygen -y other >other.pub");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CLEANUP(heap) unsigned char *bytes = pattern(lengths[i]);
        CLEANUP(buf) struct buf *plain = NULL;
        char command[300];

        put_file("want", bytes, lengths[i]);
        (void)snprintf(command, sizeof command, "age -r $(cat other.pub) -r %s -o file want", recipient_text);
        run(command);
        ck_assert_int_eq(decrypt(&plain, "file"), OK);
        ck_assert_uint_eq(buf_len(plain), lengths[i]);
        ck_assert_mem_eq(buf_bytes(plain), bytes, lengths[i]);
    }
    remove_dir();
}
END_TEST

START_TEST(an_identity_file_of_age_keygen_is_read)
{
    CLEANUP(buf) struct buf *text = NULL;
    struct age_identities some = {.count = 0};
    CLEANUP(fd) int fd = -1;
    char bytes[1000] = "";

    make_keys();
    run("age-keygen -o other 2>/dev/null");
    fd = open_file("other", O_RDONLY);
    ck_assert_int_gt(read(fd, bytes, sizeof bytes - 1), 0);
    ck_assert_int_eq(age_identities_add(&some, &fault, bytes), OK);
    ck_assert_uint_eq(some.count, 1);
    ck_assert_int_eq(age_identities_add(&some, &fault, "# nothing\n\n"), ERR_MALFORMED);
    ck_assert_int_eq(age_identities_add(&some, &fault, recipient_text), ERR_MALFORMED);
    ck_assert_int_eq(age_recipient_add(&recipients, &fault, identity_text), ERR_MALFORMED);
    remove_dir();
}
END_TEST

START_TEST(another_identity_is_denied)
{
    CLEANUP(buf) struct buf *plain = NULL;

    make_keys();
    encrypt("file", (const unsigned char *)"x", 1, 1);
    identities.key[0][3] ^= 1;
    ck_assert_int_eq(decrypt(&plain, "file"), ERR_DENIED);
    remove_dir();
}
END_TEST

/* Changes a copy of `file` and expects that it does not read to its end; what was read before is what was
 * written. */
static void must_fail(const unsigned char *bytes, size_t len)
{
    CLEANUP(buf) struct buf *plain = NULL;

    put_file("changed", bytes, len);
    ck_assert_int_ne(decrypt(&plain, "changed"), OK);
}

START_TEST(every_flipped_byte_is_found)
{
    CLEANUP(heap) unsigned char *bytes = pattern(600);
    unsigned char file[2000];
    CLEANUP(fd) int fd = -1;
    ssize_t len;

    make_keys();
    encrypt("file", bytes, 600, 600);
    fd = open_file("file", O_RDONLY);
    len = read(fd, file, sizeof file);
    ck_assert_int_gt(len, 700);
    for (ssize_t i = 0; i < len; i++) {
        file[i] ^= 1;
        must_fail(file, (size_t)len);
        file[i] ^= 1;
    }
    for (ssize_t i = 0; i < len; i++)
        must_fail(file, (size_t)i);
    file[len] = 0;
    must_fail(file, (size_t)len + 1);
    (void)printf("%d bytes flipped, %d lengths cut: all found\n", (int)len, (int)len);
    remove_dir();
}
END_TEST

START_TEST(chunks_that_are_cut_off_or_change_places_are_found)
{
    size_t plain_len = 3 * AGE_CHUNK + 7, header;
    CLEANUP(heap) unsigned char *bytes = pattern(plain_len);
    CLEANUP(heap) unsigned char *file = malloc(plain_len + 2000);
    CLEANUP(heap) unsigned char *swapped = malloc(plain_len + 2000);
    CLEANUP(fd) int fd = -1;
    ssize_t len;

    make_keys();
    ck_assert(file && swapped);
    encrypt("file", bytes, plain_len, plain_len);
    fd = open_file("file", O_RDONLY);
    len = read(fd, file, plain_len + 2000);
    header = (size_t)len - plain_len - 4 * crypto_aead_chacha20poly1305_ietf_ABYTES;
    for (unsigned whole = 0; whole < 4; whole++) /* a cut at the end of a chunk is a cut */
        must_fail(file, header + whole * AGE_CHUNK_SEALED);
    memcpy(swapped, file, (size_t)len);
    memcpy(swapped + header, file + header + AGE_CHUNK_SEALED, AGE_CHUNK_SEALED);
    memcpy(swapped + header + AGE_CHUNK_SEALED, file + header, AGE_CHUNK_SEALED);
    must_fail(swapped, (size_t)len);
    memcpy(swapped, file, (size_t)len);
    memcpy(swapped + header + AGE_CHUNK_SEALED, file + header, AGE_CHUNK_SEALED); /* one twice */
    must_fail(swapped, (size_t)len);
    remove_dir();
}
END_TEST

START_TEST(a_header_without_end_or_with_many_recipients_costs_little)
{
    CLEANUP(buf) struct buf *text = NULL;
    CLEANUP(buf) struct buf *plain = NULL;
    static const char *const malformed[] = {
        "",
        "age-encryption.org/v2\n",
        "age-encryption.org/v1\n",
        "age-encryption.org/v1\n--- AAAA\n",
        "age-encryption.org/v1\n-> X25519 short\nAAAA\n--- AAAA\n",
        "age-encryption.org/v1\n-> "
        "other\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
    };

    make_keys();
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        put_file("file", malformed[i], strlen(malformed[i]));
        ck_assert_int_eq(decrypt(&plain, "file"), ERR_MALFORMED);
    }
    ck_assert_int_eq(buf_new(&text, 1u << 20), OK);
    ck_assert_int_eq(buf_printf(text, "age-encryption.org/v1\n"), OK);
    for (unsigned i = 0; i < 4000; i++)
        ck_assert_int_eq(buf_printf(text, "-> other\nAAAA\n"), OK);
    put_file("file", buf_bytes(text), buf_len(text));
    ck_assert_int_eq(decrypt(&plain, "file"), ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(fault.text, "more than 32"));
    remove_dir();
}
END_TEST

SUITE("age", hkdf_agrees_with_its_rfc, bech32_takes_the_sound_texts_of_bip_173,
      bech32_refuses_the_unsound_texts_of_bip_173,
      bech32_reads_what_it_writes_and_finds_every_changed_character, what_is_written_is_read_at_every_length,
      the_stock_age_opens_what_we_write, we_open_what_the_stock_age_writes_for_several,
      an_identity_file_of_age_keygen_is_read, another_identity_is_denied, every_flipped_byte_is_found,
      chunks_that_are_cut_off_or_change_places_are_found,
      a_header_without_end_or_with_many_recipients_costs_little)
