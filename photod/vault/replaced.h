#ifndef PHOTOD_VAULT_REPLACED_H
#define PHOTOD_VAULT_REPLACED_H

#include "photod/vault/student.h"

/*
 * Photos that no undo can bring back.  Of a child's committed photos, as
 * they would be served one after the other, each stands by for the one
 * before it while that one's batch may still be undone: so all go that
 * stand behind the first of a settled batch.  Photos of an undone batch go.
 */

/* A batch is settled once nobody can undo it: UNDO_DAYS, or a night on which a later batch stood on it. */
#define SETTLED_REASON "replaced"
#define UNDONE_REASON  "undone"

struct replaced {
    struct gone_photo {
        uint64_t generation;
        const char *reason;
    } * list;
    size_t count;
};

/* b then holds only while the batches that it looked at are as they were. */
MUST_CHECK enum err replaced_find(struct replaced *out, const struct student *s, struct vault *v,
                                  struct store_batch *b);
/* NULL: it stays. */
const char *replaced_reason(const struct replaced *r, uint64_t generation);
static inline void replaced_cleanup(struct replaced *r)
{
    free(r->list);
}

#endif
