#include <string.h>
#include "store/lmdb_keyring.h"

struct key_note {
    struct key_note *next;
    struct span key, value; /* value.at NULL: there was none */
    unsigned char bytes[];
};

static enum err note(struct key_note **list, struct span key, struct span value)
{
    struct key_note *n = malloc(sizeof *n + key.len + value.len);

    if (!n)
        return ERR_NOMEM;
    memcpy(n->bytes, key.at, key.len);
    if (value.len)
        memcpy(n->bytes + key.len, value.at, value.len);
    n->key = (struct span){n->bytes, key.len};
    n->value = (struct span){value.at ? n->bytes + key.len : NULL, value.len};
    n->next = *list;
    *list = n;
    return OK;
}

static void forget(struct key_note **list)
{
    for (struct key_note *n = *list, *next; n; n = next) {
        next = n->next;
        free(n);
    }
    *list = NULL;
}

/* Where the note of this key hangs, or NULL. */
static struct key_note **find(struct key_note **list, struct span key)
{
    for (struct key_note **at = list; *at; at = &(*at)->next)
        if ((*at)->key.len == key.len && memcmp((*at)->key.at, key.at, key.len) == 0)
            return at;
    return NULL;
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

static enum err write_all(struct keyring *k, const struct key_note *list, const char *doing)
{
    TRY(begin(k));
    for (const struct key_note *n = list; n; n = n->next)
        TRY(lmdb_err(&k->env, write_key(k, n->key, n->value), doing));
    return commit(k);
}

enum err keyring_peek(struct keyring *k, struct span key, struct span *value)
{
    return find(&k->doomed, key) ? ERR_NOTFOUND : read_key(k, key, value);
}

enum err keyring_put(struct keyring *k, struct span key, struct span value)
{
    struct key_note **doomed = find(&k->doomed, key), *saved;
    struct span old = {NULL, 0};
    enum err e = read_key(k, key, &old);

    if (e && e != ERR_NOTFOUND)
        return e;
    TRY(note(&k->before, key, old));
    if (doomed) {
        saved = *doomed;
        *doomed = saved->next;
        free(saved);
    }
    if (!value.at)
        value.at = (const unsigned char *)"";
    return lmdb_err(&k->env, write_key(k, key, value), "write a key");
}

enum err keyring_remove(struct keyring *k, struct span key)
{
    struct span value;
    enum err e = keyring_peek(k, key, &value);

    if (e)
        return e == ERR_NOTFOUND ? OK : e;
    return note(&k->doomed, key, (struct span){NULL, 0});
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
    return k->before ? write_all(k, k->before, "take a key back") : OK;
}

enum err keyring_erase(struct keyring *k)
{
    return k->doomed ? write_all(k, k->doomed, "remove a key") : OK;
}

void keyring_end(struct keyring *k)
{
    mdb_txn_abort(TAKE(k->env.change));
    forget(&k->before);
    forget(&k->doomed);
}
