#include <string.h>
#include "store/batch.h"
#include "store/format.h"
#include "store/log.h"

/*
 * All sizes are checked here, so that inside a transaction nothing but the
 * machine can refuse an operation.
 */
enum err store_batch_new(struct store_batch **out)
{
    struct store_batch *b = calloc(1, sizeof *b);

    if (!b)
        return ERR_NOMEM;
    b->end = &b->first;
    *out = b;
    return OK;
}

void store_batch_free(struct store_batch *b)
{
    if (!b)
        return;
    for (struct op *o = b->first, *next; o; o = next) {
        next = o->next;
        free(o);
    }
    free(b);
}

static enum err add(struct store_batch *b, enum op_type type, enum store_kind kind, struct span key,
                    struct span value)
{
    struct op *o = malloc(sizeof *o + key.len + value.len);

    if (!o)
        return ERR_NOMEM;
    memcpy(o->bytes, key.at, key.len);
    if (value.len)
        memcpy(o->bytes + key.len, value.at, value.len);
    o->next = NULL;
    o->type = type;
    o->kind = kind;
    o->key = (struct span){o->bytes, key.len};
    o->value = (struct span){o->bytes + key.len, value.len};
    *b->end = o;
    b->end = &o->next;
    return OK;
}

static enum err check_key(enum store_kind kind, size_t key_len)
{
    if ((unsigned)kind >= KIND_COUNT)
        return ERR_DENIED;
    return key_len == 0 || key_len > STORE_KEY_MAX ? ERR_LIMIT : OK;
}

/* The log and the format row are the store's own. */
static enum err check_change(enum store_kind kind, const void *key, size_t key_len)
{
    TRY(check_key(kind, key_len));
    if (kind == KIND_LEAF || kind == KIND_TILE || kind == KIND_CHANGE ||
        (kind == KIND_META && (log_owns(key, key_len) || format_owns(key, key_len))))
        return ERR_DENIED;
    return OK;
}

enum err store_batch_put(struct store_batch *b, enum store_kind kind, const void *key, size_t key_len,
                         const void *value, size_t value_len)
{
    TRY(check_change(kind, key, key_len));
    if (value_len > STORE_VALUE_MAX)
        return ERR_LIMIT;
    return add(b, OP_PUT, kind, (struct span){key, key_len}, (struct span){value, value_len});
}

enum err store_batch_delete(struct store_batch *b, enum store_kind kind, const void *key, size_t key_len)
{
    TRY(check_change(kind, key, key_len));
    return add(b, OP_DELETE, kind, (struct span){key, key_len}, (struct span){NULL, 0});
}

enum err store_batch_expect(struct store_batch *b, enum store_kind kind, const void *key, size_t key_len,
                            const void *value, size_t value_len)
{
    TRY(check_key(kind, key_len));
    if (value_len > STORE_VALUE_MAX)
        return ERR_LIMIT;
    return add(b, value ? OP_EXPECT : OP_EXPECT_ABSENT, kind, (struct span){key, key_len},
               (struct span){value, value ? value_len : 0});
}

enum err store_batch_leaf(struct store_batch *b, const void *leaf, size_t leaf_len, const void *detail,
                          size_t detail_len)
{
    if (leaf_len == 0 || leaf_len > LEAF_MAX || detail_len > STORE_VALUE_MAX)
        return ERR_LIMIT;
    return add(b, OP_LEAF, KIND_LEAF, (struct span){leaf, leaf_len}, (struct span){detail, detail_len});
}
