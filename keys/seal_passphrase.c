/*
 * The root key file of seal method passphrase: text, four lines.
 *
 *   photod root key, sealed by a passphrase (1)
 *   argon2id PASSES KIB SALT         salt: 16 bytes as hexadecimal digits
 *   SEALED                           nonce, root key and tag: XChaCha20-Poly1305, bound to the lines above
 *   check DIGITS                     4 bytes of BLAKE2b-256 over the lines above
 *
 * The check needs no secret: it tells a damaged file from a wrong passphrase,
 * and the line behind it is the passphrase when the vault gets the two as one
 * file.  The parameters are the file's, so they can be raised for new files.
 */
#include <stdio.h>
#include <string.h>
#include "keys/inside.h"
#include "keys/seal.h"
#include "photod/base/log.h"
#include "photod/base/text.h"

#define TITLE          "photod root key, sealed by a passphrase (1)\n"
#define LINES          4
#define FILE_MAX       1024
#define PASSPHRASE_MAX 1024
#define OPENING_MAX    (FILE_MAX + PASSPHRASE_MAX + 2)
#define NONCE          crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG            crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SEALED         (NONCE + ROOT_KEY_BYTES + TAG)
#define CHECK_BYTES    4

/* What a file may ask for: more than a server would want to spend on a start is a damaged or hostile one. */
#define PASSES_MAX 32
#define KIB_MAX    (2u << 20)

struct sealed_file {
    struct seal_cost cost;
    unsigned char salt[crypto_pwhash_SALTBYTES];
    unsigned char sealed[SEALED];
    size_t bound_len; /* the first two lines */
};

/* ---- Key ---- */

static enum err derive(struct secret **out, const char *passphrase, size_t len,
                       const unsigned char salt[static crypto_pwhash_SALTBYTES], struct seal_cost cost)
{
    CLEANUP(secret) struct secret *key = NULL;

    TRY(secret_new(&key, crypto_aead_xchacha20poly1305_ietf_KEYBYTES));
    if (crypto_pwhash(secret_bytes(key), secret_len(key), passphrase, len, salt, cost.passes,
                      (size_t)cost.kib * 1024, crypto_pwhash_ALG_ARGON2ID13)) {
        log_error("the passphrase cannot be tried: Argon2id needs %u MiB of memory, which are not there",
                  (unsigned)(cost.kib / 1024));
        return ERR_NOMEM;
    }
    *out = TAKE(key);
    return OK;
}

/* The first line of text, without its end. */
static size_t first_line(const char *text, size_t len)
{
    size_t n = 0;

    while (n < len && text[n] != '\n' && text[n] != '\r' && text[n] != '\0')
        n++;
    return n;
}

static void make_check(char hex[static 2 * CHECK_BYTES + 1], const char *text, size_t len)
{
    unsigned char hash[crypto_generichash_BYTES];

    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)text, len, NULL, 0);
    hex_encode(hex, hash, CHECK_BYTES);
}

/* ---- Opening ---- */

/* Where line n (from 0) begins, or NULL. */
static const char *line_at(const char *text, size_t len, unsigned n)
{
    const char *at = text;

    while (at && n--) {
        at = memchr(at, '\n', len - (size_t)(at - text));
        at = at ? at + 1 : NULL;
    }
    return at;
}

static enum err parse_cost(struct sealed_file *f, const char *line, size_t len)
{
    char copy[160], passes[12], kib[12], salt[2 * sizeof f->salt + 2], rest;
    uint64_t value;

    if (len >= sizeof copy)
        return ERR_MALFORMED;
    memcpy(copy, line, len);
    copy[len] = '\0';
    if (sscanf(copy, "argon2id %11s %11s %33s %c", passes, kib, salt, &rest) != 3)
        return ERR_MALFORMED;
    TRY(u64_parse(&value, passes, PASSES_MAX));
    f->cost.passes = (unsigned)value;
    TRY(u64_parse(&value, kib, KIB_MAX));
    f->cost.kib = (unsigned)value;
    if (f->cost.passes < crypto_pwhash_OPSLIMIT_MIN || f->cost.kib < crypto_pwhash_MEMLIMIT_MIN / 1024)
        return ERR_MALFORMED;
    return hex_decode(f->salt, sizeof f->salt, salt);
}

static enum err parse(struct sealed_file *f, const char **passphrase, const char *text, size_t len)
{
    const char *lines[LINES + 1];
    char check[2 * CHECK_BYTES + 1], sealed[2 * SEALED + 1];

    for (unsigned n = 0; n <= LINES; n++) {
        lines[n] = line_at(text, len, n);
        if (!lines[n])
            return ERR_MALFORMED;
    }
    make_check(check, text, (size_t)(lines[3] - text));
    if (lines[1] - lines[0] != sizeof TITLE - 1 || memcmp(lines[0], TITLE, sizeof TITLE - 1) != 0 ||
        lines[4] - lines[3] != 6 + 2 * CHECK_BYTES + 1 || memcmp(lines[3], "check ", 6) != 0 ||
        memcmp(lines[3] + 6, check, 2 * CHECK_BYTES) != 0 || lines[3] - lines[2] != sizeof sealed)
        return ERR_MALFORMED;
    TRY(parse_cost(f, lines[1], (size_t)(lines[2] - lines[1] - 1)));
    memcpy(sealed, lines[2], sizeof sealed);
    sealed[2 * SEALED] = '\0';
    TRY(hex_decode(f->sealed, sizeof f->sealed, sealed));
    f->bound_len = (size_t)(lines[2] - text);
    *passphrase = lines[4];
    return OK;
}

enum err seal_passphrase_open(struct secret **root, int fd)
{
    CLEANUP(secret) struct secret *opening = NULL;
    CLEANUP(secret) struct secret *kek = NULL;
    CLEANUP(secret) struct secret *key = NULL;
    const char *text, *passphrase;
    struct sealed_file f;
    size_t len, passphrase_len;

    TRY(secret_new(&opening, OPENING_MAX));
    TRY(seal_read_all(secret_bytes(opening), &len, OPENING_MAX, fd, "the root key"));
    text = (const char *)secret_peek(opening);
    if (parse(&f, &passphrase, text, len)) {
        log_error("the root key file is damaged, or is none that a passphrase opens");
        return ERR_MALFORMED;
    }
    passphrase_len = first_line(passphrase, len - (size_t)(passphrase - text));
    if (!passphrase_len || passphrase_len > PASSPHRASE_MAX) {
        log_error("the file of the passphrase (seal_passphrase) has an empty or endless first line");
        return ERR_MALFORMED;
    }
    TRY(derive(&kek, passphrase, passphrase_len, f.salt, f.cost));
    TRY(secret_new(&key, ROOT_KEY_BYTES));
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(secret_bytes(key), NULL, NULL, f.sealed + NONCE,
                                                   SEALED - NONCE, (const unsigned char *)text, f.bound_len,
                                                   f.sealed, secret_peek(kek))) {
        log_error("the passphrase (seal_passphrase) is not the one that the root key file was sealed with");
        return ERR_DENIED;
    }
    *root = TAKE(key);
    return OK;
}

/* ---- Making ---- */

static enum err seal(char *text, size_t *len, size_t size, const struct secret *root,
                     const struct secret *passphrase, size_t passphrase_len, struct seal_cost cost)
{
    CLEANUP(secret) struct secret *kek = NULL;
    struct sealed_file f;
    char salt[2 * sizeof f.salt + 1], sealed[2 * SEALED + 1], check[2 * CHECK_BYTES + 1];

    randombytes_buf(f.salt, sizeof f.salt);
    randombytes_buf(f.sealed, NONCE);
    TRY(derive(&kek, (const char *)secret_peek(passphrase), passphrase_len, f.salt, cost));
    hex_encode(salt, f.salt, sizeof f.salt);
    *len = (size_t)snprintf(text, size, TITLE "argon2id %u %u %s\n", cost.passes, cost.kib, salt);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(f.sealed + NONCE, NULL, secret_peek(root),
                                                     ROOT_KEY_BYTES, (const unsigned char *)text, *len, NULL,
                                                     f.sealed, secret_peek(kek));
    hex_encode(sealed, f.sealed, sizeof f.sealed);
    *len += (size_t)snprintf(text + *len, size - *len, "%s\n", sealed);
    make_check(check, text, *len);
    *len += (size_t)snprintf(text + *len, size - *len, "check %s\n", check);
    return OK;
}

enum err seal_passphrase_make_at(const struct secret *root, int fd, int passphrase_fd, struct seal_cost cost)
{
    CLEANUP(secret) struct secret *passphrase = NULL;
    char text[FILE_MAX];
    size_t len;

    TRY(secret_new(&passphrase, PASSPHRASE_MAX + 2));
    TRY(seal_read_all(secret_bytes(passphrase), &len, PASSPHRASE_MAX + 2, passphrase_fd,
                      "the passphrase (seal_passphrase)"));
    len = first_line((const char *)secret_peek(passphrase), len);
    if (len < SEAL_PASSPHRASE_MIN) {
        log_error("the passphrase (first line of seal_passphrase) is shorter than %d characters",
                  SEAL_PASSPHRASE_MIN);
        return ERR_DENIED;
    }
    if (len > PASSPHRASE_MAX) {
        log_error("the passphrase (first line of seal_passphrase) is longer than %d bytes", PASSPHRASE_MAX);
        return ERR_MALFORMED;
    }
    TRY(seal(text, &len, sizeof text, root, passphrase, len, cost));
    return seal_write_all(fd, text, len, "the root key");
}

enum err seal_passphrase_make(const struct secret *root, int fd, int passphrase_fd)
{
    const struct seal_cost moderate = {crypto_pwhash_OPSLIMIT_MODERATE,
                                       crypto_pwhash_MEMLIMIT_MODERATE / 1024};

    return seal_passphrase_make_at(root, fd, passphrase_fd, moderate);
}
