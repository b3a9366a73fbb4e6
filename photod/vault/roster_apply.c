#include "photod/vault/roster_apply.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "lawapi/names.h"
#include "lawapi/note.h"
#include "lawapi/outcome.h"
#include "photod/base/clock.h"
#include "photod/vault/roster_row.h"
#include "photod/vault/student.h"

#define TABLE_MAX  (256u << 20)
#define REPORT_MAX (64u << 20)

#define BIT(note)  (UINT32_C(1) << NOTE_##note)

/* ---- State IDs ---- */

#define IDS_BITS 19 /* more than twice ROSTER_ROWS_MAX */
#define IDS_SIZE (UINT64_C(1) << IDS_BITS)
#define ID_BITS  UINT32_C(0x3fffffff)
#define ID_MIXED (UINT32_C(1) << 30) /* its lines contradict each other */
#define ID_TAKEN (UINT32_C(1) << 31) /* a line of it was applied */

static uint32_t *id_place(struct roster_apply *a, const char *state_id)
{
    uint32_t id = (uint32_t)strtoul(state_id, NULL, 10) + 1, *place;
    uint64_t at = id * a->mix >> (64 - IDS_BITS);

    do
        place = &a->ids[at++ % IDS_SIZE];
    while (*place && (*place & ID_BITS) != id);
    *place |= id;
    return place;
}

/* ---- One row ---- */

static enum err put_student(struct vault *v, struct store_batch *b, const struct student *s,
                            const struct shape_roster_row *row)
{
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(dek) struct dek *d = NULL;

    TRY(roster_row_student(&plain, row));
    /* A key that stands without a record is about to be swept. */
    if (record_is_there(&s->details))
        TRY(dek_load(v, s->sid, 0, &d));
    else
        TRY(dek_make(v, b, s->sid, 0, &d));
    return record_put(v, b, KIND_STUDENT, SEAL_STUDENT, s->sid, d, plain);
}

static enum err apply_opted_in(struct vault *v, struct roster_apply *a, const struct student *s,
                               const struct shape_roster_row *row, uint32_t *notes)
{
    if (roster_row_has_name(row))
        return put_student(v, a->batch, s, row);
    if (!record_is_there(&s->details))
        *notes |= BIT(NO_NAME);
    return OK;
}

/* What is kept of the child is erased once the answer is committed: opted_out.h. */
static enum err withdraw(struct roster_apply *a, const unsigned char *sid)
{
    size_t count = a->report.withdrawn;

    if ((count & (count - 1)) == 0) { /* a power of two: full */
        void *more = realloc(a->withdrawn, (count ? 2 * count : 1) * SID_BYTES);

        if (!more)
            return ERR_NOMEM;
        a->withdrawn = more;
    }
    memcpy(a->withdrawn[count], sid, SID_BYTES);
    a->report.withdrawn++;
    return OK;
}

static enum err apply_answer(struct vault *v, struct roster_apply *a, struct student *s,
                             const struct shape_roster_row *row, uint32_t *notes)
{
    struct consent_entry entry = roster_row_answer(row, a->today);
    enum consent_state state;

    if (!roster_row_has_name(row) && !s->answer_count)
        *notes |= BIT(NEVER_LISTED);
    TRY(student_expect(s, a->batch));
    TRY(student_add_answer(s, v, a->batch, &entry));
    state = student_consent(s, v, a->today);
    if (state == CONSENT_STATE_IN)
        return apply_opted_in(v, a, s, row, notes);
    if (state != CONSENT_STATE_OUT || !record_is_there(&s->details))
        return OK;
    return withdraw(a, s->sid);
}

static enum err apply_row(struct vault *v, struct roster_apply *a, const struct shape_roster_row *row,
                          uint32_t *notes)
{
    CLEANUP(heap) struct student *s = calloc(1, sizeof *s);
    enum err e = s ? student_load(s, v, row->state_id) : ERR_NOMEM;

    if (!e)
        e = apply_answer(v, a, s, row, notes);
    if (s)
        student_clear(s);
    return e;
}

static enum err report_row(struct roster_apply *a, const struct shape_roster_row *row, enum outcome outcome,
                           uint32_t notes)
{
    struct shape_report_row out = {.line = row->line, .outcome = (unsigned char)outcome};
    struct pack p = PACK(a->rows);

    memcpy(out.state_id, row->state_id, sizeof out.state_id);
    if (outcome == OUTCOME_ACCEPTED)
        notes_format(out.note, notes);
    pack_report_row(&p, &out);
    return pack_end(&p);
}

/* ---- All rows ---- */

static enum err list_row(struct roster_apply *a, const struct actor *actor,
                         const struct shape_roster_row *row)
{
    enum outcome o = roster_row_judge(row, actor->district);

    if (++a->report.lines > ROSTER_ROWS_MAX)
        return ERR_MALFORMED;
    if (o == OUTCOME_STATE_ID_REPEATED && is_state_id(row->state_id))
        *id_place(a, row->state_id) |= ID_MIXED;
    return OK;
}

static enum err take_row(struct roster_apply *a, struct vault *v, const struct actor *actor,
                         const struct shape_roster_row *row)
{
    enum outcome o = roster_row_judge(row, actor->district);
    uint32_t notes = row->notes, *id = o == OUTCOME_ACCEPTED ? id_place(a, row->state_id) : NULL;

    if (id && *id & ID_MIXED) {
        o = OUTCOME_STATE_ID_REPEATED;
    } else if (id && *id & ID_TAKEN) {
        notes |= BIT(LINE_REPEATED);
    } else if (id) {
        *id |= ID_TAKEN;
        if (!a->only_judged)
            TRY(apply_row(v, a, row, &notes));
        a->report.in += row->opt_in == CONSENT_IN;
        a->report.out += row->opt_in == CONSENT_OUT;
        a->report.blank += row->opt_in == CONSENT_BLANK;
        a->findable += row->last[0] || row->local_id[0];
    }
    a->report.refused += o != OUTCOME_ACCEPTED;
    return o == OUTCOME_ACCEPTED && !notes ? OK : report_row(a, row, o, notes);
}

enum err roster_apply_some(struct roster_apply *a, struct vault *v, const struct actor *actor, bool *whole)
{
    struct shape_roster_row row;

    *whole = false;
    for (unsigned n = 0; n < ROSTER_ROWS_AT_ONCE && take_more(&a->at); n++) {
        take_roster_row(&a->at, &row);
        if (a->at.err)
            break;
        TRY(a->listing ? list_row(a, actor, &row) : take_row(a, v, actor, &row));
    }
    if (take_more(&a->at))
        return OK;
    TRY(take_end(&a->at));
    *whole = !a->listing;
    if (a->listing) {
        a->listing = false;
        a->at = TAKE_BYTES(a->table.bytes, a->table.len);
    }
    return OK;
}

/* What the worker says of the header row. */
static enum err report_header(struct roster_apply *a, const struct shape_roster_summary *s)
{
    struct shape_report_row out = {.line = s->line, .outcome = OUTCOME_ACCEPTED};
    struct pack p = PACK(a->rows);

    if (!s->note[0])
        return OK;
    memcpy(out.note, s->note, sizeof out.note);
    pack_report_row(&p, &out);
    return pack_end(&p);
}

enum err roster_apply_begin(struct roster_apply *a, int fd, const struct shape_roster_summary *s,
                            bool only_judged)
{
    roster_apply_clear(a);
    TRY(bulk_map(&a->table, fd, TABLE_MAX));
    a->at = TAKE_BYTES(a->table.bytes, a->table.len);
    a->listing = true;
    a->only_judged = only_judged;
    a->today = law_today(clock_wall_ms());
    memcpy(a->report.format, s->format, sizeof a->report.format);
    randombytes_buf(&a->mix, sizeof a->mix);
    a->mix |= 1;
    a->ids = calloc(IDS_SIZE, sizeof *a->ids);
    if (!a->ids)
        return ERR_NOMEM;
    TRY(buf_new(&a->rows, REPORT_MAX));
    TRY(store_batch_new(&a->batch));
    return report_header(a, s);
}

void roster_apply_clear(struct roster_apply *a)
{
    bulk_unmap(&a->table);
    free(a->ids);
    free(a->withdrawn);
    store_batch_free(a->batch);
    buf_free(a->rows);
    *a = (struct roster_apply){.listing = true};
}
