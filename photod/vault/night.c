#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/members.h"
#include "photod/vault/night.h"
#include "photod/vault/undo.h"
#include "photod/vault/upload.h"

#define DAY_MS         ((uint64_t)86400000)
#define LOOKED_AT_ONCE 256 /* batches of which nothing is due */

/* ---- Listing ---- */

static enum err list_visit(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    struct night *n = context;

    (void)value, (void)value_len;
    if (key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    if (n->next < n->count)
        memcpy(n->ids[n->next++], key, SUBJECT_BYTES);
    return OK;
}

enum err night_list(struct night *n, struct vault *v)
{
    uint64_t count;
    enum err e;

    *n = (struct night){.at = 0};
    TRY(store_count(v->store, KIND_BATCH, &count));
    n->count = (size_t)count;
    n->ids = calloc(n->count + 1, SUBJECT_BYTES);
    if (!n->ids)
        return ERR_NOMEM;
    e = store_walk(v->store, KIND_BATCH, "", 0, list_visit, n);
    n->count = n->next;
    n->next = 0;
    return e;
}

void night_clear(struct night *n)
{
    free(n->ids);
    *n = (struct night){.at = 0};
}

/* ---- One batch ---- */

static bool is_abandoned(const struct vault *v, const unsigned char *id, const struct shape_batch_record *r,
                         uint64_t now_ms)
{
    if (now_ms < r->created_ms + BATCH_OPEN_DAYS * DAY_MS)
        return false;
    return r->state == BATCH_STAGED || (r->state == BATCH_STAGING && !r->uploaded && !upload_into(v, id));
}

static enum err discard(struct vault *v, struct store_batch *b, const unsigned char *id,
                        struct shape_batch_record *r, uint64_t now_ms)
{
    struct leaf l;

    if (r->state == BATCH_STAGING || r->review)
        TRY(dek_erase(b, id, BATCH_CHUNKS, ERASED_BATCH));
    r->review = 0;
    r->state = BATCH_UNDONE;
    r->undone_ms = now_ms;
    leaf_begin(&l, "batch-undo");
    leaf_text(&l, "district", r->district);
    leaf_hex(&l, "batch", id, SUBJECT_BYTES);
    leaf_text(&l, "reason", "not-committed");
    TRY(leaf_add(&l, v, b, NULL));
    return batch_put(v, b, id, r);
}

static enum err is_settled(struct vault *v, struct store_batch *b, const unsigned char *id,
                           const struct shape_batch_record *r, uint64_t now_ms, bool *out)
{
    struct standing s;

    *out = now_ms >= r->committed_ms + UNDO_DAYS * DAY_MS;
    if (*out)
        return OK;
    TRY(members_weigh(&s, v, id, r, b));
    *out = s.newer != 0;
    return OK;
}

/* *weighed: it took a while; *changed: there is something to commit. */
static enum err judge(struct night *n, struct vault *v, struct store_batch *b, const unsigned char *id,
                      bool *weighed, bool *changed)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    uint64_t now_ms = (uint64_t)clock_wall_ms();
    struct shape_batch_record r;
    enum err e = batch_load(v, id, &r, &read);
    bool settled = false;

    if (e == ERR_CORRUPT) /* the others must be judged all the same */
        log_error("purge: a batch's record does not open and was passed over; see photoctl fsck");
    if (e)
        return e == ERR_CORRUPT || e == ERR_NOTFOUND ? OK : e;
    if (is_abandoned(v, id, &r, now_ms)) {
        *changed = true;
        n->step_discarded++;
        TRY(record_expect(b, KIND_BATCH, id, &read));
        return discard(v, b, id, &r, now_ms);
    }
    if (r.state != BATCH_COMMITTED || r.settled)
        return OK;
    TRY(is_settled(v, b, id, &r, now_ms, &settled));
    *weighed = true;
    if (!settled)
        return OK;
    *changed = true;
    r.settled = 1;
    TRY(record_expect(b, KIND_BATCH, id, &read));
    return batch_put(v, b, id, &r);
}

enum err night_step(struct night *n, struct vault *v, struct store_batch *b, bool *changed)
{
    bool weighed = false;

    *changed = false;
    n->step_discarded = 0;
    for (n->next = n->at; n->next < n->count && n->next - n->at < LOOKED_AT_ONCE && !weighed && !*changed;
         n->next++)
        TRY(judge(n, v, b, n->ids[n->next], &weighed, changed));
    return OK;
}

void night_stepped(struct night *n)
{
    n->at = n->next;
    n->discarded += n->step_discarded;
}
