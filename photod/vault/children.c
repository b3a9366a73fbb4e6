#include <string.h>
#include "photod/vault/children.h"

struct sid_list {
    unsigned char (*sids)[SID_BYTES];
    size_t count, max;
};

static enum err sid_visit(void *context, const unsigned char *sid, size_t sid_len, const unsigned char *value,
                          size_t value_len)
{
    struct sid_list *list = context;

    (void)value, (void)value_len;
    if (sid_len != SID_BYTES)
        return ERR_CORRUPT;
    if (list->count < list->max)
        memcpy(list->sids[list->count++], sid, SID_BYTES);
    return OK;
}

static int by_sid(const void *a, const void *b)
{
    return memcmp(a, b, SID_BYTES);
}

enum err children_list(struct vault *v, unsigned char (**out)[SID_BYTES], size_t *count)
{
    CLEANUP(heap) void *memory = NULL;
    struct sid_list list = {.count = 0};
    uint64_t students, photos;
    size_t unique = 0;

    TRY(store_count(v->store, KIND_STUDENT, &students));
    TRY(store_count(v->store, KIND_GENERATION, &photos));
    list.max = (size_t)(students + photos);
    memory = calloc(list.max + 1, SID_BYTES);
    if (!memory)
        return ERR_NOMEM;
    list.sids = memory;
    TRY(store_walk(v->store, KIND_STUDENT, "", 0, sid_visit, &list));
    TRY(store_walk(v->store, KIND_GENERATION, "", 0, sid_visit, &list));
    qsort(list.sids, list.count, SID_BYTES, by_sid);
    for (size_t i = 0; i < list.count; i++)
        if (!unique || memcmp(list.sids[unique - 1], list.sids[i], SID_BYTES) != 0)
            memmove(list.sids[unique++], list.sids[i], SID_BYTES);
    *count = unique;
    *out = TAKE(memory);
    return OK;
}
