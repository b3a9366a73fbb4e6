#include <jansson.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/base/text.h"
#include "photod/ctl/receipt.h"

#define EXTRA_MAX  65536
#define SALT_BYTES 32
#define FIRST_LINE "c2sp.org/tlog-proof@v1"

/* The receipt as it stands on paper; strings are borrowed. */
struct proof {
    struct buf *extra;
    uint64_t index;
    unsigned char hash[MERKLE_PROOF_MAX][HASH_BYTES];
    unsigned count;
    const char *note;
    size_t note_len;
};

/* The opened extra line. */
struct opening {
    json_t *json;
    const char *leaf; /* borrowed from json */
    size_t leaf_len;
    unsigned char salt[SALT_BYTES];
};

static void opening_cleanup(struct opening *o)
{
    json_decref(o->json);
}

static void proof_cleanup(struct proof *p)
{
    buf_free(p->extra);
}

/* The next line, without its newline; false at the end. */
static bool next_line(const char **line, size_t *len, const char **at, const char *end)
{
    const char *newline = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;

    if (!newline)
        return false;
    *line = *at;
    *len = (size_t)(newline - *at);
    *at = newline + 1;
    return true;
}

static bool starts(const char *line, size_t len, const char *word)
{
    return len > strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

static enum err parse_index(uint64_t *out, const char *line, size_t len)
{
    char digits[24] = {0};

    if (!starts(line, len, "index ") || len - 6 >= sizeof digits)
        return ERR_MALFORMED;
    memcpy(digits, line + 6, len - 6);
    return u64_parse(out, digits, INT64_MAX);
}

static enum err proof_parse(struct proof *p, const char *bytes, size_t size)
{
    const char *at = bytes, *end = bytes + size, *line;
    size_t len;

    TRY(buf_new(&p->extra, EXTRA_MAX));
    if (!next_line(&line, &len, &at, end) || len != strlen(FIRST_LINE) || memcmp(line, FIRST_LINE, len) != 0)
        return ERR_MALFORMED;
    if (!next_line(&line, &len, &at, end) || !starts(line, len, "extra "))
        return ERR_MALFORMED;
    TRY(base64_decode(p->extra, line + 6, len - 6));
    if (!next_line(&line, &len, &at, end))
        return ERR_MALFORMED;
    TRY(parse_index(&p->index, line, len));
    while (next_line(&line, &len, &at, end)) {
        if (!len) {
            p->note = at;
            p->note_len = (size_t)(end - at);
            return OK;
        }
        if (p->count == MERKLE_PROOF_MAX)
            return ERR_MALFORMED;
        TRY(base64_decode_hash(p->hash[p->count++], line, len));
    }
    return ERR_MALFORMED;
}

/* Lower-case digits only, so that a receipt has one form. */
static enum err parse_hex(unsigned char *out, size_t bytes, const json_t *value)
{
    const char *text = json_string_value(value);

    if (!text || strspn(text, "0123456789abcdef") != 2 * bytes)
        return ERR_MALFORMED;
    return hex_decode(out, bytes, text);
}

static enum err open_extra(struct opening *o, const struct buf *extra)
{
    const json_t *leaf;

    o->json = json_loadb(buf_text(extra), buf_len(extra), JSON_REJECT_DUPLICATES, NULL);
    leaf = json_object_get(o->json, "leaf");
    if (!json_is_string(leaf))
        return ERR_MALFORMED;
    o->leaf = json_string_value(leaf);
    o->leaf_len = json_string_length(leaf);
    return o->leaf_len > UINT16_MAX ? ERR_MALFORMED : OK;
}

/* ERR_MALFORMED: the entry commits to no picture; ERR_NOTFOUND: to another. */
static enum err check_picture(const struct opening *o, const void *picture, size_t len)
{
    json_t *leaf = json_loadb(o->leaf, o->leaf_len, JSON_REJECT_DUPLICATES, NULL);
    unsigned char logged[HASH_BYTES], salted[SALT_BYTES + HASH_BYTES], computed[HASH_BYTES];
    enum err e = parse_hex(logged, HASH_BYTES, json_object_get(leaf, "photo"));

    json_decref(leaf);
    TRY(e);
    memcpy(salted, o->salt, SALT_BYTES);
    hash_sha256(salted + SALT_BYTES, picture, len);
    hash_sha256(computed, salted, sizeof salted);
    return memcmp(computed, logged, HASH_BYTES) == 0 ? OK : ERR_NOTFOUND;
}

static enum err check_inclusion(struct fault *fault, const struct proof *p, const struct opening *o,
                                const struct checkpoint *head)
{
    unsigned char leaf[HASH_BYTES], root[HASH_BYTES];

    merkle_leaf(leaf, o->leaf, o->leaf_len);
    if (merkle_inclusion(root, leaf, p->index, head->size, p->hash, p->count))
        return fault_set(fault, ERR_MALFORMED, "its proof does not fit entry %llu of a log of %llu entries",
                         (unsigned long long)p->index, (unsigned long long)head->size);
    if (memcmp(root, head->root, HASH_BYTES) != 0)
        return fault_set(fault, ERR_CORRUPT,
                         "its proof does not lead to the signed root: the log does not hold this entry");
    return OK;
}

/* That the log holds the leaf. */
static enum err check_leaf(struct receipt *out, struct fault *fault, const struct proof *p,
                           const struct opening *o, const struct vkey *key)
{
    struct receipt r = {.index = p->index, .leaf_len = o->leaf_len};
    struct fault inner;
    enum err e = checkpoint_open(&r.head, &inner, p->note, p->note_len, key);

    if (e)
        return fault_set(fault, e, "its checkpoint is not valid: %s", inner.text);
    TRY(check_inclusion(fault, p, o, &r.head));
    r.leaf = strndup(o->leaf, o->leaf_len);
    if (!r.leaf)
        return fault_set(fault, ERR_NOMEM, "out of memory");
    *out = r;
    return OK;
}

enum err receipt_open(struct receipt *out, struct fault *fault, const void *bytes, size_t len,
                      const struct vkey *key)
{
    __attribute__((cleanup(proof_cleanup))) struct proof p = {.count = 0};
    __attribute__((cleanup(opening_cleanup))) struct opening o = {.json = NULL};

    if (proof_parse(&p, bytes, len))
        return fault_set(fault, ERR_MALFORMED, "it is not a proof (" FIRST_LINE ")");
    if (open_extra(&o, p.extra))
        return fault_set(fault, ERR_MALFORMED, "its extra line holds no leaf");
    return check_leaf(out, fault, &p, &o, key);
}

enum err receipt_verify(struct receipt *out, struct fault *fault, const void *bytes, size_t len,
                        const void *picture, size_t picture_len, const struct vkey *key)
{
    __attribute__((cleanup(proof_cleanup))) struct proof p = {.count = 0};
    __attribute__((cleanup(opening_cleanup))) struct opening o = {.json = NULL};
    __attribute__((cleanup(receipt_cleanup))) struct receipt r = {.index = 0};
    enum err e;

    if (proof_parse(&p, bytes, len))
        return fault_set(fault, ERR_MALFORMED, "it is not a receipt (" FIRST_LINE ")");
    if (open_extra(&o, p.extra) || parse_hex(o.salt, SALT_BYTES, json_object_get(o.json, "salt")))
        return fault_set(fault, ERR_MALFORMED, "its extra line holds no leaf and salt");
    TRY(check_leaf(&r, fault, &p, &o, key));
    e = check_picture(&o, picture, picture_len);
    if (e == ERR_NOTFOUND)
        return fault_set(fault, e, "the receipt is genuine, but this receipt is for another picture");
    if (e)
        return fault_set(fault, e, "the log entry it proves is not the release of a picture");
    *out = r;
    r.leaf = NULL;
    return OK;
}

void receipt_clear(struct receipt *r)
{
    free(r->leaf);
    *r = (struct receipt){.index = 0};
}
