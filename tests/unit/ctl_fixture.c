#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/ctl_fixture.h"

static void sha256(unsigned char *out, const void *bytes, size_t len)
{
    ck_assert_int_eq(gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, len, out), 0);
}

char *fixture_base64(const void *bytes, size_t len)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)bytes, (unsigned)len}, out;
    char *text;

    ck_assert_int_ge(gnutls_base64_encode2(&in, &out), 0);
    text = strndup((char *)out.data, out.size);
    gnutls_free(out.data);
    return text;
}

/* ---- Keys and notes ---- */

void fixture_key_make(struct fixture_key *out, const char *name)
{
    unsigned char bytes[200], digest[32], typed[33] = {1};
    gnutls_datum_t x = {NULL, 0};
    gnutls_ecc_curve_t curve;
    char *b64;
    size_t len = strlen(name);

    (void)snprintf(out->name, sizeof out->name, "%s", name);
    ck_assert_int_ge(gnutls_privkey_init(&out->key), 0);
    ck_assert_int_ge(gnutls_privkey_generate(out->key, GNUTLS_PK_EDDSA_ED25519, 0, 0), 0);
    ck_assert_int_ge(gnutls_privkey_export_ecc_raw(out->key, &curve, &x, NULL, NULL), 0);
    ck_assert_uint_eq(x.size, 32);
    memcpy(typed + 1, x.data, 32);
    gnutls_free(x.data);
    memcpy(bytes, name, len);
    bytes[len] = '\n';
    memcpy(bytes + len + 1, typed, 33);
    sha256(digest, bytes, len + 34);
    memcpy(out->id, digest, 4);
    b64 = fixture_base64(typed, 33);
    (void)snprintf(out->vkey, sizeof out->vkey, "%s+%02x%02x%02x%02x+%s", name, digest[0], digest[1],
                   digest[2], digest[3], b64);
    free(b64);
}

void fixture_key_clear(struct fixture_key *k)
{
    gnutls_privkey_deinit(k->key);
}

char *fixture_note(const struct fixture_key *k, const char *text)
{
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)}, sig;
    unsigned char bytes[68];
    char *b64, *note;

    ck_assert_int_ge(gnutls_privkey_sign_data2(k->key, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &sig), 0);
    ck_assert_uint_eq(sig.size, 64);
    memcpy(bytes, k->id, 4);
    memcpy(bytes + 4, sig.data, 64);
    gnutls_free(sig.data);
    b64 = fixture_base64(bytes, sizeof bytes);
    ck_assert_int_gt(asprintf(&note, "%s\n\xe2\x80\x94 %s %s\n", text, k->name, b64), 0);
    free(b64);
    return note;
}

char *fixture_checkpoint(const struct fixture_key *k, const struct fixture_log *log)
{
    unsigned char root[FIXTURE_HASH];
    char *b64, *text, *note;

    fixture_root(root, log, 0, log->size);
    b64 = fixture_base64(root, sizeof root);
    ck_assert_int_gt(asprintf(&text, "%s\n%llu\n%s\n", k->name, (unsigned long long)log->size, b64), 0);
    note = fixture_note(k, text);
    free(text);
    free(b64);
    return note;
}

/* ---- The tree ---- */

size_t fixture_entry(char *out, size_t size, uint64_t i)
{
    return (size_t)snprintf(out, size,
                            "{\"v\":1,\"t\":\"2026-11-23T00:00:%02u.000Z\",\"type\":\"test\",\"n\":%u}",
                            (unsigned)(i % 60), (unsigned)i);
}

static size_t entry_of(char *out, size_t size, const struct fixture_log *log, uint64_t i)
{
    return log->text && i == log->special ? (size_t)snprintf(out, size, "%s", log->text)
                                          : fixture_entry(out, size, i);
}

void fixture_leaf(unsigned char out[static FIXTURE_HASH], const struct fixture_log *log, uint64_t i)
{
    char bytes[1000] = {0};
    size_t len = entry_of(bytes + 1, sizeof bytes - 1, log, i);

    sha256(out, bytes, len + 1);
}

static uint64_t split_point(uint64_t n)
{
    uint64_t k = 1;

    while (k * 2 < n)
        k *= 2;
    return k;
}

void fixture_root(unsigned char out[static FIXTURE_HASH], const struct fixture_log *log, uint64_t from,
                  uint64_t to)
{
    unsigned char bytes[1 + 2 * FIXTURE_HASH] = {1};
    uint64_t k;

    if (to == from) {
        sha256(out, "", 0);
        return;
    }
    if (to - from == 1) {
        fixture_leaf(out, log, from);
        return;
    }
    k = split_point(to - from);
    fixture_root(bytes + 1, log, from, from + k);
    fixture_root(bytes + 1 + FIXTURE_HASH, log, from + k, to);
    sha256(out, bytes, sizeof bytes);
}

static unsigned path(unsigned char (*out)[FIXTURE_HASH], const struct fixture_log *log, uint64_t m,
                     uint64_t from, uint64_t to)
{
    uint64_t k;
    unsigned n;

    if (to - from == 1)
        return 0;
    k = split_point(to - from);
    if (m < from + k) {
        n = path(out, log, m, from, from + k);
        fixture_root(out[n], log, from + k, to);
    } else {
        n = path(out, log, m, from + k, to);
        fixture_root(out[n], log, from, from + k);
    }
    return n + 1;
}

unsigned fixture_path(unsigned char (*out)[FIXTURE_HASH], const struct fixture_log *log, uint64_t index)
{
    return path(out, log, index, 0, log->size);
}

/* ---- Directories ---- */

static void name_tile(char *out, size_t size, const char *level, uint64_t n, unsigned width)
{
    char part[40] = "";

    if (width < 256)
        (void)snprintf(part, sizeof part, ".p/%u", width);
    if (n < 1000)
        (void)snprintf(out, size, "tile/%s/%03u%s", level, (unsigned)n, part);
    else
        (void)snprintf(out, size, "tile/%s/x%03u/%03u%s", level, (unsigned)(n / 1000), (unsigned)(n % 1000),
                       part);
}

static void write_bundle(const char *dir, const struct fixture_log *log, uint64_t n, unsigned width)
{
    static unsigned char bytes[256 * 1000];
    char name[100];
    size_t at = 0;

    for (unsigned i = 0; i < width; i++) {
        size_t len = entry_of((char *)bytes + at + 2, 998, log, n * 256 + i);

        bytes[at] = (unsigned char)(len >> 8);
        bytes[at + 1] = (unsigned char)len;
        at += 2 + len;
    }
    name_tile(name, sizeof name, "entries", n, width);
    fixture_write(dir, name, bytes, at);
}

static void write_tile(const char *dir, const struct fixture_log *log, unsigned level, uint64_t n,
                       unsigned width)
{
    unsigned char bytes[256 * FIXTURE_HASH];
    uint64_t each = (uint64_t)1 << (8 * level);
    char name[100], digits[4];

    for (unsigned i = 0; i < width; i++)
        fixture_root(bytes + i * FIXTURE_HASH, log, (n * 256 + i) * each, (n * 256 + i + 1) * each);
    (void)snprintf(digits, sizeof digits, "%u", level % 10);
    name_tile(name, sizeof name, digits, n, width);
    fixture_write(dir, name, bytes, width * FIXTURE_HASH);
}

void fixture_write_log(const char *dir, const struct fixture_key *k, const struct fixture_log *log)
{
    char *checkpoint = fixture_checkpoint(k, log);

    for (unsigned level = 0; log->size >> (8 * level); level++) {
        uint64_t hashes = log->size >> (8 * level);

        for (uint64_t n = 0; n * 256 < hashes; n++) {
            unsigned width = hashes - n * 256 < 256 ? (unsigned)(hashes - n * 256) : 256;

            write_tile(dir, log, level, n, width);
            if (!level)
                write_bundle(dir, log, n, width);
        }
    }
    fixture_write(dir, "checkpoint", checkpoint, strlen(checkpoint));
    free(checkpoint);
}

/* ---- Receipts ---- */

static char *escape(const char *text)
{
    char *out = malloc(2 * strlen(text) + 1), *to = out;

    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *to++ = '\\';
        *to++ = *text;
    }
    *to = '\0';
    return out;
}

char *fixture_receipt(const struct fixture_key *k, const struct fixture_log *log, const char *salt_hex)
{
    unsigned char hashes[64][FIXTURE_HASH];
    unsigned count = fixture_path(hashes, log, log->special);
    char *leaf = escape(log->text), *json, *b64, *out, *checkpoint = fixture_checkpoint(k, log);

    if (salt_hex)
        ck_assert_int_gt(asprintf(&json, "{\"leaf\":\"%s\",\"salt\":\"%s\"}", leaf, salt_hex), 0);
    else
        ck_assert_int_gt(asprintf(&json, "{\"leaf\":\"%s\"}", leaf), 0);
    b64 = fixture_base64(json, strlen(json));
    ck_assert_int_gt(asprintf(&out, "c2sp.org/tlog-proof@v1\nextra %s\nindex %llu\n", b64,
                              (unsigned long long)log->special),
                     0);
    free(b64);
    for (unsigned i = 0; i <= count; i++) {
        char *line = i < count ? fixture_base64(hashes[i], FIXTURE_HASH) : strdup(""), *longer;

        ck_assert_int_gt(asprintf(&longer, "%s%s\n%s", out, line, i < count ? "" : checkpoint), 0);
        free(line);
        free(out);
        out = longer;
    }
    free(leaf);
    free(json);
    free(checkpoint);
    return out;
}

/* ---- Files ---- */

char *fixture_dir(void)
{
    char *dir = strdup("/tmp/photod-ctl-XXXXXX");

    ck_assert_ptr_nonnull(mkdtemp(dir));
    return dir;
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(name);
}

void fixture_remove(const char *dir)
{
    ck_assert_int_eq(nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH), 0);
}

void fixture_write(const char *dir, const char *path_in, const void *bytes, size_t len)
{
    char full[4096];
    FILE *f;

    (void)snprintf(full, sizeof full, "%s/%s", dir, path_in);
    for (char *slash = full + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    f = fopen(full, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

unsigned char *fixture_read(const char *dir, const char *path_in, size_t *len)
{
    char full[4096];
    unsigned char *bytes = malloc(1 << 20);
    FILE *f;

    (void)snprintf(full, sizeof full, "%s/%s", dir, path_in);
    f = fopen(full, "r");
    ck_assert_ptr_nonnull(f);
    *len = fread(bytes, 1, 1 << 20, f);
    (void)fclose(f);
    return bytes;
}

static struct {
    const char *dir;
    void (*f)(const char *dir, const char *path, void *context);
    void *context;
} each;

static int visit(const char *name, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)at;
    if (kind == FTW_F)
        each.f(each.dir, name + strlen(each.dir) + 1, each.context);
    return 0;
}

void fixture_each(const char *dir, void (*f)(const char *, const char *, void *), void *context)
{
    each.dir = dir;
    each.f = f;
    each.context = context;
    ck_assert_int_eq(nftw(dir, visit, 16, FTW_PHYS), 0);
}
