#include "photod/vault/batch_list.h"

#include <stdlib.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/auth.h"
#include "photod/vault/staging.h"
#include "photod/wire/bulk.h"

#define ROWS_MAX ((size_t)1 << 20)

struct listed {
    unsigned char id[SUBJECT_BYTES];
    struct shape_batch_record record;
};

/* The newest of those that were made before the bound. */
struct batch_list {
    struct vault *vault;
    const struct batch_asked *asked;
    bool bounded; /* by the batch that was asked for */
    bool more;
    size_t count;
    struct listed row[BATCH_LIST_MAX]; /* newest first */
};

/* By when they were made, and by name where that is the same. */
static bool is_newer(uint64_t created_ms, const unsigned char *id, uint64_t than_ms,
                     const unsigned char *than)
{
    return created_ms != than_ms ? created_ms > than_ms : memcmp(id, than, SUBJECT_BYTES) > 0;
}

static void insert(struct batch_list *l, const unsigned char *id, const struct shape_batch_record *r)
{
    size_t at = l->count;

    while (at && is_newer(r->created_ms, id, l->row[at - 1].record.created_ms, l->row[at - 1].id))
        at--;
    l->more |= l->count == BATCH_LIST_MAX;
    if (at == BATCH_LIST_MAX)
        return;
    l->count += l->count < BATCH_LIST_MAX;
    memmove(&l->row[at + 1], &l->row[at], (l->count - at - 1) * sizeof l->row[0]);
    memcpy(l->row[at].id, id, SUBJECT_BYTES);
    l->row[at].record = *r;
}

static enum err list_visit(void *context, const unsigned char *key, size_t key_len,
                           const unsigned char *value, size_t value_len)
{
    struct batch_list *l = context;
    const struct batch_asked *a = l->asked;
    struct shape_batch_record r;

    if (key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    TRY(batch_open(l->vault, key, value, value_len, &r));
    if (strcmp(r.district, a->actor.district) == 0 &&
        (!l->bounded || is_newer(a->record.created_ms, a->id, r.created_ms, key)))
        insert(l, key, &r);
    return OK;
}

static enum err pack_rows(struct buf *rows, const struct batch_list *l)
{
    struct pack p = PACK(rows);

    for (size_t i = 0; i < l->count; i++) {
        struct shape_batch_record r = l->row[i].record;
        struct shape_batch_state s;

        if (r.state == BATCH_STAGING)
            r.files = staging_files(l->vault, l->row[i].id);
        batch_fill_state(&s, l->row[i].id, &r, 0, 0);
        pack_batch_state(&p, &s);
    }
    return pack_end(&p);
}

static enum err make_list(struct batch_list *l, int *fd)
{
    CLEANUP(buf) struct buf *rows = NULL;

    TRY(store_walk(l->vault->store, KIND_BATCH, "", 0, list_visit, l));
    TRY(buf_new(&rows, ROWS_MAX));
    TRY(pack_rows(rows, l));
    return bulk_new(fd, buf_bytes(rows), buf_len(rows));
}

void answer_batch_list(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_batch_name *ask = &m->is.batch_name;
    CLEANUP(batch_asked) struct batch_asked a = {.to = asker_of(p, m)};
    CLEANUP(heap) struct batch_list *l = NULL;
    CLEANUP(fd) int fd = -1;
    struct shape_batches is = {0};
    enum err e;

    if (ask->batch[0] ? batch_find(v, &a, ask)
                      : auth_key(v, a.to, ask->key, ask->district, ask->source, &a.actor))
        return;
    l = calloc(1, sizeof *l);
    if (l) {
        l->vault = v;
        l->asked = &a;
        l->bounded = ask->batch[0] != '\0';
    }
    e = l ? make_list(l, &fd) : ERR_NOMEM;
    if (e) {
        log_error("the batches could not be listed: %s", err_name(e));
        answer_refused(v, a.to, problem_of(e), NULL, 0);
        return;
    }
    is.more = l->more;
    answer(v, a.to, MSG_BATCHES, &is, &fd, 1);
}
