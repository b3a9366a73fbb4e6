#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include "store/backend.h"

/* What a batch asks for, in the order it was asked.  Inside the store library only. */
enum op_type { OP_PUT, OP_DELETE, OP_EXPECT, OP_EXPECT_ABSENT, OP_LEAF };

struct op {
    struct op *next;
    enum op_type type;
    enum store_kind kind;
    struct span key;   /* OP_LEAF: the leaf */
    struct span value; /* OP_LEAF: its side record, may be empty */
    unsigned char bytes[];
};

struct store_batch {
    struct op *first, **end;
};

#endif
