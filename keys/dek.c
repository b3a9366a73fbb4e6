/*
 * Data keys live in one arena of locked memory that is made before
 * confinement: a sodium_malloc() for each would cost five pages and six
 * system calls per child, and could fail in the middle of a lookup.  The
 * vault holds a few at a time; that DEK_SLOTS run out means that somebody
 * forgets to free them.
 */
#include <pthread.h>
#include <string.h>
#include "keys/inside.h"

static struct dek *arena;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

enum err dek_arena_open(void)
{
    void *bytes;

    if (arena)
        return OK;
    TRY(locked_new(&bytes, DEK_SLOTS * sizeof *arena));
    arena = bytes;
    return OK;
}

enum err dek_reserve(struct dek **out)
{
    enum err e = ERR_LIMIT;

    if (!arena)
        abort(); /* keys_init() was not called: a bug of ours */
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < DEK_SLOTS; i++) {
        if (!arena[i].is_used) {
            arena[i].is_used = true;
            *out = &arena[i];
            e = OK;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return e;
}

/* The id names the key without telling of it, and is the same wherever the key is opened. */
void dek_name(struct dek *d)
{
    static const unsigned char purpose[] = "photod data key id";
    unsigned char hash[crypto_generichash_BYTES_MIN];

    (void)crypto_generichash(hash, sizeof hash, purpose, sizeof purpose - 1, d->bytes, sizeof d->bytes);
    memcpy(d->id, hash, sizeof d->id);
}

/* Under a key derived from it: the data key itself seals and does nothing else. */
void dek_digest(unsigned char out[static DEK_DIGEST_BYTES], const struct dek *d, const void *bytes,
                size_t len)
{
    static const unsigned char purpose[] = "photod data key digest";
    unsigned char key[crypto_generichash_KEYBYTES];

    (void)crypto_generichash(key, sizeof key, purpose, sizeof purpose - 1, d->bytes, sizeof d->bytes);
    (void)crypto_generichash(out, DEK_DIGEST_BYTES, bytes, len, key, sizeof key);
    sodium_memzero(key, sizeof key);
}

enum err dek_new(struct dek **out)
{
    struct dek *d;

    TRY(dek_reserve(&d));
    randombytes_buf(d->bytes, sizeof d->bytes);
    dek_name(d);
    *out = d;
    return OK;
}

enum err dek_copy(struct dek **out, const unsigned char bytes[static DEK_BYTES])
{
    struct dek *d;

    TRY(dek_reserve(&d));
    memcpy(d->bytes, bytes, sizeof d->bytes);
    dek_name(d);
    *out = d;
    return OK;
}

void dek_free(struct dek *d)
{
    if (!d)
        return;
    if (d < arena || d >= arena + DEK_SLOTS || !d->is_used)
        abort(); /* no slot, or freed twice: the next owner's key is at stake */
    pthread_mutex_lock(&lock);
    sodium_memzero(d, sizeof *d); /* is_used too */
    pthread_mutex_unlock(&lock);
}
