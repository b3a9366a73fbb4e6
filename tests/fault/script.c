#include <string.h>
#include "tests/fault/script.h"

#define VALUE_MAX 130000u

unsigned script_group(unsigned group)
{
    static const unsigned sizes[] = {1, 3, 1, 2, 1, 1, 4};

    return sizes[group % (sizeof sizes / sizeof sizes[0])];
}

bool script_conflicts(unsigned n)
{
    return n % 7 == 6;
}

int script_erases(unsigned n)
{
    return n % 5 == 4 ? (int)n - 3 : -1;
}

unsigned script_leaves(unsigned n)
{
    return n % 4 == 0 ? 2 : 1;
}

void script_name(char name[static SCRIPT_NAME], unsigned n)
{
    (void)snprintf(name, SCRIPT_NAME, "picture %03u", n % 1000);
}

int script_leaf_batch(const char *leaf, unsigned *part)
{
    unsigned n;

    return sscanf(leaf, "batch %u leaf %u", &n, part) == 2 && n < SCRIPT_BATCHES ? (int)n : -1;
}

/* The larger ones stand on LMDB's overflow pages, the largest on many. */
static size_t picture_size(unsigned n)
{
    return n % 13 == 5 ? VALUE_MAX - n : 500 + n * 997 % 20000;
}

static enum err put_picture(struct store_batch *b, unsigned n, const char *name)
{
    CLEANUP(heap) unsigned char *value = malloc(VALUE_MAX);

    if (!value)
        return ERR_NOMEM;
    for (size_t i = 0; i < VALUE_MAX; i++)
        value[i] = (unsigned char)(n + i / 512);
    TRY(store_batch_put(b, KIND_STUDENT, name, strlen(name), value, 200));
    TRY(store_batch_put(b, KIND_KEY, name, strlen(name), value, 80));
    TRY(store_batch_put(b, KIND_META, "latest", 6, name, strlen(name)));
    return store_batch_put(b, KIND_RENDITION, name, strlen(name), value, picture_size(n));
}

static enum err erase(struct store_batch *b, unsigned n)
{
    char name[SCRIPT_NAME];

    script_name(name, n);
    TRY(store_batch_delete(b, KIND_KEY, name, strlen(name)));
    TRY(store_batch_delete(b, KIND_RENDITION, name, strlen(name)));
    return store_batch_put(b, KIND_ERASURE, name, strlen(name), "open", 4);
}

static enum err add_leaves(struct store_batch *b, unsigned n)
{
    char text[32];

    for (unsigned i = 0; i < script_leaves(n); i++) {
        (void)snprintf(text, sizeof text, "batch %u leaf %u", n, i);
        TRY(store_batch_leaf(b, text, strlen(text), text, n % 3 ? strlen(text) : 0));
    }
    return OK;
}

enum err script_batch(struct store_batch **out, unsigned n)
{
    CLEANUP(store_batch) struct store_batch *b = NULL;
    char name[SCRIPT_NAME];

    script_name(name, n);
    TRY(store_batch_new(&b));
    TRY(put_picture(b, n, name));
    TRY(add_leaves(b, n));
    if (script_erases(n) >= 0)
        TRY(erase(b, (unsigned)script_erases(n)));
    TRY(store_batch_expect(b, KIND_RENDITION, name, strlen(name), NULL, 0));
    if (script_conflicts(n))
        TRY(store_batch_expect(b, KIND_CASE, "none", 4, "there", 5));
    *out = TAKE(b);
    return OK;
}
