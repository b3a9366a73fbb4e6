/* Names of a ZIP, sorted by what tolerance leaves of them.  Runs in photod-intake. */
#include "ingest/package_names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct name {
    size_t entry;
    uint64_t size;
    char *path;       /* as it stands in the ZIP */
    char *key;        /* lower case, .jpeg as .jpg */
    const char *base; /* the last part of the key */
};

struct package_names {
    struct name *names; /* good files only, in the ZIP's order */
    size_t count;
    struct name **by_path, **by_base;
    size_t *of_entry; /* entry to name + 1; 0: no good file */
    size_t entries;
};

static void make_key(char *to, const char *path)
{
    size_t len = strlen(path);

    for (size_t i = 0; i <= len; i++)
        to[i] = path[i] >= 'A' && path[i] <= 'Z' ? (char)(path[i] - 'A' + 'a') : path[i];
    if (len > 5 && strcmp(to + len - 5, ".jpeg") == 0)
        memcpy(to + len - 5, ".jpg", 5);
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int by_path(const void *a, const void *b)
{
    const struct name *x = *(const struct name *const *)a, *y = *(const struct name *const *)b;
    int order = strcmp(x->key, y->key);

    return order ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

static int by_base(const void *a, const void *b)
{
    const struct name *x = *(const struct name *const *)a, *y = *(const struct name *const *)b;
    int order = strcmp(x->base, y->base);

    return order ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

static enum err add_name(struct package_names *n, struct archive *a, size_t entry)
{
    struct name *to = &n->names[n->count];
    struct archive_entry e;

    archive_describe(&e, a, entry);
    if (e.fault)
        return OK;
    to->path = strdup(e.name);
    to->key = strdup(e.name);
    n->count++;
    if (!to->path || !to->key)
        return ERR_NOMEM;
    make_key(to->key, to->path);
    to->base = base_of(to->key);
    to->entry = entry;
    to->size = e.size;
    n->of_entry[entry] = n->count;
    return OK;
}

enum err package_names_new(struct package_names **out, struct archive *a)
{
    CLEANUP(package_names) struct package_names *n = calloc(1, sizeof *n);
    size_t count = archive_count(a);

    if (!n)
        return ERR_NOMEM;
    n->entries = count;
    n->names = calloc(count + 1, sizeof *n->names);
    n->by_path = calloc(count + 1, sizeof *n->by_path);
    n->by_base = calloc(count + 1, sizeof *n->by_base);
    n->of_entry = calloc(count + 1, sizeof *n->of_entry);
    if (!n->names || !n->by_path || !n->by_base || !n->of_entry)
        return ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        TRY(add_name(n, a, i));
    for (size_t i = 0; i < n->count; i++)
        n->by_path[i] = n->by_base[i] = &n->names[i];
    qsort(n->by_path, n->count, sizeof *n->by_path, by_path);
    qsort(n->by_base, n->count, sizeof *n->by_base, by_base);
    *out = TAKE(n);
    return OK;
}

void package_names_free(struct package_names *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->count; i++) {
        free(n->names[i].path);
        free(n->names[i].key);
    }
    free(n->names);
    free(n->by_path);
    free(n->by_base);
    free(n->of_entry);
    free(n);
}

size_t package_names_count(const struct package_names *n)
{
    return n->entries;
}

bool package_names_at(const struct package_names *n, size_t entry, const char **name, uint64_t *size)
{
    if (entry >= n->entries || !n->of_entry[entry])
        return false;
    *name = n->names[n->of_entry[entry] - 1].path;
    *size = n->names[n->of_entry[entry] - 1].size;
    return true;
}

/* Where the keys that equal `key` begin. */
static size_t lower_bound(struct name *const *sorted, size_t count, const char *key, bool is_base)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *there = is_base ? sorted[middle]->base : sorted[middle]->key;

        if (strcmp(there, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum package_match package_names_path(const struct package_names *n, const char *path, size_t *entry)
{
    char key[INDEX_PATH * 2];
    const struct name *found = NULL;
    size_t at, alike = 0;

    if (strlen(path) >= sizeof key)
        return PACKAGE_NONE;
    make_key(key, path);
    at = lower_bound(n->by_path, n->count, key, false);
    for (; at < n->count && strcmp(n->by_path[at]->key, key) == 0; at++) {
        if (strcmp(n->by_path[at]->path, path) == 0) {
            *entry = n->by_path[at]->entry;
            return PACKAGE_EXACT;
        }
        found = n->by_path[at];
        alike++;
    }
    if (alike != 1) /* none, or several that differ in case: nobody knows which is meant */
        return PACKAGE_NONE;
    *entry = found->entry;
    return strcasecmp(found->path, path) == 0 ? PACKAGE_CASE : PACKAGE_ENDING;
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return !len || (strncasecmp(path, folder, len) == 0 && path[len] == '/');
}

enum package_match package_names_base(const struct package_names *n, const char *folder, const char *name,
                                      size_t *entry)
{
    char key[INDEX_PATH];
    size_t at, alike = 0;

    if (strlen(name) >= sizeof key)
        return PACKAGE_NONE;
    make_key(key, base_of(name));
    at = lower_bound(n->by_base, n->count, key, true);
    for (; at < n->count && strcmp(n->by_base[at]->base, key) == 0; at++)
        if (is_below(n->by_base[at]->path, folder)) {
            *entry = n->by_base[at]->entry;
            alike++;
        }
    return alike == 1 ? PACKAGE_FOLDER : PACKAGE_NONE;
}
