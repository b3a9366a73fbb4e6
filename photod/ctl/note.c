#include <gnutls/abstract.h>
#include <stdint.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/base/text.h"
#include "photod/ctl/note.h"

#define TYPE_ED25519   1
#define SIGNATURE_MAX  64 /* lines; the specification asks for at least 16 */
#define SIGNATURE_SIZE 64
#define EM_DASH        "\xe2\x80\x94 "
#define EM_DASH_LEN    4

/* ---- Text ---- */

/* Length of the UTF-8 character at p, 0 when it is none (too long forms and surrogates included). */
static size_t character(const unsigned char *p, size_t len)
{
    size_t n = *p < 0x80                 ? 1
               : *p >= 0xc2 && *p < 0xe0 ? 2
               : *p >= 0xe0 && *p < 0xf0 ? 3
               : *p >= 0xf0 && *p < 0xf5 ? 4
                                         : 0;

    if (!n || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static bool is_note_text(const unsigned char *p, size_t len)
{
    while (len) {
        size_t n = character(p, len);

        if (!n || (*p < 0x20 && *p != '\n'))
            return false;
        p += n;
        len -= n;
    }
    return true;
}

static bool is_key_name(const char *name, size_t len)
{
    static const char *const spaces[] = {" ",
                                         "\xc2\xa0",
                                         "\xc2\x85",
                                         "\xe1\x9a\x80",
                                         "\xe2\x80\xa8",
                                         "\xe2\x80\xa9",
                                         "\xe2\x80\xaf",
                                         "\xe2\x81\x9f",
                                         "\xe3\x80\x80"};

    if (!len || len >= NOTE_NAME || memchr(name, '+', len))
        return false;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        if (memmem(name, len, spaces[i], strlen(spaces[i])))
            return false;
    for (size_t i = 0; i + 2 < len; i++) /* U+2000 to U+200A */
        if (memcmp(name + i, "\xe2\x80", 2) == 0 && (unsigned char)name[i + 2] <= 0x8a)
            return false;
    return is_note_text((const unsigned char *)name, len) && !memchr(name, '\n', len);
}

/* ---- Keys ---- */

static void key_id(unsigned char id[static 4], const struct vkey *k)
{
    unsigned char bytes[NOTE_NAME + 2 + sizeof k->key], digest[HASH_BYTES];
    size_t len = strlen(k->name);

    memcpy(bytes, k->name, len);
    bytes[len++] = '\n';
    bytes[len++] = TYPE_ED25519;
    memcpy(bytes + len, k->key, sizeof k->key);
    hash_sha256(digest, bytes, len + sizeof k->key);
    memcpy(id, digest, 4);
}

enum err vkey_parse(struct vkey *out, const char *text)
{
    CLEANUP(buf) struct buf *raw = NULL;
    struct vkey k = {0};
    unsigned char id[4];
    char hex[9] = {0};
    size_t len, name_len;

    text += strspn(text, " \t\r\n");
    len = strcspn(text, "\t\r\n");
    if (text[len + strspn(text + len, " \t\r\n")])
        return ERR_MALFORMED;
    name_len = strcspn(text, "+");
    if (!is_key_name(text, name_len) || len < name_len + 10 || text[name_len + 9] != '+')
        return ERR_MALFORMED;
    memcpy(k.name, text, name_len);
    memcpy(hex, text + name_len + 1, 8);
    if (strspn(hex, "0123456789abcdef") != 8)
        return ERR_MALFORMED;
    TRY(hex_decode(k.id, sizeof k.id, hex));
    TRY(buf_new(&raw, 4096));
    TRY(base64_decode(raw, text + name_len + 10, len - name_len - 10));
    if (buf_len(raw) != 1 + sizeof k.key || buf_bytes(raw)[0] != TYPE_ED25519)
        return ERR_MALFORMED;
    memcpy(k.key, buf_bytes(raw) + 1, sizeof k.key);
    key_id(id, &k);
    if (memcmp(id, k.id, sizeof id) != 0)
        return ERR_MALFORMED;
    *out = k;
    return OK;
}

/* ---- Signatures ---- */

static bool verifies(const struct vkey *key, const char *text, size_t len, const unsigned char *signature)
{
    gnutls_datum_t x = {(unsigned char *)(uintptr_t)key->key, sizeof key->key};
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)text, (unsigned)len};
    gnutls_datum_t sig = {(unsigned char *)(uintptr_t)signature, SIGNATURE_SIZE};
    gnutls_pubkey_t pub;
    bool good;

    if (gnutls_pubkey_init(&pub) < 0)
        return false;
    good = gnutls_pubkey_import_ecc_raw(pub, GNUTLS_ECC_CURVE_ED25519, &x, NULL) >= 0 &&
           gnutls_pubkey_verify_data2(pub, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &sig) >= 0;
    gnutls_pubkey_deinit(pub);
    return good;
}

enum found { FOUND_MALFORMED, FOUND_UNKNOWN, FOUND_GOOD, FOUND_BAD };

/* One signature line, without its newline. */
static enum found judge_line(const char *line, size_t len, const char *text, size_t text_len,
                             const struct vkey *key)
{
    CLEANUP(buf) struct buf *raw = NULL;
    const char *space;
    size_t name_len;

    if (len <= EM_DASH_LEN || memcmp(line, EM_DASH, EM_DASH_LEN) != 0)
        return FOUND_MALFORMED;
    line += EM_DASH_LEN;
    len -= EM_DASH_LEN;
    space = memchr(line, ' ', len);
    if (!space || !is_key_name(line, (size_t)(space - line)))
        return FOUND_MALFORMED;
    name_len = (size_t)(space - line);
    if (buf_new(&raw, 1u << 16) || base64_decode(raw, space + 1, len - name_len - 1) || buf_len(raw) < 5)
        return FOUND_MALFORMED;
    if (name_len != strlen(key->name) || memcmp(line, key->name, name_len) != 0 ||
        memcmp(buf_bytes(raw), key->id, sizeof key->id) != 0)
        return FOUND_UNKNOWN;
    if (buf_len(raw) != sizeof key->id + SIGNATURE_SIZE)
        return FOUND_BAD;
    return verifies(key, text, text_len, buf_bytes(raw) + sizeof key->id) ? FOUND_GOOD : FOUND_BAD;
}

/* Where the last empty line begins: the text ends just before it. */
static const char *last_empty_line(const char *note, size_t len)
{
    for (size_t i = len; i >= 2; i--)
        if (note[i - 1] == '\n' && note[i - 2] == '\n')
            return note + i - 1;
    return NULL;
}

enum err note_open(const char **text, size_t *text_len, struct fault *fault, const void *note, size_t len,
                   const struct vkey *key)
{
    const char *begin = note, *end = begin + len, *split, *line;
    bool good = false;
    unsigned count = 0;

    if (!len || end[-1] != '\n' || !is_note_text(note, len) || !(split = last_empty_line(begin, len)))
        return fault_set(fault, ERR_MALFORMED, "it is not a signed note");
    for (line = split + 1; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        enum found f = judge_line(line, (size_t)(newline - line), begin, (size_t)(split - begin), key);

        if (f == FOUND_MALFORMED || ++count > SIGNATURE_MAX)
            return fault_set(fault, ERR_MALFORMED, "a signature line is malformed");
        if (f == FOUND_BAD)
            return fault_set(fault, ERR_CORRUPT, "the signature of %s does not verify: it was changed",
                             key->name);
        good = good || f == FOUND_GOOD;
        line = newline + 1;
    }
    if (!good)
        return fault_set(fault, ERR_DENIED, "it is not signed by the key given, %s", key->name);
    *text = begin;
    *text_len = (size_t)(split - begin);
    return OK;
}

/* ---- Checkpoints ---- */

/* The next line of a text that ends in a newline, as a C string. */
static enum err take_line(char *out, size_t size, const char **at, const char *end)
{
    const char *newline = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    size_t len = newline ? (size_t)(newline - *at) : 0;

    if (!len || len >= size)
        return ERR_MALFORMED;
    memcpy(out, *at, len);
    out[len] = '\0';
    *at = newline + 1;
    return OK;
}

static enum err checkpoint_parse(struct checkpoint *out, const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    struct checkpoint c = {.size = 0};
    char line[NOTE_NAME];

    TRY(take_line(c.origin, sizeof c.origin, &at, end));
    TRY(take_line(line, sizeof line, &at, end));
    TRY(u64_parse(&c.size, line, INT64_MAX));
    TRY(take_line(line, sizeof line, &at, end));
    TRY(base64_decode_hash(c.root, line, strlen(line)));
    *out = c;
    return OK;
}

enum err checkpoint_open(struct checkpoint *out, struct fault *fault, const void *note, size_t len,
                         const struct vkey *key)
{
    const char *text;
    size_t text_len;
    struct checkpoint c;

    TRY(note_open(&text, &text_len, fault, note, len, key));
    if (checkpoint_parse(&c, text, text_len))
        return fault_set(fault, ERR_MALFORMED, "the signed text is not a checkpoint");
    if (strcmp(c.origin, key->name) != 0)
        return fault_set(fault, ERR_DENIED, "it is of the log %.80s, not of %.80s", c.origin, key->name);
    *out = c;
    return OK;
}
