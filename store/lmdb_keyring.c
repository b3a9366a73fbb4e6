#include <search.h>
#include <string.h>
#include "store/lmdb_keyring.h"

struct key_note {
    struct key_note *next;
    struct span key, value; /* value.at NULL: there was none */
    unsigned char bytes[];
};

static struct key_note *note_new(struct span key, struct span value)
{
    struct key_note *n = malloc(sizeof *n + key.len + value.len);

    if (!n)
        return NULL;
    memcpy(n->bytes, key.at, key.len);
    if (value.len)
        memcpy(n->bytes + key.len, value.at, value.len);
    n->key = (struct span){n->bytes, key.len};
    n->value = (struct span){value.at ? n->bytes + key.len : NULL, value.len};
    n->next = NULL;
    return n;
}

static void forget(struct key_note **list)
{
    for (struct key_note *n = *list, *next; n; n = next) {
        next = n->next;
        free(n);
    }
    *list = NULL;
}

static int by_key(const void *a, const void *b)
{
    const struct key_note *x = a, *y = b;
    size_t common = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.at, y->key.at, common);

    return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static bool is_doomed(const struct keyring *k, struct span key)
{
    const struct key_note probe = {.key = key};

    return tfind(&probe, &k->doomed, by_key) != NULL;
}

static void spare(struct keyring *k, struct span key)
{
    const struct key_note probe = {.key = key};
    struct key_note **found = tfind(&probe, &k->doomed, by_key), *n;

    if (!found)
        return;
    n = *found;
    (void)tdelete(n, &k->doomed, by_key);
    free(n);
}

static enum err begin(struct keyring *k)
{
    if (k->env.change)
        return OK;
    return lmdb_err(&k->env, mdb_txn_begin(k->env.env, NULL, 0, &k->env.change), "begin");
}

static enum err commit(struct keyring *k)
{
    MDB_txn *txn = TAKE(k->env.change);

    return txn ? lmdb_err(&k->env, mdb_txn_commit(txn), "commit") : OK;
}

static enum err read_key(struct keyring *k, struct span key, struct span *value)
{
    MDB_val name = lmdb_val(key), found;

    TRY(begin(k));
    TRY(lmdb_err(&k->env, mdb_get(k->env.change, k->env.dbi[KIND_KEY], &name, &found), "read a key"));
    *value = (struct span){found.mv_data, found.mv_size};
    return OK;
}

static int write_key(struct keyring *k, struct span key, struct span value)
{
    MDB_val name = lmdb_val(key), data = lmdb_val(value);
    int rc;

    if (value.at)
        return mdb_put(k->env.change, k->env.dbi[KIND_KEY], &name, &data, 0);
    rc = mdb_del(k->env.change, k->env.dbi[KIND_KEY], &name, NULL);
    return rc == MDB_NOTFOUND ? MDB_SUCCESS : rc;
}

enum err keyring_peek(struct keyring *k, struct span key, struct span *value)
{
    return is_doomed(k, key) ? ERR_NOTFOUND : read_key(k, key, value);
}

enum err keyring_put(struct keyring *k, struct span key, struct span value)
{
    struct span old = {NULL, 0};
    enum err e = read_key(k, key, &old);
    struct key_note *n;

    if (e && e != ERR_NOTFOUND)
        return e;
    n = note_new(key, old);
    if (!n)
        return ERR_NOMEM;
    n->next = k->before;
    k->before = n;
    spare(k, key);
    if (!value.at)
        value.at = (const unsigned char *)"";
    return lmdb_err(&k->env, write_key(k, key, value), "write a key");
}

enum err keyring_remove(struct keyring *k, struct span key)
{
    struct span value;
    struct key_note *n;
    enum err e = keyring_peek(k, key, &value);

    if (e)
        return e == ERR_NOTFOUND ? OK : e;
    n = note_new(key, (struct span){NULL, 0});
    if (n && tsearch(n, &k->doomed, by_key))
        return OK;
    free(n);
    return ERR_NOMEM;
}

enum err keyring_commit(struct keyring *k)
{
    if (k->before)
        return commit(k);
    mdb_txn_abort(TAKE(k->env.change)); /* it only looked */
    return OK;
}

enum err keyring_revert(struct keyring *k)
{
    if (!k->before)
        return OK;
    TRY(begin(k));
    for (const struct key_note *n = k->before; n; n = n->next)
        TRY(lmdb_err(&k->env, write_key(k, n->key, n->value), "take a key back"));
    return commit(k);
}

struct erasing {
    struct keyring *keyring;
    int rc;
};

static void erase_one(const void *node, VISIT visit, void *context)
{
    const struct key_note *n = *(struct key_note *const *)node;
    struct erasing *e = context;

    if ((visit == postorder || visit == leaf) && !e->rc)
        e->rc = write_key(e->keyring, n->key, n->value);
}

enum err keyring_erase(struct keyring *k)
{
    struct erasing e = {.keyring = k};

    if (!k->doomed)
        return OK;
    TRY(begin(k));
    twalk_r(k->doomed, erase_one, &e);
    TRY(lmdb_err(&k->env, e.rc, "remove a key"));
    return commit(k);
}

void keyring_end(struct keyring *k)
{
    mdb_txn_abort(TAKE(k->env.change));
    forget(&k->before);
    tdestroy(k->doomed, free);
    k->doomed = NULL;
}
