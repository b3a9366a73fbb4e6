#include <stdarg.h>
#include <string.h>
#include "store/memory.h"
#include "store/merkle.h"
#include "tests/fault/check.h"

#define KIND_BYTES_MAX (64u << 20)

struct check {
    struct store *s;
    bool applied[SCRIPT_BATCHES];
    bool acked[SCRIPT_BATCHES];
    uint64_t leaf_of[SCRIPT_BATCHES];
    struct ack ack_of[SCRIPT_BATCHES];
    unsigned order[SCRIPT_BATCHES], applied_count; /* in the order of the log */
    uint64_t next_leaf;
    unsigned orphans; /* keys without a photo */
    bool broken;
};

static void broken(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void broken(struct check *c, const char *format, ...)
{
    va_list args;

    c->broken = true;
    va_start(args, format);
    (void)printf("BROKEN: ");
    (void)vprintf(format, args);
    (void)printf("\n");
    va_end(args);
}

/* ---- Which batches are there ---- */

static enum err read_leaf(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                          size_t value_len)
{
    struct check *c = context;
    uint64_t index = c->next_leaf++;
    char text[LEAF_MAX + 1];
    unsigned part = 0;
    int n;

    memcpy(text, value, value_len < LEAF_MAX ? value_len : LEAF_MAX);
    text[value_len < LEAF_MAX ? value_len : LEAF_MAX] = '\0';
    n = script_leaf_batch(text, &part);
    if (key_len != 8 || key[7] != (index & 0xFF) || key[6] != index >> 8)
        broken(c, "leaf %u has another number", (unsigned)index);
    if (n < 0)
        broken(c, "leaf %u is of no batch", (unsigned)index);
    else if (part == 0 && c->applied[n])
        broken(c, "batch %d was applied twice", n);
    else if (part != 0 && (!c->applied[n] || c->leaf_of[n] + part != index))
        broken(c, "leaf %u of batch %d stands apart", part, n);
    if (n >= 0 && part == 0 && !c->applied[n]) {
        c->applied[n] = true;
        c->leaf_of[n] = index;
        c->order[c->applied_count++] = (unsigned)n;
    }
    return OK;
}

static void check_against_ack(struct check *c, unsigned n)
{
    const struct ack *a = &c->ack_of[n];

    if (!c->acked[n] || a->result == STORE_UNKNOWN || a->result == STORE_CORRUPT)
        return;
    if (a->result != STORE_COMMITTED && c->applied[n])
        broken(c, "batch %u was refused (%u), and is there", n, a->result);
    if (a->result == STORE_COMMITTED && !c->applied[n])
        broken(c, "LOST: batch %u was acknowledged, and is not there", n);
    if (a->result == STORE_COMMITTED && c->applied[n] && a->first_leaf != c->leaf_of[n])
        broken(c, "batch %u has other leaves than it was told", n);
    if (a->result == STORE_COMMITTED && script_conflicts(n))
        broken(c, "batch %u expected what is not so, and was committed", n);
}

/* ---- The heads that were shown ---- */

static enum err root_at(struct store *s, uint64_t size, unsigned char root[static LOG_HASH_BYTES])
{
    CLEANUP(buf) struct buf *leaf = NULL;
    CLEANUP(buf) struct buf *proof = NULL;
    unsigned char key[8] = {0}, hash[MERKLE_HASH];

    key[6] = (unsigned char)((size - 1) >> 8);
    key[7] = (unsigned char)(size - 1);
    TRY(buf_new(&leaf, LEAF_MAX));
    TRY(buf_new(&proof, MERKLE_PROOF_MAX * MERKLE_HASH));
    TRY(store_get(s, KIND_LEAF, key, sizeof key, leaf));
    TRY(store_log_proof(s, size - 1, size, proof));
    merkle_leaf_hash(hash, buf_bytes(leaf), buf_len(leaf));
    return merkle_proof_root(root, hash, size - 1, size, buf_bytes(proof), buf_len(proof) / MERKLE_HASH);
}

/* No two heads of one size: what was shown then is what the log says now. */
static void check_head(struct check *c, const struct store_head *shown)
{
    unsigned char root[LOG_HASH_BYTES];

    if (shown->size == 0)
        return;
    if (root_at(c->s, shown->size, root))
        broken(c, "LOST: a head of %u leaves was shown, and cannot be proved", (unsigned)shown->size);
    else if (memcmp(root, shown->root, sizeof root) != 0)
        broken(c, "two heads of size %u", (unsigned)shown->size);
}

/* ---- All of it ---- */

static enum err collect(void *context, const unsigned char *key, size_t key_len, const unsigned char *value,
                        size_t value_len)
{
    struct buf *b = context;

    TRY(buf_printf(b, "%zu,%zu:", key_len, value_len));
    TRY(buf_append(b, key, key_len));
    return buf_append(b, value, value_len);
}

static void compare_kind(struct check *c, struct store *model, enum store_kind kind)
{
    CLEANUP(buf) struct buf *have = NULL;
    CLEANUP(buf) struct buf *want = NULL;

    if (buf_new(&have, KIND_BYTES_MAX) || buf_new(&want, KIND_BYTES_MAX) ||
        store_walk(c->s, kind, NULL, 0, collect, have) || store_walk(model, kind, NULL, 0, collect, want))
        broken(c, "kind %d cannot be read", (int)kind);
    else if (buf_len(have) != buf_len(want) || memcmp(buf_bytes(have), buf_bytes(want), buf_len(have)) != 0)
        broken(c, "kind %d is not what the leaves say", (int)kind);
}

/*
 * Keys come before their photo and go after it, so one may stand without:
 * of a batch nobody was told about, or whose erasure nobody was told about.
 * Also of one that found no room, when there was none to take the key back.
 */
static bool may_be_orphan(const struct check *c, unsigned n)
{
    uint32_t told = c->ack_of[n].result;

    if (!c->applied[n])
        return !c->acked[n] || told == STORE_UNKNOWN || told == STORE_CORRUPT || told == STORE_FULL;
    for (unsigned by = 0; by < SCRIPT_BATCHES; by++)
        if (script_erases(by) == (int)n && c->applied[by])
            return !c->acked[by] || c->ack_of[by].result != STORE_COMMITTED;
    return false;
}

static void compare_key(struct check *c, struct store *model, unsigned n)
{
    CLEANUP(buf) struct buf *have = NULL;
    CLEANUP(buf) struct buf *want = NULL;
    char name[SCRIPT_NAME];
    enum err e_have, e_want;

    script_name(name, n);
    if (buf_new(&have, 1000) || buf_new(&want, 1000)) {
        broken(c, "no memory");
        return;
    }
    e_have = store_get(c->s, KIND_KEY, name, strlen(name), have);
    e_want = store_get(model, KIND_KEY, name, strlen(name), want);
    if (e_want == OK && e_have)
        broken(c, "LOST: the key of picture %u", n);
    else if (e_want == OK && strcmp(buf_text(have), buf_text(want)) != 0)
        broken(c, "the key of picture %u is another", n);
    else if (e_want && !e_have && !may_be_orphan(c, n))
        broken(c, "the key of picture %u should be gone", n);
    else if (e_want && !e_have)
        c->orphans++;
}

static enum err make_model(const struct check *c, struct store **out)
{
    CLEANUP(store) struct store *model = NULL;

    TRY(store_open_memory(&model));
    for (unsigned i = 0; i < c->applied_count; i++) {
        CLEANUP(store_batch) struct store_batch *b = NULL;
        struct store_outcome outcome;
        struct store_head head;

        TRY(script_batch(&b, c->order[i]));
        store_commit(model, &b, 1, &outcome, &head);
        if (outcome.result != STORE_COMMITTED)
            return ERR_MALFORMED;
    }
    *out = TAKE(model);
    return OK;
}

static void compare_all(struct check *c)
{
    CLEANUP(store) struct store *model = NULL;

    if (make_model(c, &model)) {
        broken(c, "the batches of the log cannot follow one another");
        return;
    }
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        if (kind != KIND_KEY && kind != KIND_CHANGE) /* which says what was grouped with what */
            compare_kind(c, model, (enum store_kind)kind);
    for (unsigned n = 0; n < SCRIPT_BATCHES; n++)
        compare_key(c, model, n);
}

/* ---- And it goes on ---- */

static void commit_one_more(struct check *c, int dir_fd)
{
    CLEANUP(store_batch) struct store_batch *b = NULL;
    struct store_outcome outcome = {.result = STORE_UNKNOWN};
    struct store_head head = {0}, after;

    if (!store_batch_new(&b) && !store_batch_put(b, KIND_KEY, "after", 5, "key", 3) &&
        !store_batch_put(b, KIND_CASE, "after", 5, "case", 4) && !store_batch_leaf(b, "after", 5, "", 0))
        store_commit(c->s, &b, 1, &outcome, &head);
    if (outcome.result != STORE_COMMITTED || head.size != c->next_leaf + 1)
        broken(c, "the store does not go on (%d)", (int)outcome.result);
    store_close(c->s);
    c->s = NULL;
    if (store_open(&c->s, dir_fd)) {
        broken(c, "LOST: it cannot be opened again");
        return;
    }
    if (store_log_head(c->s, &after) || after.size != head.size ||
        memcmp(after.root, head.root, sizeof head.root) != 0)
        broken(c, "LOST: the leaf after");
    if (store_verify(c->s, 0, after.size, NULL, NULL))
        broken(c, "the store that went on is damaged");
}

static void print_damage(void *context, enum store_kind kind, const unsigned char *key, size_t key_len,
                         const char *what)
{
    (void)key, (void)key_len;
    broken(context, "kind %d: %s", (int)kind, what);
}

static void check_open_store(struct check *c, const struct ack *acks, size_t count)
{
    struct store_head head;

    if (store_log_head(c->s, &head) || store_verify(c->s, 0, head.size, print_damage, c))
        broken(c, "verify failed");
    if (store_walk(c->s, KIND_LEAF, NULL, 0, read_leaf, c) || c->next_leaf != head.size)
        broken(c, "the leaves cannot be read, or are not as many as the head says");
    for (size_t i = 0; i < count; i++) {
        check_head(c, &acks[i].head);
        if (acks[i].batch < SCRIPT_BATCHES) {
            c->acked[acks[i].batch] = true;
            c->ack_of[acks[i].batch] = acks[i];
        }
    }
    for (unsigned n = 0; n < SCRIPT_BATCHES; n++)
        check_against_ack(c, n);
    compare_all(c);
}

enum verdict check_store(int dir_fd, const struct ack *acks, size_t count, unsigned *orphans)
{
    struct check c = {.s = NULL};

    if (store_open(&c.s, dir_fd))
        return CHECK_REFUSED;
    check_open_store(&c, acks, count);
    *orphans = c.orphans;
    commit_one_more(&c, dir_fd);
    store_close(c.s);
    return c.broken ? CHECK_BROKEN : CHECK_WHOLE;
}
