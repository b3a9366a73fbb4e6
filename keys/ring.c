/*
 * The ring key wraps every DEK.  Replacing it makes all that was wrapped
 * before unreadable, wherever copies of it are (design.md 4); while that is
 * under way there are two, of which the last wraps and both unwrap.  Which
 * one an envelope is of, its key id says.
 */
#include <string.h>
#include "keys/inside.h"

/* A wrapped DEK is of one class, whatever it will seal: the caller's binding says whose it is. */
static struct binding wrapped_binding(const struct binding *b)
{
    struct binding w = *b;

    w.class = SEAL_DEK;
    return w;
}

enum err keys_wrap(struct buf *out, const struct keys *k, const struct dek *d, const struct binding *b)
{
    struct binding w = wrapped_binding(b);

    return envelope_seal(out, k->ring[k->ring_count - 1], &w, d->bytes, sizeof d->bytes);
}

static const struct dek *find(const struct keys *k, const unsigned char *id)
{
    for (size_t i = 0; i < k->ring_count; i++)
        if (id && memcmp(k->ring[i]->id, id, KEY_ID_BYTES) == 0)
            return k->ring[i];
    return NULL;
}

enum err keys_unwrap(struct dek **out, const struct keys *k, const struct binding *b, const void *wrapped,
                     size_t len)
{
    CLEANUP(dek) struct dek *d = NULL;
    const struct dek *ring = find(k, envelope_key_id(wrapped, len));
    struct binding w = wrapped_binding(b);

    if (!ring)
        return ERR_CORRUPT;
    TRY(dek_reserve(&d));
    TRY(envelope_open_locked(d->bytes, sizeof d->bytes, ring, &w, wrapped, len));
    dek_name(d);
    *out = TAKE(d);
    return OK;
}

uint64_t keys_ring_epoch(const struct keys *k)
{
    return k->ring_epoch;
}

/* ---- Replacing it ---- */

static struct key_content *content_of(struct keys *k)
{
    return (struct key_content *)secret_bytes(k->content);
}

static void set_ring(struct keys *k, size_t count, uint64_t epoch)
{
    struct key_content *c = content_of(k);

    k->ring_count = count;
    k->ring_epoch = epoch;
    put_le(c->ring_count, sizeof c->ring_count, count);
    put_le(c->ring_epoch, sizeof c->ring_epoch, epoch);
}

enum err keys_ring_begin(struct keys *k)
{
    struct key_content *c = content_of(k);

    if (keys_ring_is_rotating(k))
        return ERR_BUSY;
    randombytes_buf(c->ring[1], sizeof c->ring[1]);
    TRY(dek_copy(&k->ring[1], c->ring[1]));
    set_ring(k, 2, k->ring_epoch + 1);
    return OK;
}

void keys_ring_cancel(struct keys *k)
{
    struct key_content *c = content_of(k);

    if (!keys_ring_is_rotating(k))
        return;
    dek_free(k->ring[1]);
    k->ring[1] = NULL;
    sodium_memzero(c->ring[1], sizeof c->ring[1]);
    set_ring(k, 1, k->ring_epoch - 1);
}

void keys_ring_end(struct keys *k)
{
    struct key_content *c = content_of(k);

    if (!keys_ring_is_rotating(k))
        return;
    dek_free(k->ring[0]);
    k->ring[0] = k->ring[1];
    k->ring[1] = NULL;
    memcpy(c->ring[0], c->ring[1], sizeof c->ring[0]);
    sodium_memzero(c->ring[1], sizeof c->ring[1]);
    set_ring(k, 1, k->ring_epoch);
}

bool keys_ring_is_rotating(const struct keys *k)
{
    return k->ring_count == 2;
}

bool keys_is_current(const struct keys *k, const void *wrapped, size_t len)
{
    const unsigned char *id = envelope_key_id(wrapped, len);

    return id && memcmp(id, k->ring[k->ring_count - 1]->id, KEY_ID_BYTES) == 0;
}
