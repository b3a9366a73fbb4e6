#include <string.h>
#include "photod/base/log.h"
#include "store/batch.h"
#include "store/journal.h"
#include "store/log.h"

/*
 * What a group of batches means, for every backend.  Runs in the committing
 * thread.  Within a batch all expectations come before the first change, so
 * that a batch in conflict has changed nothing; any other error aborts the
 * whole transaction.
 */
static enum err holds(struct store *s, const struct op *o, bool *yes)
{
    struct span value;
    enum err e = s->ops->peek(s, o->kind, o->key, &value);

    if (e && e != ERR_NOTFOUND)
        return e;
    if (o->type == OP_EXPECT_ABSENT)
        *yes = e == ERR_NOTFOUND;
    else
        *yes =
            !e && value.len == o->value.len && (!value.len || memcmp(value.at, o->value.at, value.len) == 0);
    return OK;
}

static enum err all_hold(struct store *s, const struct store_batch *b, bool *yes)
{
    *yes = true;
    for (const struct op *o = b->first; o && *yes; o = o->next)
        if (o->type == OP_EXPECT || o->type == OP_EXPECT_ABSENT)
            TRY(holds(s, o, yes));
    return OK;
}

static enum err change(struct store *s, const struct op *o)
{
    switch (o->type) {
    case OP_PUT:
        TRY(journal_note(s, o->kind, o->key, true));
        return s->ops->put(s, o->kind, o->key, o->value);
    case OP_DELETE:
        TRY(journal_note(s, o->kind, o->key, false));
        return s->ops->remove(s, o->kind, o->key);
    case OP_LEAF:
        return log_append(s, o->key, o->value);
    case OP_EXPECT:
    case OP_EXPECT_ABSENT:
        break;
    }
    return OK;
}

static enum err apply(struct store *s, const struct store_batch *b, struct store_outcome *outcome)
{
    bool yes;

    TRY(all_hold(s, b, &yes));
    outcome->result = yes ? STORE_COMMITTED : STORE_CONFLICT;
    outcome->first_leaf = s->log->size;
    if (yes)
        for (const struct op *o = b->first; o; o = o->next)
            TRY(change(s, o));
    return OK;
}

static enum err fill(struct store *s, struct store_batch *const *batches, size_t count,
                     struct store_outcome *outcomes)
{
    uint64_t size = s->log->size;

    journal_begin(s);
    for (size_t i = 0; i < count; i++)
        TRY(apply(s, batches[i], &outcomes[i]));
    if (s->log->size > size)
        TRY(log_flush(s));
    return journal_flush(s, size, s->log->size);
}

static void answer_all(struct store_outcome *outcomes, size_t count, enum store_result result)
{
    for (size_t i = 0; i < count; i++)
        outcomes[i] = (struct store_outcome){.result = result};
}

/* After this the disk is not to be trusted, and a repeated sync would lie: it may succeed with pages lost. */
static enum store_result give_up(struct store *s, enum err e)
{
    s->readonly = true;
    log_error("store: a write failed (%s): nothing is committed or released any more until a new start has "
              "looked at the disk",
              err_name(e));
    return e == ERR_CORRUPT ? STORE_CORRUPT : STORE_UNKNOWN;
}

/* What an aborted transaction means for its batches.  No memory is no room: refused, nothing changed. */
static enum store_result undo(struct store *s, enum err e, uint64_t size)
{
    s->ops->abort(s);
    if (e != ERR_FULL && e != ERR_NOMEM)
        return give_up(s, e);
    if (s->log->size != size) {
        e = log_load(s);
        if (e)
            return give_up(s, e);
    }
    return STORE_FULL;
}

static bool deletes_keys(const struct store_batch *b)
{
    for (const struct op *o = b->first; o; o = o->next)
        if (o->type == OP_DELETE && o->kind == KIND_KEY)
            return true;
    return false;
}

/* All else is committed: only who waits for a key to be gone must not believe it. */
static void doubt_erasures(struct store *s, enum err e, struct store_batch *const *batches, size_t count,
                           struct store_outcome *outcomes)
{
    if (e != ERR_FULL && e != ERR_NOMEM)
        (void)give_up(s, e);
    else
        log_error("store: no room to remove keys (%s): the erasures stay open", err_name(e));
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].result == STORE_COMMITTED && deletes_keys(batches[i]))
            outcomes[i].result = STORE_UNKNOWN;
}

static bool any_committed(const struct store_outcome *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].result == STORE_COMMITTED)
            return true;
    return false;
}

/* One transaction.  STORE_COMMITTED: see outcomes; else it is the answer to every batch, and so filled in. */
static enum store_result commit_group(struct store *s, struct store_batch *const *batches, size_t count,
                                      struct store_outcome *outcomes)
{
    uint64_t size = s->log->size;
    enum store_result result;
    enum err e = s->ops->begin(s);

    if (!e)
        e = fill(s, batches, count, outcomes);
    if (!e && !any_committed(outcomes, count)) {
        s->ops->abort(s);
        return STORE_COMMITTED;
    }
    if (!e)
        e = s->ops->commit(s);
    if (e) {
        result = undo(s, e, size);
        answer_all(outcomes, count, result);
        return result;
    }
    log_publish(s);
    journal_publish(s);
    e = s->ops->erase(s);
    if (e)
        doubt_erasures(s, e, batches, count, outcomes);
    return STORE_COMMITTED;
}

void store_commit(struct store *s, struct store_batch *const *batches, size_t count,
                  struct store_outcome *outcomes, struct store_head *head)
{
    enum store_result result = STORE_READONLY;

    if (s->readonly)
        answer_all(outcomes, count, STORE_READONLY);
    else
        result = commit_group(s, batches, count, outcomes);

    /* One by one, so that an upload that does not fit takes no lookup or erasure down with it. */
    if (result == STORE_FULL && count > 1)
        for (size_t i = 0; i < count; i++) {
            if (s->readonly)
                answer_all(&outcomes[i], 1, STORE_READONLY);
            else
                (void)commit_group(s, &batches[i], 1, &outcomes[i]);
        }
    (void)!store_log_head(s, head);
}
