#ifndef TESTS_UNIT_STORE_LYING_H
#define TESTS_UNIT_STORE_LYING_H

#include "store/store.h"

/*
 * A backend that says it did what it was told.  It stands before a store in
 * memory, which outlives it: so it has a next life, and can lie about that
 * too.  With LIE_NONE it keeps every promise.
 */
enum lie {
    LIE_NONE,
    LIE_DROPS,           /* one write in a thousand, chosen by the seed, does not happen */
    LIE_REORDERS_KEYS,   /* keys are deleted before the photos they open */
    LIE_REORDERS_LEAVES, /* of one group: neighbours change places */
    LIE_FORGETS,         /* the last group is lost when it is closed */
    LIE_HIDES_CHANGES,   /* one part in twenty of the change journal is not written */
};

/* truth: borrowed until store_close of *out, and not used by others meanwhile. */
MUST_CHECK enum err lying_open(struct store **out, struct store *truth, enum lie lie, uint64_t seed);

#endif
