/* A set of shares: splitting, collecting, combining. */
#include <libgfshare.h>
#include <stdio.h>
#include <string.h>
#include "keys/inside.h"
#include "photod/base/text.h"

/* libgfshare calls through a null pointer unless this is set, when splitting and, to overwrite, when freeing.
 */
static void fill_random(unsigned char *to, unsigned int len)
{
    randombytes_buf(to, len);
}

static inline void context_cleanup(gfshare_ctx **held)
{
    if (*held)
        gfshare_ctx_free(*held);
}

static void make_tag(unsigned char tag[static SHARE_TAG_BYTES], const struct secret *root,
                     const unsigned char set[static SHARE_SET_BYTES])
{
    static const char domain[] = "photod recovery set";
    unsigned char hash[crypto_generichash_BYTES];
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, secret_peek(root), ROOT_KEY_BYTES, sizeof hash);
    (void)crypto_generichash_update(&state, (const unsigned char *)domain, sizeof domain);
    (void)crypto_generichash_update(&state, set, SHARE_SET_BYTES);
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    memcpy(tag, hash, SHARE_TAG_BYTES);
    sodium_memzero(&state, sizeof state);
}

/* ---- Splitting ---- */

void shares_set_new(char set[static SHARES_SET_TEXT])
{
    unsigned char bytes[SHARE_SET_BYTES];

    randombytes_buf(bytes, sizeof bytes);
    hex_encode(set, bytes, sizeof bytes);
}

enum err shares_split(struct share list[static SHARES_MADE], const struct secret *root, const char *set)
{
    CLEANUP(secret) struct secret *copy = NULL; /* libgfshare takes what it may not write as writable */
    unsigned char numbers[SHARES_MADE];
    CLEANUP(context) gfshare_ctx *context = NULL;

    TRY(secret_new(&copy, ROOT_KEY_BYTES));
    memcpy(secret_bytes(copy), secret_peek(root), ROOT_KEY_BYTES);
    TRY(hex_decode(list[0].set, sizeof list[0].set, set));
    make_tag(list[0].tag, root, list[0].set);
    for (unsigned i = 0; i < SHARES_MADE; i++)
        numbers[i] = (unsigned char)(i + 1);
    gfshare_fill_rand = fill_random;
    context = gfshare_ctx_init_enc(numbers, SHARES_MADE, SHARES_NEEDED, ROOT_KEY_BYTES);
    if (!context)
        return ERR_NOMEM;
    gfshare_ctx_enc_setsecret(context, secret_bytes(copy));
    for (unsigned i = 0; i < SHARES_MADE; i++) {
        struct share *s = &list[i];

        s->index = numbers[i];
        s->needed = SHARES_NEEDED;
        s->count = SHARES_MADE;
        memcpy(s->set, list[0].set, sizeof s->set);
        memcpy(s->tag, list[0].tag, sizeof s->tag);
        gfshare_ctx_enc_getshare(context, (unsigned char)i, s->bytes);
    }
    return OK;
}

enum err shares_write(const struct secret *root, const char *set, int fd)
{
    CLEANUP(secret) struct secret *text = NULL;
    CLEANUP(shares) struct shares *all = NULL;

    TRY(secret_new(&text, SHARE_TEXT));
    TRY(shares_new(&all));
    TRY(shares_split(all->list, root, set));
    for (unsigned i = 0; i < SHARES_MADE; i++) {
        char *t = (char *)secret_bytes(text);

        share_print(t, &all->list[i]);
        if (i)
            TRY(seal_write_all(fd, "\n", 1, "the recovery shares"));
        TRY(seal_write_all(fd, t, strlen(t), "the recovery shares"));
    }
    return OK;
}

/* ---- Collecting ---- */

enum err shares_new(struct shares **out)
{
    void *at;

    TRY(locked_new(&at, sizeof **out));
    *out = at;
    return OK;
}

void shares_free(struct shares *all)
{
    sodium_free(all); /* wipes */
}

enum err shares_add(struct shares *all, struct share_fault *fault, const struct share *s)
{
    char set[2 * SHARE_SET_BYTES + 1];

    hex_encode(set, s->set, sizeof s->set);
    for (unsigned i = 0; i < all->count; i++) {
        if (memcmp(all->list[i].set, s->set, sizeof s->set) != 0) {
            (void)snprintf(fault->text, sizeof fault->text,
                           "share %u is of set %s, but share %u of set %s: they do not belong together",
                           s->index, set, all->list[i].index, all->set_text);
            return ERR_DENIED;
        }
        if (all->list[i].index == s->index) {
            (void)snprintf(fault->text, sizeof fault->text,
                           "share %u was given twice: %d different ones are needed", s->index, s->needed);
            return ERR_EXISTS;
        }
    }
    memcpy(all->set_text, set, sizeof set);
    all->list[all->count++] = *s;
    return OK;
}

const char *shares_set(const struct shares *all)
{
    return all->set_text;
}

/* ---- Combining ---- */

enum err shares_interpolate(struct secret **root, const struct share *list, unsigned count)
{
    CLEANUP(secret) struct secret *key = NULL;
    CLEANUP(secret) struct secret *share = NULL;
    CLEANUP(context) gfshare_ctx *context = NULL;
    unsigned char numbers[SHARES_MADE];

    TRY(secret_new(&key, ROOT_KEY_BYTES));
    TRY(secret_new(&share, ROOT_KEY_BYTES));
    for (unsigned i = 0; i < count; i++)
        numbers[i] = list[i].index;
    gfshare_fill_rand = fill_random;
    context = gfshare_ctx_init_dec(numbers, count, ROOT_KEY_BYTES);
    if (!context)
        return ERR_NOMEM;
    for (unsigned i = 0; i < count; i++) {
        memcpy(secret_bytes(share), list[i].bytes, ROOT_KEY_BYTES);
        gfshare_ctx_dec_giveshare(context, (unsigned char)i, secret_bytes(share));
    }
    gfshare_ctx_dec_extract(context, secret_bytes(key));
    *root = TAKE(key);
    return OK;
}

enum err shares_combine(struct secret **root, struct share_fault *fault, const struct shares *all)
{
    CLEANUP(secret) struct secret *key = NULL;
    unsigned char tag[SHARE_TAG_BYTES];

    if (all->count < SHARES_NEEDED) {
        (void)snprintf(fault->text, sizeof fault->text,
                       "%u share%s given, but %d are needed: fewer hold nothing of the key", all->count,
                       all->count == 1 ? " was" : "s were", SHARES_NEEDED);
        return ERR_LIMIT;
    }
    fault->text[0] = '\0';
    TRY(shares_interpolate(&key, all->list, all->count));
    make_tag(tag, key, all->list[0].set);
    for (unsigned i = 0; i < all->count; i++)
        if (memcmp(tag, all->list[i].tag, sizeof tag) != 0) {
            (void)snprintf(fault->text, sizeof fault->text,
                           "the shares are well formed but do not make the key of set %s: one of them was "
                           "altered",
                           all->set_text);
            return ERR_CORRUPT;
        }
    *root = TAKE(key);
    return OK;
}
