#ifndef TESTS_FAULT_CHECK_H
#define TESTS_FAULT_CHECK_H

#include "tests/fault/script.h"

/*
 * Opens the store that a script was committed to, and compares it with what
 * was acknowledged.  Which batches were applied is read from the leaves; the
 * same batches are then committed to a store in memory, and the two must be
 * equal, byte for byte: so no batch is there by half.
 */
enum verdict {
    CHECK_WHOLE = 0,
    CHECK_BROKEN = 1,  /* something acknowledged is lost, or something is there by half: printed */
    CHECK_REFUSED = 3, /* store_open refused, and said why in a log line */
};

/* orphans: how many keys stand without their picture, as may be after a fault. */
enum verdict check_store(int dir_fd, const struct ack *acks, size_t count, unsigned *orphans);

#endif
