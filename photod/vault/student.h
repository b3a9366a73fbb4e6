#ifndef PHOTOD_VAULT_STUDENT_H
#define PHOTOD_VAULT_STUDENT_H

#include "lawapi/none.h"
#include "photod/vault/record.h"

/*
 * What the vault knows of one student: the history of answers, and, of those
 * opted in, the record and the photo generations.
 */
#define CONSENT_MAX 200

struct student {
    unsigned char sid[SID_BYTES];
    struct record consent, generations, details; /* details: the student record, under its own DEK */
    struct consent_entry answers[CONSENT_MAX];
    size_t answer_count;
};

MUST_CHECK enum err student_load(struct student *out, struct vault *v, const char *state_id);
MUST_CHECK enum err student_load_sid(struct student *out, struct vault *v,
                                     const unsigned char sid[static SID_BYTES]);
/* The list of photos alone: for who judges nothing but that. */
MUST_CHECK enum err student_load_photos(struct student *out, struct vault *v,
                                        const unsigned char sid[static SID_BYTES]);
void student_clear(struct student *s);
static inline void student_cleanup(struct student *s)
{
    student_clear(s);
}

enum consent_state student_consent(const struct student *s, const struct vault *v, struct date today);
/* Expected: ERR_NOTFOUND. */
MUST_CHECK enum err student_details(const struct student *s, struct shape_student_record *out);

/*
 * The photo that may be served: the newest generation whose batch is
 * committed.  Expected: ERR_NOTFOUND; *expired then says whether there are
 * only such as are too old.  b, if given, then holds only while the batches
 * it looked at are as they were.
 */
MUST_CHECK enum err student_current(const struct student *s, struct vault *v, struct date today,
                                    struct store_batch *b, struct shape_generation_record *out,
                                    bool *expired);
/* Why there is no photo to serve. */
enum none_reason student_reason(const struct student *s, enum consent_state state, bool expired);

/* Makes a batch hold only while what the decision rests on is as it was read. */
MUST_CHECK enum err student_expect(const struct student *s, struct store_batch *b);

/* Whether this district ever answered for the child. */
bool student_is_of(const struct student *s, const char *district);

/* Adds an answer to the history in memory; false: the history holds it already. */
bool student_hear(struct student *s, const struct consent_entry *e);
/* Adds an answer to the history and to the batch, with its leaf, unless the history holds it already. */
MUST_CHECK enum err student_add_answer(struct student *s, struct vault *v, struct store_batch *b,
                                       const struct consent_entry *e);

/*
 * Adds to a batch the erasing of everything but the answers, or of the
 * photos that why() gives a reason for (a code, for the leaf; NULL: the
 * photo stays): intent leaf, open erasure, record, renditions and DEK of
 * each.  Once it is committed, erasures_finish() (erasure.h) ends it.
 */
MUST_CHECK enum err student_erase(const struct student *s, struct vault *v, struct store_batch *b,
                                  const char *reason);
typedef const char *photo_goes(void *context, const struct shape_generation_record *g);
MUST_CHECK enum err student_erase_photos(const struct student *s, struct vault *v, struct store_batch *b,
                                         photo_goes *why, void *context, uint32_t *gone);
/* One photo, but not its place in the list: for a list that does not open. */
MUST_CHECK enum err photo_erase(struct vault *v, struct store_batch *b,
                                const unsigned char sid[static SID_BYTES],
                                const struct shape_generation_record *g, const char *reason);

#endif
