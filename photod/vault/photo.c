#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "lawapi/rendition.h"
#include "photod/base/clock.h"
#include "photod/vault/audit.h"
#include "photod/vault/photo.h"
#include "photod/vault/student.h"
#include "photod/wire/bulk.h"

void verdict_note(struct verdict *verdict, const char *format, ...)
{
    size_t used = strlen(verdict->note);
    va_list args;

    if (used && used + 1 < sizeof verdict->note)
        verdict->note[used++] = ' ';
    va_start(args, format);
    (void)vsnprintf(verdict->note + used, sizeof verdict->note - used, format, args);
    va_end(args);
}

/* Who may be stored at all; OUTCOME_STORED if so. */
static enum err judge_child(struct vault *v, const struct student *s, const struct shape_batch_record *batch,
                            enum outcome *out)
{
    CLEANUP(heap) struct shape_student_record *details = calloc(1, sizeof *details);
    enum err e;

    if (!details)
        return ERR_NOMEM;
    switch (student_consent(s, v, law_today(clock_wall_ms()))) {
    case CONSENT_STATE_NONE:
        *out = s->answer_count ? OUTCOME_NOT_OPTED_IN : OUTCOME_NOT_ON_ROSTER;
        return OK;
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
    *out = e == ERR_NOTFOUND                                 ? OUTCOME_NOT_ON_ROSTER
           : strcmp(details->district, batch->district) != 0 ? OUTCOME_OTHER_DISTRICT
                                                             : OUTCOME_STORED;
    explicit_bzero(details, sizeof *details);
    return e == ERR_NOTFOUND ? OK : e;
}

/* Then the date, and the photo that it would replace. */
static enum err judge_loaded(struct vault *v, struct store_batch *b, const struct student *s,
                             const struct shape_batch_record *batch, struct date taken_on,
                             struct verdict *verdict)
{
    struct date today = law_today(clock_wall_ms());
    struct shape_generation_record current;
    char date[DATE_TEXT];
    bool expired;
    enum err e;

    TRY(judge_child(v, s, batch, &verdict->outcome));
    if (verdict->outcome == OUTCOME_STORED && !photo_is_servable(taken_on, today))
        verdict->outcome = OUTCOME_TOO_OLD;
    if (verdict->outcome != OUTCOME_STORED)
        return OK;
    e = student_current(s, v, today, b, &current, &expired);
    if (e)
        return e == ERR_NOTFOUND ? OK : e;
    date_format(date, current.taken_on);
    if (date_compare(taken_on, current.taken_on) < 0) {
        verdict->outcome = OUTCOME_OLDER_THAN_STORED;
        verdict_note(verdict, "The vault's was taken %s.", date);
    } else if (b && date_compare(taken_on, current.taken_on) == 0) {
        verdict_note(verdict, "It replaces one taken the same day.");
    }
    return OK;
}

enum err photo_judge(struct vault *v, const struct photo_batch *batch, struct verdict *verdict,
                     struct date taken_on)
{
    CLEANUP(student) struct student s = {.answer_count = 0};

    TRY(student_load(&s, v, verdict->state_id));
    TRY(foretold_lay(batch->foretold, v, &s, verdict->state_id));
    return judge_loaded(v, NULL, &s, batch->record, taken_on, verdict);
}

/* A file keeps the date under which it was stored first: sent again with a later one it gets no younger. */
enum err photo_judge_same(struct vault *v, const struct photo_batch *batch, struct verdict *verdict,
                          bool *same)
{
    CLEANUP(student) struct student s = {.answer_count = 0};
    CLEANUP(dek) struct dek *d = NULL;
    unsigned char digest[DEK_DIGEST_BYTES];
    struct shape_generation_record current;
    char date[DATE_TEXT];
    bool expired;
    enum err e;

    *same = false;
    TRY(student_load(&s, v, verdict->state_id));
    TRY(foretold_lay(batch->foretold, v, &s, verdict->state_id));
    e = student_current(&s, v, law_today(clock_wall_ms()), NULL, &current, &expired);
    if (e)
        return e == ERR_NOTFOUND ? OK : e;
    TRY(dek_load(v, s.sid, current.generation, &d));
    dek_digest(digest, d, verdict->digest, sizeof verdict->digest);
    *same = sodium_memcmp(digest, current.digest, sizeof digest) == 0;
    if (!*same)
        return OK;
    verdict->outcome = OUTCOME_ALREADY_STORED;
    if (date_compare(current.taken_on, batch->record->taken_on) != 0) {
        date_format(date, current.taken_on);
        verdict_note(verdict, "It is stored as taken %s.", date);
    }
    return OK;
}

static enum err row_put(struct store_batch *b, const unsigned char *batch_id, const struct dek *batch_dek,
                        const struct verdict *verdict)
{
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(buf) struct buf *sealed = NULL;
    struct shape_row_record row = {.outcome = (unsigned char)verdict->outcome, .looked = verdict->looked};
    struct binding bound = binding_of(SEAL_ROW, batch_id, verdict->row);
    unsigned char key[ROW_KEY_BYTES];
    struct pack p;

    memcpy(row.file, verdict->file, sizeof row.file);
    memcpy(row.state_id, verdict->state_id, sizeof verdict->state_id);
    memcpy(row.note, verdict->note, sizeof row.note);
    memcpy(row.candidates, verdict->candidates, sizeof row.candidates);
    memcpy(row.digest, verdict->digest, sizeof row.digest);
    memcpy(row.phash, verdict->phash, sizeof row.phash);
    TRY(buf_new(&plain, 1024));
    TRY(buf_new(&sealed, 2048));
    p = PACK(plain);
    pack_row_record(&p, &row);
    TRY(pack_end(&p));
    TRY(envelope_seal(sealed, batch_dek, &bound, buf_bytes(plain), buf_len(plain)));
    key_of_row(key, batch_id, verdict->row);
    return store_batch_put(b, KIND_ROW, key, sizeof key, buf_bytes(sealed), buf_len(sealed));
}

enum err row_open(struct verdict *out, const struct dek *batch_dek, const unsigned char *batch_id,
                  uint32_t index, const void *sealed, size_t len)
{
    struct binding bound = binding_of(SEAL_ROW, batch_id, index);
    CLEANUP(buf) struct buf *plain = NULL;
    struct shape_row_record row;
    struct take t;

    TRY(buf_new(&plain, 1024));
    TRY(envelope_open(plain, batch_dek, &bound, sealed, len));
    t = TAKE_BYTES(buf_bytes(plain), buf_len(plain));
    take_row_record(&t, &row);
    if (take_end(&t) || strlen(row.state_id) >= sizeof out->state_id)
        return ERR_CORRUPT;
    *out = (struct verdict){.row = index, .outcome = (enum outcome)row.outcome, .looked = row.looked != 0};
    memcpy(out->file, row.file, sizeof out->file);
    memcpy(out->state_id, row.state_id, sizeof out->state_id);
    memcpy(out->note, row.note, sizeof out->note);
    memcpy(out->candidates, row.candidates, sizeof out->candidates);
    memcpy(out->digest, row.digest, sizeof out->digest);
    memcpy(out->phash, row.phash, sizeof out->phash);
    return OK;
}

enum err rows_put(struct store_batch *b, const unsigned char *batch_id, const struct dek *batch_dek,
                  const struct verdict *verdicts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(row_put(b, batch_id, batch_dek, &verdicts[i]));
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
                               const unsigned char *batch_id, struct date taken_on,
                               const struct verdict *verdict, uint64_t *generation, struct dek **dek)
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
    TRY(dek_make(v, b, s->sid, g.generation, dek));
    dek_digest(g.digest, *dek, verdict->digest, sizeof verdict->digest);
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
                          const unsigned char *batch_id, struct date taken_on, const struct verdict *verdict,
                          const int pictures[static 3])
{
    CLEANUP(dek) struct dek *d = NULL;
    char date[DATE_TEXT];
    uint64_t generation;
    struct leaf l;

    TRY(put_generation(v, b, s, batch_id, taken_on, verdict, &generation, &d));
    TRY(put_member(b, batch_id, s->sid, generation));
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

enum err photo_decide(struct vault *v, struct store_batch *b, const struct photo_batch *batch,
                      struct verdict *verdict, struct date taken_on, const int pictures[static 3])
{
    CLEANUP(student) struct student s = {.answer_count = 0};

    TRY(student_load(&s, v, verdict->state_id));
    TRY(student_expect(&s, b));
    TRY(foretold_lay(batch->foretold, v, &s, verdict->state_id));
    TRY(judge_loaded(v, b, &s, batch->record, taken_on, verdict));
    if (verdict->outcome == OUTCOME_STORED && batch->record->dry_run)
        verdict->outcome = OUTCOME_WOULD_BE_STORED;
    if (verdict->outcome == OUTCOME_STORED)
        TRY(put_photo(v, b, &s, batch->id, taken_on, verdict, pictures));
    return row_put(b, batch->id, batch->row_dek, verdict);
}
