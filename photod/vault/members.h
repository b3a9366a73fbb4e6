#ifndef PHOTOD_VAULT_MEMBERS_H
#define PHOTOD_VAULT_MEMBERS_H

#include "photod/vault/batch.h"

/*
 * The photos that a batch brought (KIND_MEMBER), and the others of the same
 * children: what committing, undoing and erasing a batch rest on.
 */
struct member {
    unsigned char sid[SID_BYTES];
    uint64_t generation;
};

struct members {
    struct member *list;
    size_t count, max;
};

/* At most max of them, in the order of their sids. */
MUST_CHECK enum err members_list(struct members *out, struct vault *v,
                                 const unsigned char batch[static SUBJECT_BYTES], size_t max);
static inline void members_cleanup(struct members *m)
{
    free(m->list);
}

/* How a batch stands among the others. */
struct standing {
    uint32_t photos;    /* that it brought and that are still there */
    uint32_t earlier;   /* children with a servable photo of a batch committed before it */
    uint32_t newer;     /* children with a photo of a batch committed after it */
    uint64_t latest_ms; /* when the last of those batches was committed; 0: none */
};

/*
 * For a batch not committed yet every committed one came before it.  b then
 * holds only while the batches that it looked at are as they were.
 */
MUST_CHECK enum err members_weigh(struct standing *out, struct vault *v,
                                  const unsigned char batch[static SUBJECT_BYTES],
                                  const struct shape_batch_record *r, struct store_batch *b);

#endif
