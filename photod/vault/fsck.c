#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/batch.h"
#include "photod/vault/commit.h"
#include "photod/vault/fsck.h"
#include "photod/vault/record.h"
#include "photod/wire/bulk.h"

#define VALUES_AT_ONCE 48
#define LEAVES_AT_ONCE 4096
#define DAMAGE_MAX     (1u << 20)

/* One step: some values of one kind, then what is wrong with them. */
struct step {
    struct vault *vault;
    enum store_kind kind;
    struct buf *damage;         /* rows of shape fsck_damage */
    const unsigned char *after; /* the last value of the step before */
    size_t after_len;
    struct value {
        unsigned char key[STORE_KEY_MAX];
        size_t key_len;
        struct buf *bytes;
    } values[VALUES_AT_ONCE];
    size_t count;
};

static void step_clear(struct step *s)
{
    for (size_t i = 0; i < s->count; i++)
        buf_free(s->values[i].bytes);
    buf_free(s->damage);
}

static void step_cleanup(struct step *s)
{
    step_clear(s);
}

static enum err report(struct step *s, const char *kind, const unsigned char *key, size_t key_len,
                       const char *what, const char *state_id)
{
    struct shape_fsck_damage row = {.what = ""};
    struct pack p = PACK(s->damage);

    (void)snprintf(row.kind, sizeof row.kind, "%s", kind);
    hex_encode(row.key, key, key_len < 32 ? key_len : 32);
    (void)snprintf(row.what, sizeof row.what, "%s", what);
    (void)snprintf(row.state_id, sizeof row.state_id, "%s", state_id);
    pack_fsck_damage(&p, &row);
    return pack_end(&p);
}

/* ---- One value of each kind ---- */

static uint64_t take_be(const unsigned char *from, size_t bytes)
{
    uint64_t value = 0;

    while (bytes--)
        value = value << 8 | *from++;
    return value;
}

/* The State ID behind a sid, while the child's record can still be read; else "". */
static void name_student(struct vault *v, const unsigned char *sid, char state_id[static 10])
{
    CLEANUP(record) struct record r = RECORD_NONE;
    CLEANUP(heap) struct shape_student_record *s = calloc(1, sizeof *s);
    CLEANUP(dek) struct dek *d = NULL;
    struct take t;

    state_id[0] = '\0';
    if (!s || dek_load(v, sid, 0, &d) || record_get(v, KIND_STUDENT, SEAL_STUDENT, sid, d, &r))
        return;
    t = record_take(&r);
    take_student_record(&t, s);
    if (!take_end(&t))
        memcpy(state_id, s->state_id, sizeof s->state_id);
}

static enum err open_value(const struct dek *d, const struct binding *b, const struct buf *sealed,
                           struct buf **plain)
{
    TRY(buf_new(plain, STORE_VALUE_MAX));
    return envelope_open(*plain, d, b, buf_bytes(sealed), buf_len(sealed));
}

static enum err check_record(struct vault *v, const struct value *x, enum seal_class class)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct binding b;

    if (x->key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    b = binding_of(class, x->key, 0);
    return open_value(keys_record_key(v->keys), &b, x->bytes, &plain);
}

static enum err check_under_dek(struct vault *v, const struct value *x, const struct binding *b,
                                uint64_t generation, struct buf **plain)
{
    CLEANUP(dek) struct dek *d = NULL;
    enum err e = dek_load(v, x->key, generation, &d);

    return e ? e : open_value(d, b, x->bytes, plain);
}

static enum err check_student(struct vault *v, const struct value *x)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct binding b;

    if (x->key_len != SUBJECT_BYTES)
        return ERR_CORRUPT;
    b = binding_of(SEAL_STUDENT, x->key, 0);
    return check_under_dek(v, x, &b, 0, &plain);
}

static enum err check_rendition(struct vault *v, const struct value *x)
{
    CLEANUP(buf) struct buf *plain = NULL;
    unsigned char digest[crypto_hash_sha256_BYTES];
    uint64_t generation;
    struct binding b;

    if (x->key_len != RENDITION_KEY_BYTES)
        return ERR_CORRUPT;
    generation = take_be(x->key + SUBJECT_BYTES, 8);
    b = binding_of(SEAL_RENDITION, x->key, generation);
    b.rendition = x->key[KEY_BYTES];
    TRY(check_under_dek(v, x, &b, generation, &plain));
    if (buf_len(plain) <= sizeof digest)
        return ERR_CORRUPT;
    (void)crypto_hash_sha256(digest, buf_bytes(plain) + sizeof digest, buf_len(plain) - sizeof digest);
    return sodium_memcmp(digest, buf_bytes(plain), sizeof digest) ? ERR_CORRUPT : OK;
}

static enum err check_row(struct vault *v, const struct value *x)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct binding b;

    if (x->key_len != ROW_KEY_BYTES)
        return ERR_CORRUPT;
    b = binding_of(SEAL_ROW, x->key, take_be(x->key + SUBJECT_BYTES, 4));
    return check_under_dek(v, x, &b, BATCH_ROWS, &plain);
}

/* Its photo stands in the child's list, under that number. */
static enum err check_member(struct vault *v, const struct value *x)
{
    CLEANUP(record) struct record list = RECORD_NONE;
    struct shape_generation_record g;
    struct take t;

    if (x->key_len != MEMBER_KEY_BYTES || buf_len(x->bytes) != 8)
        return ERR_CORRUPT;
    TRY(record_get(v, KIND_GENERATION, SEAL_GENERATION, x->key + SUBJECT_BYTES, NULL, &list));
    t = record_take(&list);
    while (take_more(&t)) {
        take_generation_record(&t, &g);
        if (!t.err && g.generation == generation_of(buf_bytes(x->bytes)) &&
            memcmp(g.batch, x->key, SUBJECT_BYTES) == 0)
            return OK;
    }
    return ERR_CORRUPT;
}

static enum err check_key(struct vault *v, const struct value *x)
{
    CLEANUP(dek) struct dek *d = NULL;
    uint64_t generation;
    struct binding b;

    if (x->key_len != KEY_BYTES)
        return ERR_CORRUPT;
    generation = take_be(x->key + SUBJECT_BYTES, 8);
    b = binding_of(SEAL_DEK, x->key, generation);
    return keys_unwrap(&d, v->keys, &b, buf_bytes(x->bytes), buf_len(x->bytes));
}

/* The leaf says which side record is its: by the digest of its plain bytes. */
static enum err check_detail(struct vault *v, const struct value *x)
{
    CLEANUP(buf) struct buf *leaf = NULL;
    CLEANUP(buf) struct buf *plain = NULL;
    unsigned char digest[crypto_hash_sha256_BYTES], want[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof want + 1] = "";
    const char *at;
    struct binding b;

    if (!buf_len(x->bytes)) /* erased, or there was none */
        return OK;
    TRY(buf_new(&leaf, LEAF_MAX + 1));
    TRY(store_get(v->store, KIND_LEAF, x->key, x->key_len, leaf));
    at = strstr(buf_text(leaf), "\"detail\":\"");
    if (!at || sscanf(at, "\"detail\":\"%64[0-9a-f]", hex) != 1 || hex_decode(want, sizeof want, hex))
        return ERR_CORRUPT;
    b = binding_of(SEAL_DETAIL, want, 0);
    TRY(open_value(keys_record_key(v->keys), &b, x->bytes, &plain));
    (void)crypto_hash_sha256(digest, buf_bytes(plain), buf_len(plain));
    return sodium_memcmp(digest, want, sizeof want) ? ERR_CORRUPT : OK;
}

/* A META value that the store keeps for itself has a short text key; store_verify() looks at those. */
static enum err check_meta(struct vault *v, const struct value *x)
{
    return x->key_len == SUBJECT_BYTES ? check_record(v, x, SEAL_META) : OK;
}

static enum err check_generation(struct vault *v, const struct value *x)
{
    return check_record(v, x, SEAL_GENERATION);
}

static enum err check_consent(struct vault *v, const struct value *x)
{
    return check_record(v, x, SEAL_CONSENT);
}

static enum err check_batch(struct vault *v, const struct value *x)
{
    return check_record(v, x, SEAL_BATCH);
}

static enum err check_case(struct vault *v, const struct value *x)
{
    return check_record(v, x, SEAL_CASE);
}

static enum err check_principal(struct vault *v, const struct value *x)
{
    return check_record(v, x, SEAL_PRINCIPAL);
}

static const struct phase {
    enum store_kind kind;
    const char *name;
    bool of_student; /* its key begins with a sid */
    enum err (*check)(struct vault *v, const struct value *x);
} phases[] = {
    {KIND_KEY, "key", true, check_key},
    {KIND_STUDENT, "student", true, check_student},
    {KIND_CONSENT, "consent", true, check_consent},
    {KIND_GENERATION, "generation", true, check_generation},
    {KIND_RENDITION, "rendition", true, check_rendition},
    {KIND_BATCH, "batch", false, check_batch},
    {KIND_ROW, "row", false, check_row},
    {KIND_MEMBER, "member", false, check_member},
    {KIND_CASE, "case", false, check_case},
    {KIND_PRINCIPAL, "principal", false, check_principal},
    {KIND_META, "meta", false, check_meta},
    {KIND_DETAIL, "detail", false, check_detail},
};

#define PHASES (sizeof phases / sizeof phases[0]) /* and one more: the log */

/* ---- A step over values ---- */

static enum err gather_visit(void *context, const unsigned char *key, size_t key_len,
                             const unsigned char *value, size_t value_len)
{
    struct step *s = context;
    struct value *x;

    if (s->count == VALUES_AT_ONCE)
        return ERR_BUSY;
    x = &s->values[s->count];
    if (key_len > sizeof x->key)
        return ERR_CORRUPT;
    TRY(buf_new(&x->bytes, STORE_VALUE_MAX));
    s->count++;
    memcpy(x->key, key, key_len);
    x->key_len = key_len;
    return buf_append(x->bytes, value, value_len);
}

static enum err judge(struct step *s, const struct phase *phase, const struct value *x)
{
    char state_id[10] = "";
    enum err e = phase->check(s->vault, x);

    if (!e)
        return OK;
    if (e != ERR_CORRUPT && e != ERR_NOTFOUND && e != ERR_MALFORMED && e != ERR_LIMIT)
        return e; /* the machine's fault says nothing of the value */
    if (phase->of_student && x->key_len >= SUBJECT_BYTES)
        name_student(s->vault, x->key, state_id);
    return report(s, phase->name, x->key, x->key_len,
                  e == ERR_NOTFOUND ? "what it belongs with is missing"
                                    : "it does not open: damaged or out of place",
                  state_id);
}

static enum err step_values(struct step *s, const struct phase *phase)
{
    enum err e = store_walk_after(s->vault->store, phase->kind, s->after, s->after_len, gather_visit, s);

    if (e && e != ERR_BUSY)
        return e;
    for (size_t i = 0; i < s->count; i++)
        TRY(judge(s, phase, &s->values[i]));
    return OK;
}

/* The key to go on after; 0: this kind is at its end. */
static unsigned char step_last(const struct step *s, unsigned char key[static STORE_KEY_MAX])
{
    const struct value *last = &s->values[VALUES_AT_ONCE - 1];

    if (s->count < VALUES_AT_ONCE)
        return 0;
    memcpy(key, last->key, last->key_len);
    return (unsigned char)last->key_len;
}

enum err fsck_all(struct vault *v, void (*tell)(const struct shape_fsck_damage *row), uint64_t *opened,
                  uint64_t *damaged)
{
    unsigned char key[STORE_KEY_MAX];
    size_t key_len = 0;

    for (size_t phase = 0; phase < PHASES; phase += !key_len) {
        CLEANUP(step) struct step s = {.vault = v, .after = key, .after_len = key_len};
        struct shape_fsck_damage row;
        struct take t;

        TRY(buf_new(&s.damage, DAMAGE_MAX));
        TRY(step_values(&s, &phases[phase]));
        *opened += s.count;
        for (t = TAKE_BYTES(buf_bytes(s.damage), buf_len(s.damage)); take_more(&t); ++*damaged) {
            take_fsck_damage(&t, &row);
            tell(&row);
        }
        TRY(take_end(&t));
        key_len = step_last(&s, key);
    }
    return OK;
}

static void answer_step(struct vault *v, struct asker to, const struct shape_fsck_step *out,
                        const struct buf *damage)
{
    CLEANUP(fd) int fd = -1;
    enum err e = bulk_new(&fd, buf_bytes(damage), buf_len(damage));

    if (e)
        answer_refused(v, to, problem_of(e), NULL, 0);
    else
        answer(v, to, MSG_FSCK_STEP, out, &fd, 1);
}

/* ---- The last phase: the log, in the committing thread ---- */

struct log_job {
    struct job job;
    struct step step;
    struct asker to;
    uint64_t from, to_leaf;
};

static void log_damage(void *context, enum store_kind kind, const unsigned char *key, size_t key_len,
                       const char *what)
{
    struct step *s = context;

    if (report(s, kind == KIND_LEAF ? "leaf" : kind == KIND_TILE ? "tile" : "store", key, key_len, what, ""))
        log_error("fsck: the report is too long");
}

static enum err log_work(struct job *j)
{
    struct log_job *l = (struct log_job *)j;
    enum err e = store_verify(l->step.vault->store, l->from, l->to_leaf, log_damage, &l->step);

    return e == ERR_CORRUPT ? OK : e;
}

static void log_done(struct vault *v, struct job *j)
{
    struct log_job *l = (struct log_job *)j;
    struct shape_fsck_step out = {.phase = PHASES, .cursor = l->to_leaf, .checked = l->to_leaf - l->from};
    struct store_head head;
    enum err e = job_result(j);

    if (!e)
        e = store_log_head(v->store, &head);
    out.done = !e && l->to_leaf >= head.size;
    if (e)
        answer_refused(v, l->to, problem_of(e), NULL, 0);
    else
        answer_step(v, l->to, &out, l->step.damage);
    step_clear(&l->step);
    free(l);
}

static enum err step_log(struct vault *v, struct asker to, uint64_t from)
{
    struct log_job *l = calloc(1, sizeof *l);
    struct store_head head;
    enum err e = l ? store_log_head(v->store, &head) : ERR_NOMEM;

    if (!e)
        e = buf_new(&l->step.damage, DAMAGE_MAX);
    if (!e) {
        l->step.vault = v;
        l->to = to;
        l->from = from < head.size ? from : head.size;
        l->to_leaf = head.size - l->from > LEAVES_AT_ONCE ? l->from + LEAVES_AT_ONCE : head.size;
        l->job = (struct job){.lane = LANE_BULK, .work = log_work, .done = log_done};
        e = committer_submit(v->committer, &l->job);
    }
    if (e && l) {
        step_clear(&l->step);
        free(l);
    }
    return e;
}

void answer_fsck(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_fsck *ask = &m->is.fsck;
    CLEANUP(step) struct step s = {.vault = v, .after = ask->key, .after_len = ask->key_len};
    struct shape_fsck_step out = {.phase = ask->phase};
    struct asker to = asker_of(p, m);
    enum err e;

    if (ask->key_len > STORE_KEY_MAX) {
        answer_refused(v, to, PROBLEM_BAD_PARAMETER, "photod knows no such step of fsck", 0);
        return;
    }
    if (out.phase >= PHASES) {
        e = step_log(v, to, ask->cursor);
    } else {
        e = buf_new(&s.damage, DAMAGE_MAX);
        if (!e)
            e = step_values(&s, &phases[out.phase]);
        out.checked = s.count;
        out.key_len = step_last(&s, out.key);
        out.phase = (unsigned char)(out.phase + !out.key_len); /* on to the next kind */
        if (!e)
            answer_step(v, to, &out, s.damage);
    }
    if (e)
        answer_refused(v, to, problem_of(e), NULL, 0);
}
