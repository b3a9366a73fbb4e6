#include <sodium.h>
#include <string.h>
#include "photod/base/log.h"
#include "store/journal.h"
#include "store/log.h"

#define POSITION_BYTES 8
#define ROW_KEY_BYTES  (POSITION_BYTES + 4)
#define HEAD_BYTES     (STORE_LINE_BYTES + 2 * POSITION_BYTES)
#define PART_BYTES     16384u /* of a row, about; a group that touches more has several */
#define ENTRY_MAX      (2 + STORE_KEY_MAX)
#define TRIM_EVERY     64 /* groups: so that not every commit touches both ends of the journal */

static const unsigned char head_key[] = {0xFF};

struct journal {
    unsigned char line[STORE_LINE_BYTES];
    uint64_t kept;
    uint64_t position, oldest; /* committed; position under store->head_lock for other threads */
    uint64_t next_oldest;      /* of the transaction under way */
    uint32_t part;
    bool any;
    size_t len;
    unsigned char bytes[PART_BYTES + ENTRY_MAX];
};

enum err journal_new(struct journal **out)
{
    struct journal *j = calloc(1, sizeof *j);

    if (!j)
        return ERR_NOMEM;
    j->kept = JOURNAL_KEPT;
    j->oldest = 1;
    *out = j;
    return OK;
}

void journal_free(struct journal *j)
{
    free(j);
}

void journal_keep(struct store *s, uint64_t groups)
{
    s->journal->kept = groups;
}

static void row_key(unsigned char key[static ROW_KEY_BYTES], uint64_t position, uint32_t part)
{
    log_index_encode(key, position);
    for (size_t i = ROW_KEY_BYTES; i-- > POSITION_BYTES; part >>= 8)
        key[i] = (unsigned char)part;
}

/* ---- Opening ---- */

enum err journal_load(struct store *s)
{
    CLEANUP(buf) struct buf *head = NULL;
    struct journal *j = s->journal;
    enum err e;

    TRY(buf_new(&head, HEAD_BYTES));
    e = s->ops->get(s, KIND_CHANGE, (struct span){head_key, sizeof head_key}, head);
    if (e == ERR_NOTFOUND) { /* its first life: the head is written with the first group */
        randombytes_buf(j->line, sizeof j->line);
        return OK;
    }
    if (e == ERR_LIMIT || (!e && buf_len(head) != HEAD_BYTES)) {
        log_error("store: the head of its change journal is damaged");
        return ERR_CORRUPT;
    }
    TRY(e);
    memcpy(j->line, buf_bytes(head), sizeof j->line);
    j->position = log_index_decode(buf_bytes(head) + STORE_LINE_BYTES);
    j->oldest = log_index_decode(buf_bytes(head) + STORE_LINE_BYTES + POSITION_BYTES);
    return OK;
}

/* ---- Writing ---- */

void journal_begin(struct store *s)
{
    struct journal *j = s->journal;

    j->next_oldest = j->oldest;
    j->part = 0;
    j->len = 0;
    j->any = false;
}

static enum err write_part(struct store *s)
{
    struct journal *j = s->journal;
    unsigned char key[ROW_KEY_BYTES];

    row_key(key, j->position + 1, j->part++);
    TRY(s->ops->put(s, KIND_CHANGE, (struct span){key, sizeof key}, (struct span){j->bytes, j->len}));
    j->len = 0;
    return OK;
}

static enum err add(struct store *s, enum store_kind kind, const void *key, size_t key_len)
{
    struct journal *j = s->journal;

    j->any = true;
    j->bytes[j->len++] = (unsigned char)kind;
    j->bytes[j->len++] = (unsigned char)key_len;
    memcpy(j->bytes + j->len, key, key_len);
    j->len += key_len;
    return j->len >= PART_BYTES ? write_part(s) : OK;
}

enum err journal_note(struct store *s, enum store_kind kind, struct span key, bool is_put)
{
    struct span value;
    enum err e;

    if (!s->journal->kept)
        return OK;
    if (kind == KIND_KEY && is_put) {
        e = s->ops->peek(s, kind, key, &value);
        if (e != ERR_NOTFOUND)
            return e; /* one that stands is only wrapped anew */
    }
    return add(s, kind, key.at, key.len);
}

static enum err write_head(struct store *s)
{
    const struct journal *j = s->journal;
    unsigned char head[HEAD_BYTES];

    memcpy(head, j->line, sizeof j->line);
    log_index_encode(head + STORE_LINE_BYTES, j->position + 1);
    log_index_encode(head + STORE_LINE_BYTES + POSITION_BYTES, j->next_oldest);
    return s->ops->put(s, KIND_CHANGE, (struct span){head_key, sizeof head_key},
                       (struct span){head, sizeof head});
}

static enum err remove_group(struct store *s, uint64_t position)
{
    unsigned char key[ROW_KEY_BYTES];
    struct span k = {key, sizeof key}, value;
    enum err e = OK;

    for (uint32_t part = 0; !e; part++) {
        row_key(key, position, part);
        e = s->ops->peek(s, KIND_CHANGE, k, &value);
        if (!e)
            e = s->ops->remove(s, KIND_CHANGE, k);
    }
    return e == ERR_NOTFOUND ? OK : e;
}

static enum err trim(struct store *s)
{
    struct journal *j = s->journal;

    if (j->position + 1 < j->next_oldest + j->kept + TRIM_EVERY)
        return OK;
    for (; j->position + 1 >= j->next_oldest + j->kept; j->next_oldest++)
        TRY(remove_group(s, j->next_oldest));
    return OK;
}

enum err journal_flush(struct store *s, uint64_t from, uint64_t to)
{
    struct journal *j = s->journal;
    unsigned char range[2 * LOG_INDEX_BYTES];

    if (!j->kept)
        return OK;
    if (to > from) {
        log_index_encode(range, from);
        log_index_encode(range + LOG_INDEX_BYTES, to - 1);
        TRY(add(s, KIND_LEAF, range, sizeof range));
    }
    if (!j->any)
        return OK;
    if (j->len)
        TRY(write_part(s));
    TRY(trim(s));
    return write_head(s);
}

void journal_publish(struct store *s)
{
    struct journal *j = s->journal;

    if (!j->any)
        return;
    j->any = false;
    (void)pthread_mutex_lock(&s->head_lock);
    j->position++;
    j->oldest = j->next_oldest;
    (void)pthread_mutex_unlock(&s->head_lock);
}

/* ---- Reading ---- */

void store_position(struct store *s, struct store_position *now)
{
    (void)pthread_mutex_lock(&s->head_lock);
    *now = (struct store_position){.number = s->journal->position};
    memcpy(now->line, s->journal->line, sizeof now->line);
    (void)pthread_mutex_unlock(&s->head_lock);
}

/* A slice under way: how much is left of it, and what of this group is still to be passed over. */
struct slice {
    struct store *store;
    store_change_visit *visit;
    void *context;
    size_t room;
    uint64_t skip, seen; /* changes of this group: to pass over; passed over or visited */
    struct buf *value;
};

/* ERR_BUSY: the slice is full. */
static enum err visit_key(struct slice *c, enum store_kind kind, const unsigned char *key, size_t key_len)
{
    enum err e;

    if (c->seen < c->skip) {
        c->seen++;
        return OK;
    }
    if (!c->room)
        return ERR_BUSY;
    buf_truncate(c->value, 0);
    e = c->store->ops->get(c->store, kind, (struct span){key, key_len}, c->value);
    if (e && e != ERR_NOTFOUND)
        return e;
    TRY(c->visit(c->context, kind, key, key_len, e ? NULL : buf_bytes(c->value), buf_len(c->value)));
    c->seen++;
    c->room -= c->room < key_len + buf_len(c->value) ? c->room : key_len + buf_len(c->value);
    return OK;
}

static enum err visit_leaves(struct slice *c, const unsigned char *range)
{
    uint64_t last = log_index_decode(range + LOG_INDEX_BYTES);
    unsigned char key[LOG_INDEX_BYTES];

    for (uint64_t index = log_index_decode(range); index <= last; index++) {
        log_index_encode(key, index);
        TRY(visit_key(c, KIND_LEAF, key, sizeof key));
        TRY(visit_key(c, KIND_DETAIL, key, sizeof key));
    }
    return OK;
}

static enum err visit_row(struct slice *c, const unsigned char *at, size_t len)
{
    const unsigned char *end = at + len;

    while (at < end) {
        enum store_kind kind = (enum store_kind)at[0];
        size_t key_len = end - at < 2 ? 0 : at[1];

        if (kind >= KIND_COUNT || kind == KIND_CHANGE || !key_len || key_len > STORE_KEY_MAX ||
            key_len + 2 > (size_t)(end - at) || (kind == KIND_LEAF && key_len != 2 * LOG_INDEX_BYTES))
            return ERR_CORRUPT;
        TRY(kind == KIND_LEAF ? visit_leaves(c, at + 2) : visit_key(c, kind, at + 2, key_len));
        at += 2 + key_len;
    }
    return OK;
}

static enum err visit_group(struct slice *c, uint64_t position)
{
    CLEANUP(buf) struct buf *row = NULL;
    unsigned char key[ROW_KEY_BYTES];

    TRY(buf_new(&row, PART_BYTES + ENTRY_MAX));
    for (uint32_t part = 0;; part++) {
        enum err e;

        row_key(key, position, part);
        buf_truncate(row, 0);
        e = c->store->ops->get(c->store, KIND_CHANGE, (struct span){key, sizeof key}, row);
        if (e == ERR_NOTFOUND)
            return part ? OK : ERR_CORRUPT;
        TRY(e);
        TRY(visit_row(c, buf_bytes(row), buf_len(row)));
    }
}

enum err store_changes_since(struct store *s, struct store_position *at, size_t max_bytes,
                             store_change_visit *visit, void *context, bool *level)
{
    CLEANUP(buf) struct buf *value = NULL;
    const struct journal *j = s->journal;
    struct slice c = {.store = s, .visit = visit, .context = context, .room = max_bytes};
    enum err e = OK;

    if (memcmp(at->line, j->line, sizeof at->line) != 0 || at->number > j->position ||
        at->number + 1 < j->oldest)
        return ERR_NOTFOUND;
    TRY(buf_new(&value, STORE_VALUE_MAX));
    c.value = value;
    while (!e && at->number < j->position) {
        c.skip = at->seen;
        c.seen = 0;
        e = visit_group(&c, at->number + 1);
        at->seen = e ? c.seen : 0;
        at->number += !e;
    }
    *level = !e && at->number == j->position;
    return e == ERR_BUSY ? OK : e;
}
