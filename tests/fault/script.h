#ifndef TESTS_FAULT_SCRIPT_H
#define TESTS_FAULT_SCRIPT_H

#include "store/store.h"

/*
 * What the fault tests commit: always the same batches, so that the leaves in
 * a store say what all of it must hold.  Batch n puts student, key and
 * picture n and one or two leaves; some delete the picture of an earlier one,
 * some are refused because they expect what is not so.
 */
#define SCRIPT_BATCHES 40

/* How many batches a group has; the last one may have fewer. */
unsigned script_group(unsigned group);
MUST_CHECK enum err script_batch(struct store_batch **out, unsigned n);
/* Whether batch n must be refused: STORE_CONFLICT. */
bool script_conflicts(unsigned n);
/* Which picture and key batch n erases, or -1. */
int script_erases(unsigned n);
/* Which batch a leaf is of, or -1; *part: the how many-th of its leaves. */
int script_leaf_batch(const char *leaf, unsigned *part);
unsigned script_leaves(unsigned n);
/* The name of picture and key n. */
#define SCRIPT_NAME 16
void script_name(char name[static SCRIPT_NAME], unsigned n);

/* One for each outcome, as it was told; written so that no fault can hit it. */
#define ACK_MADE UINT32_MAX
struct ack {
    uint32_t batch;  /* or ACK_MADE: the store was made */
    uint32_t result; /* enum store_result */
    uint64_t first_leaf;
    struct store_head head; /* of the log, as shown after the group */
};

#endif
