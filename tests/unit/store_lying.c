#include <string.h>
#include "store/backend.h"
#include "tests/unit/store_lying.h"

/* What one put or remove did, newest first; kept until the next group begins. */
struct step {
    struct step *next;
    enum store_kind kind;
    struct span key, before, after; /* at NULL: absent */
    unsigned char bytes[];
};

struct lying {
    struct store base; /* first: a struct store * of this backend points to it */
    struct store *truth;
    enum lie lie;
    uint64_t random;
    struct step *steps;
    struct step *last_leaf; /* of this group */
};

static struct lying *lying_of(struct store *s)
{
    return (struct lying *)(void *)s;
}

/* splitmix64 */
static uint64_t next_random(struct lying *l)
{
    uint64_t z = l->random += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void forget_steps(struct lying *l)
{
    for (struct step *t = l->steps, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    l->steps = l->last_leaf = NULL;
}

static enum err tell(struct lying *l, enum store_kind kind, struct span key, struct span value)
{
    return value.at ? l->truth->ops->put(l->truth, kind, key, value)
                    : l->truth->ops->remove(l->truth, kind, key);
}

static struct span copy(unsigned char **at, struct span from)
{
    struct span to = {from.at ? *at : NULL, from.len};

    if (from.len)
        memcpy(*at, from.at, from.len);
    *at += from.len;
    return to;
}

static enum err note(struct lying *l, enum store_kind kind, struct span key, struct span after)
{
    struct span before = {NULL, 0};
    enum err e = l->truth->ops->peek(l->truth, kind, key, &before);
    struct step *t;
    unsigned char *at;

    if (e && e != ERR_NOTFOUND)
        return e;
    t = calloc(1, sizeof *t + key.len + before.len + after.len);
    if (!t)
        return ERR_NOMEM;
    at = t->bytes;
    t->kind = kind;
    t->key = copy(&at, key);
    t->before = copy(&at, before);
    t->after = copy(&at, after);
    t->next = l->steps;
    l->steps = t;
    return OK;
}

/* ---- The lies ---- */

/* This leaf and the one before it in the group change places. */
static enum err swap_leaves(struct lying *l, struct step *now)
{
    struct step *last = l->last_leaf;

    l->last_leaf = now;
    if (!last)
        return OK;
    TRY(tell(l, KIND_LEAF, last->key, now->after));
    return tell(l, KIND_LEAF, now->key, last->after);
}

static enum err tell_in_order(struct lying *l, const struct step *t)
{
    if (!t)
        return OK;
    TRY(tell_in_order(l, t->next));
    return tell(l, t->kind, t->key, t->after);
}

/* Deletes the keys in a transaction of their own, and leaves time to be caught. */
static enum err keys_first(struct lying *l)
{
    const struct store_ops *ops = l->truth->ops;
    bool any = false;

    for (const struct step *t = l->steps; t; t = t->next)
        any = any || (t->kind == KIND_KEY && !t->after.at);
    if (!any)
        return OK;
    ops->abort(l->truth);
    TRY(ops->begin(l->truth));
    for (const struct step *t = l->steps; t; t = t->next)
        if (t->kind == KIND_KEY && !t->after.at)
            TRY(tell(l, t->kind, t->key, t->after));
    TRY(ops->commit(l->truth));
    TRY(ops->erase(l->truth));
    (void)usleep(5000);
    TRY(ops->begin(l->truth));
    return tell_in_order(l, l->steps);
}

static void take_back(struct lying *l)
{
    const struct store_ops *ops = l->truth->ops;

    if (ops->begin(l->truth))
        return;
    for (const struct step *t = l->steps; t; t = t->next)
        (void)!tell(l, t->kind, t->key, t->before);
    (void)!ops->commit(l->truth);
    (void)!ops->erase(l->truth);
}

/* ---- The operations ---- */

static enum err change(struct store *s, enum store_kind kind, struct span key, struct span value)
{
    struct lying *l = lying_of(s);

    if (l->lie == LIE_DROPS && next_random(l) % 1000 == 0)
        return OK;
    if (l->lie == LIE_HIDES_CHANGES && kind == KIND_CHANGE && key.len > 1 && next_random(l) % 20 == 0)
        value = (struct span){(const unsigned char *)"", 0};
    TRY(note(l, kind, key, value));
    TRY(tell(l, kind, key, value));
    return l->lie == LIE_REORDERS_LEAVES && kind == KIND_LEAF ? swap_leaves(l, l->steps) : OK;
}

static enum err lying_begin(struct store *s)
{
    forget_steps(lying_of(s));
    return lying_of(s)->truth->ops->begin(lying_of(s)->truth);
}

static enum err lying_peek(struct store *s, enum store_kind kind, struct span key, struct span *value)
{
    return lying_of(s)->truth->ops->peek(lying_of(s)->truth, kind, key, value);
}

static enum err lying_put(struct store *s, enum store_kind kind, struct span key, struct span value)
{
    if (!value.at)
        value.at = (const unsigned char *)"";
    return change(s, kind, key, value);
}

static enum err lying_remove(struct store *s, enum store_kind kind, struct span key)
{
    return change(s, kind, key, (struct span){NULL, 0});
}

static enum err lying_commit(struct store *s)
{
    struct lying *l = lying_of(s);

    if (l->lie == LIE_REORDERS_KEYS)
        TRY(keys_first(l));
    return l->truth->ops->commit(l->truth);
}

static enum err lying_erase(struct store *s)
{
    return lying_of(s)->truth->ops->erase(lying_of(s)->truth);
}

static void lying_abort(struct store *s)
{
    forget_steps(lying_of(s));
    lying_of(s)->truth->ops->abort(lying_of(s)->truth);
}

static enum err lying_get(struct store *s, enum store_kind kind, struct span key, struct buf *value)
{
    return lying_of(s)->truth->ops->get(lying_of(s)->truth, kind, key, value);
}

static enum err lying_walk(struct store *s, enum store_kind kind, struct span prefix, struct span after,
                           store_visit *visit, void *context)
{
    return lying_of(s)->truth->ops->walk(lying_of(s)->truth, kind, prefix, after, visit, context);
}

static enum err lying_count(struct store *s, enum store_kind kind, uint64_t *count)
{
    return lying_of(s)->truth->ops->count(lying_of(s)->truth, kind, count);
}

static enum err lying_capacity(struct store *s, uint64_t *total, uint64_t *available)
{
    return lying_of(s)->truth->ops->capacity(lying_of(s)->truth, total, available);
}

static enum err lying_compact(struct store *s, enum store_file file, struct store_compacted *out)
{
    return lying_of(s)->truth->ops->compact(lying_of(s)->truth, file, out);
}

static enum err lying_tend(struct store *s, uint64_t *commits_behind)
{
    return lying_of(s)->truth->ops->tend(lying_of(s)->truth, commits_behind);
}

static void lying_close(struct store *s)
{
    struct lying *l = lying_of(s);

    if (l->lie == LIE_FORGETS)
        take_back(l);
    forget_steps(l);
    store_clear(&l->base);
    free(l);
}

static const struct store_ops lying_ops = {
    .begin = lying_begin,
    .peek = lying_peek,
    .put = lying_put,
    .remove = lying_remove,
    .commit = lying_commit,
    .erase = lying_erase,
    .abort = lying_abort,
    .get = lying_get,
    .walk = lying_walk,
    .count = lying_count,
    .capacity = lying_capacity,
    .compact = lying_compact,
    .tend = lying_tend,
    .close = lying_close,
};

enum err lying_open(struct store **out, struct store *truth, enum lie lie, uint64_t seed)
{
    CLEANUP(heap) struct lying *made = calloc(1, sizeof *made);
    CLEANUP(store) struct store *s = NULL;

    if (!made)
        return ERR_NOMEM;
    made->truth = truth;
    made->lie = lie;
    made->random = seed;
    TRY(store_init(&made->base, &lying_ops));
    s = &TAKE(made)->base;
    TRY(store_start(s));
    *out = TAKE(s);
    return OK;
}
