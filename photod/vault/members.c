#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/vault/members.h"
#include "photod/vault/student.h"

#define BATCHES_SEEN 64

static enum err member_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    struct members *m = context;

    if (key_len != MEMBER_KEY_BYTES || value_len != 8)
        return ERR_CORRUPT;
    if (m->count == m->max)
        return OK;
    if ((m->count & (m->count - 1)) == 0) { /* a power of two: full */
        struct member *more = realloc(m->list, (m->count ? 2 * m->count : 1) * sizeof *more);

        if (!more)
            return ERR_NOMEM;
        m->list = more;
    }
    memcpy(m->list[m->count].sid, key + SUBJECT_BYTES, SID_BYTES);
    m->list[m->count++].generation = generation_of(value);
    return OK;
}

enum err members_list(struct members *out, struct vault *v, const unsigned char batch[static SUBJECT_BYTES],
                      size_t max)
{
    struct members m = {.max = max};
    enum err e = store_walk(v->store, KIND_MEMBER, batch, SUBJECT_BYTES, member_visit, &m);

    if (e)
        members_cleanup(&m);
    else
        *out = m;
    return e;
}

/* ---- Weighing ---- */

/* Children of one batch share their other batches: each is opened once, and expected unchanged once. */
struct seen {
    struct {
        unsigned char id[SUBJECT_BYTES];
        bool is_committed;
        uint64_t committed_ms;
    } batches[BATCHES_SEEN];
    size_t count, next;
};

struct weighing {
    struct vault *vault;
    const unsigned char *batch;
    const struct shape_batch_record *record;
    struct store_batch *expects;
    struct date today;
    struct seen seen;
    struct standing standing;
};

static enum err see(struct weighing *w, const unsigned char *id, size_t *which)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_batch_record r = {.state = BATCH_STAGING};
    enum err e;

    for (*which = 0; *which < w->seen.count; ++*which)
        if (memcmp(w->seen.batches[*which].id, id, SUBJECT_BYTES) == 0)
            return OK;
    e = batch_load(w->vault, id, &r, &read);
    if (e && e != ERR_NOTFOUND)
        return e;
    TRY(record_expect(w->expects, KIND_BATCH, id, &read));
    *which = w->seen.next;
    w->seen.next = (w->seen.next + 1) % BATCHES_SEEN;
    if (w->seen.count < BATCHES_SEEN)
        w->seen.count++;
    memcpy(w->seen.batches[*which].id, id, SUBJECT_BYTES);
    w->seen.batches[*which].is_committed = r.state == BATCH_COMMITTED;
    w->seen.batches[*which].committed_ms = r.committed_ms;
    return OK;
}

static enum err weigh_child(struct weighing *w, const unsigned char *sid)
{
    CLEANUP(student) struct student s = {.answer_count = 0};
    bool has_earlier = false, has_newer = false;
    struct shape_generation_record g;
    struct take t;

    TRY(student_load_photos(&s, w->vault, sid));
    t = record_take(&s.generations);
    while (take_more(&t)) {
        size_t other;

        take_generation_record(&t, &g);
        if (t.err || memcmp(g.batch, w->batch, SUBJECT_BYTES) == 0)
            continue;
        TRY(see(w, g.batch, &other));
        if (!w->seen.batches[other].is_committed)
            continue;
        if (w->seen.batches[other].committed_ms > w->standing.latest_ms)
            w->standing.latest_ms = w->seen.batches[other].committed_ms;
        if (w->record->state == BATCH_COMMITTED &&
            w->seen.batches[other].committed_ms > w->record->committed_ms)
            has_newer = true;
        else
            has_earlier |= photo_is_servable(g.taken_on, w->today);
    }
    w->standing.earlier += has_earlier;
    w->standing.newer += has_newer;
    return take_end(&t) ? ERR_CORRUPT : OK;
}

enum err members_weigh(struct standing *out, struct vault *v, const unsigned char batch[static SUBJECT_BYTES],
                       const struct shape_batch_record *r, struct store_batch *b)
{
    CLEANUP(members) struct members m = {.count = 0};
    CLEANUP(heap) struct weighing *w = calloc(1, sizeof *w);

    if (!w)
        return ERR_NOMEM;
    w->vault = v;
    w->batch = batch;
    w->record = r;
    w->expects = b;
    w->today = law_today(clock_wall_ms());
    TRY(members_list(&m, v, batch, SIZE_MAX));
    w->standing.photos = (uint32_t)m.count;
    for (size_t i = 0; i < m.count; i++) {
        enum err e = weigh_child(w, m.list[i].sid);

        if (e && e != ERR_CORRUPT) /* a damaged record (photoctl fsck) must not keep the others */
            return e;
    }
    *out = w->standing;
    return OK;
}
