#include <string.h>
#include "photod/vault/record.h"

#define SHAPES "photod/vault/records.def"
#include "photod/wire/shape_codecs.inc"
#undef SHAPES

static void put_be(unsigned char *to, uint64_t value, size_t bytes)
{
    while (bytes--) {
        to[bytes] = (unsigned char)value;
        value >>= 8;
    }
}

void key_of_dek(unsigned char key[static KEY_BYTES], const unsigned char *subject, uint64_t generation)
{
    memcpy(key, subject, SUBJECT_BYTES);
    put_be(key + SUBJECT_BYTES, generation, 8);
}

void key_of_rendition(unsigned char key[static RENDITION_KEY_BYTES], const unsigned char *sid,
                      uint64_t generation, unsigned rendition)
{
    key_of_dek(key, sid, generation);
    key[KEY_BYTES] = (unsigned char)rendition;
}

void key_of_row(unsigned char key[static ROW_KEY_BYTES], const unsigned char *batch, uint32_t row)
{
    memcpy(key, batch, SUBJECT_BYTES);
    put_be(key + SUBJECT_BYTES, row, 4);
}

void key_of_member(unsigned char key[static MEMBER_KEY_BYTES], const unsigned char *batch,
                   const unsigned char *sid)
{
    memcpy(key, batch, SUBJECT_BYTES);
    memcpy(key + SUBJECT_BYTES, sid, SID_BYTES);
}

uint32_t row_of_key(const unsigned char key[static ROW_KEY_BYTES])
{
    uint32_t row = 0;

    for (size_t i = SUBJECT_BYTES; i < ROW_KEY_BYTES; i++)
        row = row << 8 | key[i];
    return row;
}

uint64_t generation_of(const unsigned char bytes[static 8])
{
    uint64_t value = 0;

    for (size_t i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    return value;
}

struct binding binding_of(enum seal_class class, const unsigned char *subject, uint64_t generation)
{
    struct binding b = {.class = class, .generation = generation};

    memcpy(b.subject, subject, SUBJECT_BYTES);
    return b;
}

void record_clear(struct record *r)
{
    buf_free(r->plain);
    buf_free(r->sealed);
    *r = RECORD_NONE;
}

bool record_is_there(const struct record *r)
{
    return r->plain != NULL;
}

struct take record_take(const struct record *r)
{
    return r->plain ? TAKE_BYTES(buf_bytes(r->plain), buf_len(r->plain))
                    : TAKE_BYTES((const unsigned char *)"", 0);
}

enum err record_get(struct vault *v, enum store_kind kind, enum seal_class class,
                    const unsigned char *subject, const struct dek *dek, struct record *out)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    CLEANUP(buf) struct buf *plain = NULL;
    struct binding b = binding_of(class, subject, 0);
    enum err e;

    *out = RECORD_NONE;
    TRY(buf_new(&sealed, STORE_VALUE_MAX));
    TRY(buf_new(&plain, STORE_VALUE_MAX));
    e = store_get(v->store, kind, subject, SUBJECT_BYTES, sealed);
    if (e == ERR_NOTFOUND)
        return OK;
    if (!e)
        e = envelope_open(plain, dek ? dek : keys_record_key(v->keys), &b, buf_bytes(sealed),
                          buf_len(sealed));
    if (e)
        return e;
    *out = (struct record){TAKE(plain), TAKE(sealed)};
    return OK;
}

enum err record_expect(struct store_batch *b, enum store_kind kind, const unsigned char *subject,
                       const struct record *r)
{
    return store_batch_expect(b, kind, subject, SUBJECT_BYTES, r->sealed ? buf_bytes(r->sealed) : NULL,
                              r->sealed ? buf_len(r->sealed) : 0);
}

enum err record_put(struct vault *v, struct store_batch *b, enum store_kind kind, enum seal_class class,
                    const unsigned char *subject, const struct dek *dek, const struct buf *plain)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    struct binding bound = binding_of(class, subject, 0);

    TRY(buf_new(&sealed, STORE_VALUE_MAX));
    TRY(envelope_seal(sealed, dek ? dek : keys_record_key(v->keys), &bound, buf_bytes(plain),
                      buf_len(plain)));
    return store_batch_put(b, kind, subject, SUBJECT_BYTES, buf_bytes(sealed), buf_len(sealed));
}

enum err dek_load(struct vault *v, const unsigned char *subject, uint64_t generation, struct dek **out)
{
    CLEANUP(buf) struct buf *wrapped = NULL;
    struct binding b = binding_of(SEAL_DEK, subject, generation);
    unsigned char key[KEY_BYTES];

    key_of_dek(key, subject, generation);
    TRY(buf_new(&wrapped, 1024));
    TRY(store_get(v->store, KIND_KEY, key, sizeof key, wrapped));
    return keys_unwrap(out, v->keys, &b, buf_bytes(wrapped), buf_len(wrapped));
}

/*
 * An erasure under way would take a new key of that name with it.  One that a crash left belongs to nothing:
 * it is deleted first, so that a backup hears of the new one.
 */
static enum err clear_name(struct vault *v, struct store_batch *batch, const unsigned char *key)
{
    CLEANUP(buf) struct buf *found = NULL;
    enum err e;

    TRY(buf_new(&found, 1024));
    e = store_get(v->store, KIND_ERASURE, key, KEY_BYTES, found);
    if (e != ERR_NOTFOUND)
        return e ? e : ERR_BUSY;
    TRY(store_batch_expect(batch, KIND_ERASURE, key, KEY_BYTES, NULL, 0));
    e = store_get(v->store, KIND_KEY, key, KEY_BYTES, found);
    if (e == ERR_NOTFOUND)
        return store_batch_expect(batch, KIND_KEY, key, KEY_BYTES, NULL, 0);
    TRY(e);
    TRY(store_batch_expect(batch, KIND_KEY, key, KEY_BYTES, buf_bytes(found), buf_len(found)));
    return store_batch_delete(batch, KIND_KEY, key, KEY_BYTES);
}

enum err dek_make(struct vault *v, struct store_batch *batch, const unsigned char *subject,
                  uint64_t generation, struct dek **out)
{
    CLEANUP(buf) struct buf *wrapped = NULL;
    CLEANUP(dek) struct dek *d = NULL;
    struct binding b = binding_of(SEAL_DEK, subject, generation);
    unsigned char key[KEY_BYTES];

    key_of_dek(key, subject, generation);
    TRY(clear_name(v, batch, key));
    TRY(dek_new(&d));
    TRY(buf_new(&wrapped, 1024));
    TRY(keys_wrap(wrapped, v->keys, d, &b));
    TRY(store_batch_put(batch, KIND_KEY, key, sizeof key, buf_bytes(wrapped), buf_len(wrapped)));
    *out = TAKE(d);
    return OK;
}

/* Deletions of keys reach the disk after the batch that asks for them, so a crash may come between. */
enum err dek_erase(struct store_batch *b, const unsigned char *subject, uint64_t generation, enum erased what)
{
    const unsigned char value = (unsigned char)what;
    unsigned char key[KEY_BYTES];

    key_of_dek(key, subject, generation);
    TRY(store_batch_put(b, KIND_ERASURE, key, sizeof key, &value, 1));
    return store_batch_delete(b, KIND_KEY, key, sizeof key);
}
