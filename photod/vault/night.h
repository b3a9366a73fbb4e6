#ifndef PHOTOD_VAULT_NIGHT_H
#define PHOTOD_VAULT_NIGHT_H

#include "photod/vault/batch.h"

/*
 * What the nightly purge makes of batches, before it looks at children:
 * a batch that nobody committed or uploaded within 7 days is thrown away
 * (undone; undo.c erases what it brought); one that can no longer be undone
 * is settled, so that what it replaced goes (replaced.h).
 */
struct night {
    unsigned char (*ids)[SUBJECT_BYTES];
    size_t count, at, next; /* a step looks at [at, next) */
    uint32_t discarded, step_discarded;
};

MUST_CHECK enum err night_list(struct night *n, struct vault *v);
void night_clear(struct night *n);
/* Looks at batches from `at` on, until it was enough for one turn; *changed: b is to be committed. */
MUST_CHECK enum err night_step(struct night *n, struct vault *v, struct store_batch *b, bool *changed);
/* The step is committed. */
void night_stepped(struct night *n);

#endif
