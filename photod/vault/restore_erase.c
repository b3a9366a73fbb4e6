/* The erasures that an older copy of keys does not know of. */
#include <stdio.h>
#include <string.h>
#include "photod/base/text.h"
#include "photod/vault/record.h"
#include "photod/vault/restore_erase.h"

/* A DEK that is to be gone: its subject's commitment, as a done leaf names a child, or the subject itself. */
struct ended {
    unsigned char id[16];
    uint64_t generation;
    bool is_raw;
};

struct replay {
    struct vault *vault;
    struct ended *list;
    size_t count, room;
    struct store_batch *batch;
    uint64_t *removed;
};

static void replay_cleanup(struct replay *p)
{
    free(p->list);
}

static int compare(const void *a, const void *b)
{
    const struct ended *x = a, *y = b;
    int order = memcmp(x->id, y->id, sizeof x->id);

    if (!order)
        order = (x->generation > y->generation) - (x->generation < y->generation);
    return order ? order : x->is_raw - y->is_raw;
}

static enum err add(struct replay *p, const struct ended *e)
{
    if (p->count == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        struct ended *more = reallocarray(p->list, room, sizeof *more);

        if (!more)
            return ERR_NOMEM;
        p->list = more;
        p->room = room;
    }
    p->list[p->count++] = *e;
    return OK;
}

static enum err note_done(struct replay *p, const char *leaf)
{
    static const char child[] = "\"child\":\"", batch[] = "\"batch\":\"", generation[] = "\"generation\":";
    const char *number = strstr(leaf, generation), *id = strstr(leaf, child);
    struct ended e = {.is_raw = !id};
    char hex[33] = "";

    id = id ? id + strlen(child) : strstr(leaf, batch);
    if (id && e.is_raw)
        id += strlen(batch);
    if (!id || !number)
        return ERR_CORRUPT;
    e.generation = strtoull(number + strlen(generation), NULL, 10);
    (void)snprintf(hex, sizeof hex, "%.32s", id);
    if (hex_decode(e.id, sizeof e.id, hex))
        return ERR_CORRUPT;
    return add(p, &e);
}

static enum err leaf_visit(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    char text[LEAF_MAX + 1];

    (void)key, (void)key_len;
    if (value_len > LEAF_MAX)
        return ERR_CORRUPT;
    memcpy(text, value, value_len);
    text[value_len] = '\0';
    return strstr(text, "\"type\":\"erase-done\"") ? note_done(context, text) : OK;
}

static bool is_ended(const struct replay *p, const struct ended *e)
{
    return p->count && bsearch(e, p->list, p->count, sizeof *e, compare);
}

/* A DEK of this name that the copy still has though its erasure was done after the copy: the old one. */
static enum err key_visit(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct replay *p = context;
    struct ended named = {.is_raw = false}, raw = {.is_raw = true};

    (void)value, (void)value_len;
    if (key_len != KEY_BYTES)
        return ERR_CORRUPT;
    named.generation = raw.generation = generation_of(key + SUBJECT_BYTES);
    keys_commit(named.id, p->vault->keys, "child", key, SID_BYTES);
    memcpy(raw.id, key, sizeof raw.id);
    if (!is_ended(p, &named) && !is_ended(p, &raw))
        return OK;
    ++*p->removed;
    return store_batch_delete(p->batch, KIND_KEY, key, key_len);
}

/* An erasure that was open when the backup was made; the first start writes its done leaf. */
static enum err open_visit(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    struct ended e = {.is_raw = true};

    (void)value, (void)value_len;
    if (key_len != KEY_BYTES)
        return ERR_CORRUPT;
    memcpy(e.id, key, sizeof e.id);
    e.generation = generation_of(key + SUBJECT_BYTES);
    return add(context, &e);
}

enum err restore_erasures(struct vault *v, struct store_batch *b, uint64_t keys_leaves, uint64_t *removed)
{
    CLEANUP(replay) struct replay p = {.vault = v, .batch = b, .removed = removed};
    unsigned char last[8]; /* leaf that the copy of keys knew */

    for (size_t i = 0; i < sizeof last; i++)
        last[i] = (unsigned char)((keys_leaves - 1) >> 8 * (7 - i));
    TRY(store_walk_after(v->store, KIND_LEAF, last, keys_leaves ? sizeof last : 0, leaf_visit, &p));
    TRY(store_walk(v->store, KIND_ERASURE, "", 0, open_visit, &p));
    if (p.count)
        qsort(p.list, p.count, sizeof p.list[0], compare);
    return store_walk(v->store, KIND_KEY, "", 0, key_visit, &p);
}
