#ifndef PHOTOD_VAULT_RESTORE_ROWS_H
#define PHOTOD_VAULT_RESTORE_ROWS_H

#include <stdio.h>
#include "photod/vault/vault.h"

/* A root that the log must have at a size. */
struct restore_root {
    uint64_t size;
    unsigned char root[LOG_HASH_BYTES];
};

/* What the rows brought. */
struct restored {
    uint64_t rows, keys, leaves;
    uint64_t keys_leaves; /* the log when the keys were copied */
    uint64_t position;
    struct buf *key_file; /* sealed */
};

/*
 * Puts the rows of `from` into v->store, to their end.  Whatever is wrong
 * with them was said in one line.  known: checked on the way, if the log
 * gets that far.
 */
MUST_CHECK enum err restore_rows(struct restored *out, struct vault *v, FILE *from,
                                 const struct restore_root *known);
void restored_clear(struct restored *r);

#endif
