#include <sodium.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "lawapi/rendition.h"
#include "photod/base/clock.h"
#include "photod/vault/audit.h"
#include "photod/vault/photo.h"
#include "photod/vault/student.h"
#include "photod/wire/bulk.h"

static enum err judge_loaded(struct vault *v, struct store_batch *b, const struct student *s,
                             const struct shape_batch_record *batch, struct date taken_on, enum outcome *out)
{
    CLEANUP(heap) struct shape_student_record *details = calloc(1, sizeof *details);
    struct shape_generation_record current;
    struct date today = law_today(clock_wall_ms());
    bool expired;
    enum err e;

    if (!details)
        return ERR_NOMEM;
    if (!s->answer_count) {
        *out = OUTCOME_NOT_ON_ROSTER;
        return OK;
    }
    switch (student_consent(s, v, today)) {
    case CONSENT_STATE_NONE:
    case CONSENT_STATE_OUT:
        *out = OUTCOME_NOT_OPTED_IN;
        return OK;
    case CONSENT_STATE_LAPSED:
        *out = OUTCOME_CONSENT_LAPSED;
        return OK;
    case CONSENT_STATE_IN:
        break;
    }
    e = student_details(s, details);
    if (e == ERR_NOTFOUND) {
        *out = OUTCOME_NOT_ON_ROSTER;
        return OK;
    }
    TRY(e);
    *out = OUTCOME_STORED;
    if (strcmp(details->district, batch->district) != 0)
        *out = OUTCOME_OTHER_DISTRICT;
    else if (!photo_is_servable(taken_on, today))
        *out = OUTCOME_TOO_OLD;
    explicit_bzero(details, sizeof *details);
    if (*out != OUTCOME_STORED)
        return OK;
    e = student_current(s, v, today, b, &current, &expired);
    if (!e && date_compare(taken_on, current.taken_on) < 0)
        *out = OUTCOME_OLDER_THAN_STORED;
    return e == ERR_NOTFOUND ? OK : e;
}

enum err photo_judge(struct vault *v, const struct shape_batch_record *batch, const char *state_id,
                     struct date taken_on, enum outcome *out)
{
    CLEANUP(student) struct student s = {.answer_count = 0};

    TRY(student_load(&s, v, state_id));
    return judge_loaded(v, NULL, &s, batch, taken_on, out);
}

enum err rows_put(struct vault *v, struct store_batch *b, const unsigned char *batch_id,
                  const struct dek *batch_dek, const struct verdict *verdicts, size_t count)
{
    (void)v;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf) struct buf *plain = NULL;
        CLEANUP(buf) struct buf *sealed = NULL;
        struct shape_report_row row = {.line = verdicts[i].row + 1,
                                       .outcome = (unsigned char)verdicts[i].outcome};
        struct binding bound = binding_of(SEAL_ROW, batch_id, verdicts[i].row);
        unsigned char key[ROW_KEY_BYTES];
        struct pack p;

        memcpy(row.file, verdicts[i].file, sizeof row.file);
        memcpy(row.state_id, verdicts[i].state_id, sizeof verdicts[i].state_id);
        memcpy(row.note, verdicts[i].note, sizeof row.note);
        memcpy(row.candidates, verdicts[i].candidates, sizeof row.candidates);
        TRY(buf_new(&plain, 1024));
        TRY(buf_new(&sealed, 2048));
        p = PACK(plain);
        pack_report_row(&p, &row);
        TRY(pack_end(&p));
        TRY(envelope_seal(sealed, batch_dek, &bound, buf_bytes(plain), buf_len(plain)));
        key_of_row(key, batch_id, verdicts[i].row);
        TRY(store_batch_put(b, KIND_ROW, key, sizeof key, buf_bytes(sealed), buf_len(sealed)));
    }
    return OK;
}

/* What a worker hands over is still a stranger's: its size and its first bytes must be a rendition's. */
static bool is_rendition(const struct bulk *b, enum rendition r)
{
    return b->len > 4 && b->len <= rendition_shape(r)->max_bytes && b->bytes[0] == 0xff &&
           b->bytes[1] == 0xd8 && b->bytes[2] == 0xff;
}

static enum err put_rendition(struct store_batch *b, const struct student *s, const struct dek *d,
                              uint64_t generation, enum rendition r, int fd)
{
    CLEANUP(bulk) struct bulk picture = {(const unsigned char *)"", 0};
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(buf) struct buf *sealed = NULL;
    struct binding bound = binding_of(SEAL_RENDITION, s->sid, generation);
    unsigned char key[RENDITION_KEY_BYTES];
    unsigned char *digest;

    TRY(bulk_map(&picture, fd, rendition_shape(r)->max_bytes));
    if (!is_rendition(&picture, r))
        return ERR_MALFORMED;
    TRY(buf_new(&plain, STORE_VALUE_MAX));
    TRY(buf_new(&sealed, STORE_VALUE_MAX));
    TRY(buf_extend(plain, crypto_hash_sha256_BYTES, &digest));
    (void)crypto_hash_sha256(digest, picture.bytes, picture.len);
    TRY(buf_append(plain, picture.bytes, picture.len));
    bound.rendition = (unsigned char)r;
    key_of_rendition(key, s->sid, generation, r);
    TRY(envelope_seal(sealed, d, &bound, buf_bytes(plain), buf_len(plain)));
    return store_batch_put(b, KIND_RENDITION, key, sizeof key, buf_bytes(sealed), buf_len(sealed));
}

/* The list of generations with one more; its number rises from the last. */
static enum err put_generation(struct vault *v, struct store_batch *b, const struct student *s,
                               const unsigned char *batch_id, struct date taken_on, uint64_t *generation)
{
    CLEANUP(buf) struct buf *plain = NULL;
    struct take t = record_take(&s->generations);
    struct shape_generation_record g = {.generation = 0};
    struct pack p;

    while (take_more(&t))
        take_generation_record(&t, &g);
    TRY(take_end(&t));
    g = (struct shape_generation_record){
        .generation = g.generation + 1,
        .taken_on = taken_on,
        .stored_ms = (uint64_t)clock_wall_ms(),
    };
    memcpy(g.batch, batch_id, sizeof g.batch);
    TRY(buf_new(&plain, 1u << 20));
    if (record_is_there(&s->generations))
        TRY(buf_append(plain, buf_bytes(s->generations.plain), buf_len(s->generations.plain)));
    p = PACK(plain);
    pack_generation_record(&p, &g);
    TRY(pack_end(&p));
    *generation = g.generation;
    return record_put(v, b, KIND_GENERATION, SEAL_GENERATION, s->sid, NULL, plain);
}

/* So that the batch's photos are found when it is taken back. */
static enum err put_member(struct store_batch *b, const unsigned char *batch_id, const unsigned char *sid,
                           uint64_t generation)
{
    unsigned char member[MEMBER_KEY_BYTES], dek[KEY_BYTES];

    key_of_member(member, batch_id, sid);
    key_of_dek(dek, sid, generation);
    return store_batch_put(b, KIND_MEMBER, member, sizeof member, dek + SUBJECT_BYTES, 8);
}

static enum err put_photo(struct vault *v, struct store_batch *b, const struct student *s,
                          const unsigned char *batch_id, struct date taken_on, const int pictures[static 3])
{
    CLEANUP(dek) struct dek *d = NULL;
    char date[DATE_TEXT];
    uint64_t generation;
    struct leaf l;

    TRY(put_generation(v, b, s, batch_id, taken_on, &generation));
    TRY(put_member(b, batch_id, s->sid, generation));
    TRY(dek_make(v, b, s->sid, generation, &d));
    for (unsigned r = 0; r < RENDITION_COUNT; r++)
        TRY(put_rendition(b, s, d, generation, (enum rendition)r, pictures[r]));
    date_format(date, taken_on);
    leaf_begin(&l, "photo");
    leaf_commit(&l, v, "child", s->sid, sizeof s->sid);
    leaf_hex(&l, "batch", batch_id, SUBJECT_BYTES);
    leaf_number(&l, "generation", generation);
    leaf_text(&l, "taken_on", date);
    return leaf_add(&l, v, b, NULL);
}

enum err photo_decide(struct vault *v, struct store_batch *b, const unsigned char *batch_id,
                      const struct shape_batch_record *batch, const struct dek *batch_dek,
                      struct verdict *verdict, struct date taken_on, const int pictures[static 3])
{
    CLEANUP(student) struct student s = {.answer_count = 0};

    TRY(student_load(&s, v, verdict->state_id));
    TRY(student_expect(&s, b));
    TRY(judge_loaded(v, b, &s, batch, taken_on, &verdict->outcome));
    if (verdict->outcome == OUTCOME_STORED)
        TRY(put_photo(v, b, &s, batch_id, taken_on, pictures));
    return rows_put(v, b, batch_id, batch_dek, verdict, 1);
}
