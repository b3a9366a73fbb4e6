#include <string.h>
#include "photod/vault/batch.h"
#include "photod/vault/replaced.h"

/* A photo and how its batch stands. */
struct photo {
    uint64_t generation;
    struct date taken_on;
    enum batch_state state;
    bool settled;
};

struct photos {
    struct photo *list;
    size_t count;
};

static void photos_cleanup(struct photos *p)
{
    free(p->list);
}

static enum err load(struct photos *p, const struct student *s, struct vault *v, struct store_batch *b)
{
    struct take t = record_take(&s->generations);
    struct shape_generation_record g;

    while (take_more(&t)) {
        CLEANUP(record) struct record read = RECORD_NONE;
        struct shape_batch_record r = {.state = BATCH_UNDONE}; /* lost: nothing makes it visible again */
        struct photo *more = realloc(p->list, (p->count + 1) * sizeof *more);
        enum err e;

        if (!more)
            return ERR_NOMEM;
        p->list = more;
        take_generation_record(&t, &g);
        if (t.err)
            break;
        e = batch_load(v, g.batch, &r, &read);
        if (e && e != ERR_NOTFOUND)
            return e;
        TRY(record_expect(b, KIND_BATCH, g.batch, &read));
        p->list[p->count++] =
            (struct photo){g.generation, g.taken_on, (enum batch_state)r.state, r.settled != 0};
    }
    return take_end(&t) ? ERR_CORRUPT : OK;
}

/* As student_current() would serve them, one after the other. */
static int as_served(const void *a, const void *b)
{
    const struct photo *x = a, *y = b;
    int order = date_compare(y->taken_on, x->taken_on);

    return order ? order : (x->generation < y->generation) - (x->generation > y->generation);
}

enum err replaced_find(struct replaced *out, const struct student *s, struct vault *v, struct store_batch *b)
{
    CLEANUP(photos) struct photos p = {NULL, 0};
    bool behind = false;

    *out = (struct replaced){NULL, 0};
    TRY(load(&p, s, v, b));
    out->list = calloc(p.count ? p.count : 1, sizeof *out->list);
    if (!out->list)
        return ERR_NOMEM;
    if (p.count)
        qsort(p.list, p.count, sizeof *p.list, as_served);
    for (size_t i = 0; i < p.count; i++) {
        const struct photo *photo = &p.list[i];

        if (photo->state == BATCH_UNDONE)
            out->list[out->count++] = (struct gone_photo){photo->generation, UNDONE_REASON};
        if (photo->state != BATCH_COMMITTED)
            continue;
        if (behind)
            out->list[out->count++] = (struct gone_photo){photo->generation, SETTLED_REASON};
        behind |= photo->settled;
    }
    return OK;
}

const char *replaced_reason(const struct replaced *r, uint64_t generation)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->list[i].generation == generation)
            return r->list[i].reason;
    return NULL;
}
