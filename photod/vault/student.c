#include <string.h>
#include "lawapi/expiry.h"
#include "lawapi/rendition.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/student.h"

static enum err take_answers(struct student *s)
{
    struct take t = record_take(&s->consent);
    struct shape_consent_record r;

    while (take_more(&t)) {
        if (s->answer_count == CONSENT_MAX)
            return ERR_CORRUPT;
        take_consent_record(&t, &r);
        s->answers[s->answer_count++] =
            (struct consent_entry){.answer = (enum consent_answer)r.answer, .on = r.on, .filed = r.filed};
        memcpy(s->answers[s->answer_count - 1].district, r.district, sizeof r.district);
    }
    return take_end(&t) ? ERR_CORRUPT : OK;
}

enum err student_load(struct student *out, struct vault *v, const char *state_id)
{
    unsigned char sid[SID_BYTES];

    keys_sid(sid, v->keys, state_id);
    return student_load_sid(out, v, sid);
}

enum err student_load_sid(struct student *out, struct vault *v, const unsigned char sid[static SID_BYTES])
{
    CLEANUP(dek) struct dek *d = NULL;
    enum err e;

    *out = (struct student){.answer_count = 0};
    memcpy(out->sid, sid, sizeof out->sid);
    TRY(record_get(v, KIND_CONSENT, SEAL_CONSENT, out->sid, NULL, &out->consent));
    TRY(take_answers(out));
    TRY(record_get(v, KIND_GENERATION, SEAL_GENERATION, out->sid, NULL, &out->generations));
    e = dek_load(v, out->sid, 0, &d);
    if (e == ERR_NOTFOUND) /* then there must be no record either: read as one, it says so */
        return record_get(v, KIND_STUDENT, SEAL_STUDENT, out->sid, NULL, &out->details);
    TRY(e);
    return record_get(v, KIND_STUDENT, SEAL_STUDENT, out->sid, d, &out->details);
}

enum err student_load_photos(struct student *out, struct vault *v, const unsigned char sid[static SID_BYTES])
{
    *out = (struct student){.answer_count = 0};
    memcpy(out->sid, sid, sizeof out->sid);
    return record_get(v, KIND_GENERATION, SEAL_GENERATION, out->sid, NULL, &out->generations);
}

void student_clear(struct student *s)
{
    record_clear(&s->consent);
    record_clear(&s->generations);
    record_clear(&s->details);
}

enum consent_state student_consent(const struct student *s, const struct vault *v, struct date today)
{
    return consent_state(s->answers, s->answer_count, v->policy, today);
}

enum err student_details(const struct student *s, struct shape_student_record *out)
{
    struct take t = record_take(&s->details);

    if (!record_is_there(&s->details))
        return ERR_NOTFOUND;
    take_student_record(&t, out);
    return take_end(&t) ? ERR_CORRUPT : OK;
}

/* Also makes a batch hold only while that answer holds: a decision rests on what is not committed, too. */
static enum err batch_is_committed(struct vault *v, const unsigned char *id, struct store_batch *b, bool *out)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_batch_record r;
    struct take t;

    *out = false;
    TRY(record_get(v, KIND_BATCH, SEAL_BATCH, id, NULL, &read));
    if (b)
        TRY(record_expect(b, KIND_BATCH, id, &read));
    if (!record_is_there(&read))
        return OK;
    t = record_take(&read);
    take_batch_record(&t, &r);
    TRY(take_end(&t));
    *out = r.state == BATCH_COMMITTED;
    return OK;
}

enum err student_current(const struct student *s, struct vault *v, struct date today, struct store_batch *b,
                         struct shape_generation_record *out, bool *expired)
{
    struct take t = record_take(&s->generations);
    struct shape_generation_record g, best = {.generation = 0};

    *expired = false;
    while (take_more(&t)) {
        bool is_committed;

        take_generation_record(&t, &g);
        if (t.err)
            break;
        TRY(batch_is_committed(v, g.batch, b, &is_committed));
        if (!is_committed || date_compare(g.taken_on, best.taken_on) < 0)
            continue;
        if (photo_is_servable(g.taken_on, today))
            best = g;
        else
            *expired = true;
    }
    if (take_end(&t))
        return ERR_CORRUPT;
    if (!best.generation)
        return ERR_NOTFOUND;
    *out = best;
    return OK;
}

static bool ever_in(const struct student *s)
{
    for (size_t i = 0; i < s->answer_count; i++)
        if (s->answers[i].answer == CONSENT_IN)
            return true;
    return false;
}

enum none_reason student_reason(const struct student *s, enum consent_state state, bool expired)
{
    switch (state) {
    case CONSENT_STATE_NONE:
        return s->answer_count ? NONE_NOT_OPTED_IN : NONE_NOT_ON_ROSTER;
    case CONSENT_STATE_LAPSED:
        return NONE_CONSENT_LAPSED;
    case CONSENT_STATE_OUT:
        return ever_in(s) ? NONE_WITHDRAWN : NONE_NOT_OPTED_IN;
    case CONSENT_STATE_IN:
        break;
    }
    return expired ? NONE_EXPIRED : NONE_NO_PHOTO;
}

enum err student_expect(const struct student *s, struct store_batch *b)
{
    TRY(record_expect(b, KIND_CONSENT, s->sid, &s->consent));
    TRY(record_expect(b, KIND_GENERATION, s->sid, &s->generations));
    return record_expect(b, KIND_STUDENT, s->sid, &s->details);
}

/* ---- Answers ---- */

/* Whether the row says something that the history does not hold yet. */
static bool is_news(const struct student *s, const struct consent_entry *e)
{
    for (size_t i = 0; i < s->answer_count; i++) {
        const struct consent_entry *old = &s->answers[i];

        if (old->answer == e->answer && strcmp(old->district, e->district) == 0 &&
            date_compare(old->on, e->on) == 0 &&
            (date_is_set(e->on) || e->answer == CONSENT_BLANK || date_compare(old->filed, e->filed) == 0))
            return false;
    }
    return true;
}

static enum err put_answers(struct vault *v, struct store_batch *b, const struct student *s)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct pack p;

    TRY(buf_new(&plain, 1u << 16));
    p = PACK(plain);
    for (size_t i = 0; i < s->answer_count; i++) {
        struct shape_consent_record r = {.answer = (unsigned char)s->answers[i].answer,
                                         .on = s->answers[i].on,
                                         .filed = s->answers[i].filed};

        memcpy(r.district, s->answers[i].district, sizeof r.district);
        pack_consent_record(&p, &r);
    }
    TRY(pack_end(&p));
    return record_put(v, b, KIND_CONSENT, SEAL_CONSENT, s->sid, NULL, plain);
}

/* The oldest answer goes, but never the one that stands. */
static void forget_oldest(struct student *s)
{
    size_t which = consent_standing(s->answers, s->answer_count) == &s->answers[0] ? 1 : 0;

    memmove(&s->answers[which], &s->answers[which + 1], (CONSENT_MAX - 1 - which) * sizeof s->answers[0]);
    s->answer_count--;
}

bool student_hear(struct student *s, const struct consent_entry *e)
{
    if (!is_news(s, e))
        return false;
    if (s->answer_count == CONSENT_MAX)
        forget_oldest(s);
    s->answers[s->answer_count++] = *e;
    return true;
}

enum err student_add_answer(struct student *s, struct vault *v, struct store_batch *b,
                            const struct consent_entry *e)
{
    static const char *const names[] = {"blank", "in", "out"};
    struct leaf l;

    if (!student_hear(s, e))
        return OK;
    TRY(put_answers(v, b, s));
    leaf_begin(&l, "consent");
    leaf_text(&l, "district", e->district);
    leaf_commit(&l, v, "child", s->sid, sizeof s->sid);
    leaf_text(&l, "answer", names[e->answer]);
    return leaf_add(&l, v, b, NULL);
}

bool student_is_of(const struct student *s, const char *district)
{
    for (size_t i = s->answer_count; i--;)
        if (strcmp(s->answers[i].district, district) == 0)
            return true;
    return false;
}

/* ---- Erasing ---- */

static enum err erase_visit(void *context, const unsigned char *key, size_t key_len,
                            const unsigned char *value, size_t value_len)
{
    (void)value, (void)value_len;
    if (key_len != KEY_BYTES)
        return ERR_CORRUPT;
    return dek_erase(context, key, generation_of(key + SUBJECT_BYTES), ERASED_CHILD);
}

/* Everything of one photo but its DEK and its place in the list. */
static enum err delete_photo(struct store_batch *b, const unsigned char *sid,
                             const struct shape_generation_record *g)
{
    unsigned char key[RENDITION_KEY_BYTES], member[MEMBER_KEY_BYTES];

    for (unsigned r = 0; r < RENDITION_COUNT; r++) {
        key_of_rendition(key, sid, g->generation, r);
        TRY(store_batch_delete(b, KIND_RENDITION, key, sizeof key));
    }
    key_of_member(member, g->batch, sid);
    return store_batch_delete(b, KIND_MEMBER, member, sizeof member);
}

static enum err put_erased(const struct student *s, struct vault *v, struct store_batch *b)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct shape_erasure_record r = {.at_ms = (uint64_t)clock_wall_ms()};
    unsigned char id[SID_BYTES];
    struct pack p;

    TRY(buf_new(&plain, 64));
    p = PACK(plain);
    pack_erasure_record(&p, &r);
    TRY(pack_end(&p));
    keys_index(id, v->keys, INDEX_ERASED, s->sid, sizeof s->sid);
    return record_put(v, b, KIND_META, SEAL_META, id, NULL, plain);
}

/* generation 0: all of the child. */
static enum err intent(struct vault *v, struct store_batch *b, const unsigned char *sid, uint64_t generation,
                       const char *reason)
{
    struct leaf l;

    leaf_begin(&l, "erase-intent");
    leaf_commit(&l, v, "child", sid, SID_BYTES);
    if (generation)
        leaf_number(&l, "generation", generation);
    leaf_text(&l, "reason", reason);
    return leaf_add(&l, v, b, NULL);
}

enum err student_erase(const struct student *s, struct vault *v, struct store_batch *b, const char *reason)
{
    struct take t = record_take(&s->generations);
    struct shape_generation_record g;

    TRY(intent(v, b, s->sid, 0, reason));
    TRY(put_erased(s, v, b));
    TRY(store_batch_delete(b, KIND_STUDENT, s->sid, sizeof s->sid));
    TRY(store_batch_delete(b, KIND_GENERATION, s->sid, sizeof s->sid));
    while (take_more(&t)) {
        take_generation_record(&t, &g);
        TRY(delete_photo(b, s->sid, &g));
    }
    TRY(take_end(&t));
    return store_walk(v->store, KIND_KEY, s->sid, sizeof s->sid, erase_visit, b);
}

enum err photo_erase(struct vault *v, struct store_batch *b, const unsigned char sid[static SID_BYTES],
                     const struct shape_generation_record *g, const char *reason)
{
    TRY(intent(v, b, sid, g->generation, reason));
    TRY(dek_erase(b, sid, g->generation, ERASED_CHILD));
    return delete_photo(b, sid, g);
}

static enum err put_list(const struct student *s, struct vault *v, struct store_batch *b,
                         const struct buf *list)
{
    if (buf_len(list))
        return record_put(v, b, KIND_GENERATION, SEAL_GENERATION, s->sid, NULL, list);
    return store_batch_delete(b, KIND_GENERATION, s->sid, sizeof s->sid);
}

enum err student_erase_photos(const struct student *s, struct vault *v, struct store_batch *b,
                              photo_goes *why, void *context, uint32_t *gone)
{
    CLEANUP(buf) struct buf *left = NULL;
    struct take t = record_take(&s->generations);
    struct shape_generation_record g;
    struct pack p;

    *gone = 0;
    TRY(buf_new(&left, 1u << 20));
    p = PACK(left);
    while (take_more(&t)) {
        const char *reason;

        take_generation_record(&t, &g);
        reason = t.err ? NULL : why(context, &g);
        if (!reason) {
            pack_generation_record(&p, &g);
            continue;
        }
        TRY(photo_erase(v, b, s->sid, &g, reason));
        ++*gone;
    }
    TRY(take_end(&t));
    TRY(pack_end(&p));
    if (!*gone)
        return OK;
    TRY(put_erased(s, v, b));
    return put_list(s, v, b, left);
}
