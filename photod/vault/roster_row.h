#ifndef PHOTOD_VAULT_ROSTER_ROW_H
#define PHOTOD_VAULT_ROSTER_ROW_H

#include "lawapi/consent.h"
#include "lawapi/outcome.h"
#include "photod/vault/record.h"

/* What one row of a roster says, as the vault takes it from a worker. */

/* OUTCOME_ACCEPTED, or why it is refused; district: who sent it. */
enum outcome roster_row_judge(const struct shape_roster_row *row, const char *district);
/* A row of answers only has no name: it neither makes nor changes a record. */
bool roster_row_has_name(const struct shape_roster_row *row);
struct consent_entry roster_row_answer(const struct shape_roster_row *row, struct date filed);
/* The record of a child opted in, plain: shape student_record. */
MUST_CHECK enum err roster_row_student(struct buf **plain, const struct shape_roster_row *row);

#endif
