#include "photod/vault/roster_row.h"

#include <stdlib.h>
#include <string.h>
#include "lawapi/names.h"
#include "photod/base/clock.h"
#include "photod/vault/worker.h"

enum outcome roster_row_judge(const struct shape_roster_row *row, const char *district)
{
    if (row->fault[0])
        return worker_fault(row->fault, OUTCOME_ROW_ENCODING);
    if (strcmp(row->district, district) != 0)
        return OUTCOME_DISTRICT_MISMATCH;
    if (!is_state_id(row->state_id))
        return OUTCOME_STATE_ID_MALFORMED;
    if (row->opt_in > CONSENT_OUT)
        return OUTCOME_OPT_IN_MALFORMED;
    return OUTCOME_ACCEPTED;
}

bool roster_row_has_name(const struct shape_roster_row *row)
{
    return row->last[0] != '\0';
}

struct consent_entry roster_row_answer(const struct shape_roster_row *row, struct date filed)
{
    struct consent_entry e = {
        .answer = (enum consent_answer)row->opt_in, .on = row->opt_in_on, .filed = filed};

    memcpy(e.district, row->district, sizeof e.district);
    return e;
}

static void fill(struct shape_student_record *r, const struct shape_roster_row *row)
{
    memcpy(r->state_id, row->state_id, sizeof r->state_id);
    memcpy(r->last, row->last, sizeof r->last);
    memcpy(r->first, row->first, sizeof r->first);
    memcpy(r->middle, row->middle, sizeof r->middle);
    memcpy(r->gender, row->gender, sizeof r->gender);
    r->born = row->born;
    memcpy(r->district, row->district, sizeof r->district);
    memcpy(r->school, row->school, sizeof r->school);
    memcpy(r->grade, row->grade, sizeof r->grade);
    memcpy(r->homeroom, row->homeroom, sizeof r->homeroom);
    r->filed_ms = (uint64_t)clock_wall_ms();
}

enum err roster_row_student(struct buf **plain, const struct shape_roster_row *row)
{
    CLEANUP(heap) struct shape_student_record *r = calloc(1, sizeof *r);
    CLEANUP(buf) struct buf *packed = NULL;
    struct pack p;

    if (!r)
        return ERR_NOMEM;
    TRY(buf_new(&packed, 4096));
    fill(r, row);
    p = PACK(packed);
    pack_student_record(&p, r);
    explicit_bzero(r, sizeof *r);
    TRY(pack_end(&p));
    *plain = TAKE(packed);
    return OK;
}
