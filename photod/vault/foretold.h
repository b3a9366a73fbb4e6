#ifndef PHOTOD_VAULT_FORETOLD_H
#define PHOTOD_VAULT_FORETOLD_H

#include "lawapi/names.h"
#include "photod/vault/student.h"

/*
 * What the roster that came with a dry run would change, were it sent in
 * earnest: laid over each child as the store has it, in memory only.  So the
 * report of a dry run says what the same roster and the same photos will do.
 */
struct foretold;

/* Of rows of shape roster_row behind the first `skip` bytes; takes *rows. */
MUST_CHECK enum err foretold_begin(struct foretold **out, struct buf **rows, size_t skip,
                                   const char *district);
/* Takes some of them; *whole: all are taken, and it may be used.  Expected: ERR_MALFORMED. */
MUST_CHECK enum err foretold_some(struct foretold *f, bool *whole);
void foretold_free(struct foretold *f);
DEFINE_CLEANUP(foretold)

/* f NULL: nothing is foretold.  What a batch is to expect of the child comes before. */
MUST_CHECK enum err foretold_lay(const struct foretold *f, struct vault *v, struct student *s,
                                 const char *state_id);
/* The children it would change, one by one; 0 of NULL. */
size_t foretold_count(const struct foretold *f);
void foretold_child(const struct foretold *f, size_t index, char state_id[static STATE_ID_TEXT]);

#endif
