#ifndef PHOTOD_VAULT_PHOTO_H
#define PHOTOD_VAULT_PHOTO_H

#include "keys/envelope.h"
#include "lawapi/outcome.h"
#include "lawapi/same_picture.h"
#include "photod/vault/batch.h"
#include "photod/vault/foretold.h"
#include "photod/vault/photo_name.h"

/*
 * The verdict on one file of a batch: a row of its report, and, for a photo
 * that may be kept, its three renditions, in one transaction with its leaf.
 */
struct verdict {
    uint32_t row; /* index in the ZIP */
    char file[256];
    char state_id[10]; /* "" when the name gives none */
    enum outcome outcome;
    char note[PHOTO_NOTE];               /* for the clerk, or "" */
    char candidates[50];                 /* of a row for review, as shape report_row has them */
    unsigned char digest[SUBJECT_BYTES]; /* keyed, of the file's bytes; 0 before they were read */
    bool looked;                         /* phash is known */
    unsigned char phash[PHASH_BYTES];
};

/* Adds a few words to the note; what does not fit is left out. */
void verdict_note(struct verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The batch that photos are judged for. */
struct photo_batch {
    const unsigned char *id;
    const struct shape_batch_record *record;
    const struct dek *row_dek;
    const struct foretold *foretold; /* of a dry run with a roster; else NULL */
};

/* Whether a photo of this child may be stored in this batch, before its bytes are read: outcome STORED if so.
 */
MUST_CHECK enum err photo_judge(struct vault *v, const struct photo_batch *batch, struct verdict *verdict,
                                struct date taken_on);
/* Whether the child's photo was made from the file of this digest; then that is the verdict. */
MUST_CHECK enum err photo_judge_same(struct vault *v, const struct photo_batch *batch,
                                     struct verdict *verdict, bool *same);

/* The row of that index, as it was put.  Expected: ERR_CORRUPT. */
MUST_CHECK enum err row_open(struct verdict *out, const struct dek *batch_dek, const unsigned char *batch_id,
                             uint32_t index, const void *sealed, size_t len);
/* The rows of files that are not stored; at most ROWS_AT_ONCE. */
#define ROWS_AT_ONCE 256
MUST_CHECK enum err rows_put(struct store_batch *b, const unsigned char *batch_id,
                             const struct dek *batch_dek, const struct verdict *verdicts, size_t count);

/*
 * Decides on a judged picture: fills the batch with key, renditions,
 * generation, row and leaf; or, when consent changed meanwhile, with the row
 * alone.  verdict->outcome says which.  pictures: the workers' three
 * memfds.  Expected: ERR_MALFORMED, what came is no such rendition.
 */
MUST_CHECK enum err photo_decide(struct vault *v, struct store_batch *b, const struct photo_batch *batch,
                                 struct verdict *verdict, struct date taken_on, const int pictures[static 3]);

#endif
