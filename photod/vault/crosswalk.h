#ifndef PHOTOD_VAULT_CROSSWALK_H
#define PHOTOD_VAULT_CROSSWALK_H

#include <stdbool.h>
#include "lawapi/names.h"
#include "photod/wire/message.h"

/*
 * From a name on a photographer's index to a child of the roster that came
 * with the batch.  A match is unique and exact: last and first name (folded),
 * grade, home room (or teacher) and school.  Anything less gives candidates
 * and a reason, for a person to decide; nothing is guessed, and no name
 * matches across schools.
 */
#define CANDIDATES_MAX 5

struct crosswalk;

struct crosswalk_child {
    char state_id[STATE_ID_TEXT];
    const char *local_id, *last, *first, *folded_last, *folded_first, *grade, *homeroom, *school;
};

enum crosswalk_found {
    CROSSWALK_NOBODY, /* no child of the roster comes near */
    CROSSWALK_MATCH,  /* candidates[0] */
    CROSSWALK_REVIEW  /* candidates, the likeliest first, and why */
};

struct crosswalk_answer {
    enum crosswalk_found found;
    const struct crosswalk_child *candidates[CANDIDATES_MAX];
    unsigned count;
    const char *reason; /* of REVIEW: one sentence.  Of MATCH: how it was looser than it should be, or NULL */
};

/*
 * From rows of shape roster_row; those with a fault are passed over.  In one
 * go, or some at each call until *whole: the rows stay until then.
 * Expected: ERR_MALFORMED.
 */
MUST_CHECK enum err crosswalk_begin(struct crosswalk **out, const unsigned char *rows, size_t len);
MUST_CHECK enum err crosswalk_some(struct crosswalk *c, bool *whole);
MUST_CHECK enum err crosswalk_new(struct crosswalk **out, const unsigned char *rows, size_t len);
void crosswalk_free(struct crosswalk *c);
DEFINE_CLEANUP(crosswalk)

/* school: where the photos were taken, as the district said, or "": then the volume's name must say it. */
void crosswalk_by_name(struct crosswalk_answer *out, const struct crosswalk *c,
                       const struct shape_index_row *row, const char *school);
/*
 * A student number of a mapping file: the district's local ID, or a State ID.
 * NOBODY of a State ID is not the last word: the vault may know the child.
 */
void crosswalk_by_number(struct crosswalk_answer *out, const struct crosswalk *c, const char *number);
/* A list of answers has none. */
bool crosswalk_has_names(const struct crosswalk *c);
/* NULL: the roster lists no such child. */
const struct crosswalk_child *crosswalk_child(const struct crosswalk *c, const char *state_id);

#endif
