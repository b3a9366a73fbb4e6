#ifndef TESTS_FAULT_IMAGE_H
#define TESTS_FAULT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tests/fault/trace.h"

/*
 * A recorded trace, and what a disk may hold of it after a crash.  Writes
 * are cut at pages of 4 KiB: each page may arrive without the others.  Until
 * a file is synced any of its pages may be missing; until a directory is
 * synced, any of its new names.
 */
struct op {
    struct trace_record head;
    const char *path; /* with a NUL */
    const unsigned char *bytes;
    size_t durable_at; /* the op from which on it cannot be lost; SIZE_MAX: never */
    bool applied;      /* in the image that is made now */
};

struct trace {
    struct op *ops;
    size_t count;
};

/* Once for the life of the program.  Exits when the file cannot be read. */
void trace_load(struct trace *t, const char *path);
bool trace_changes(const struct op *o);
/* Whether o ends an interval: a sync, or a write that is one. */
bool trace_is_sync(const struct op *o);

/* Writes what the applied ops before `end` make of an empty directory.  Exits when it cannot. */
void image_write(const struct trace *t, size_t end, int dir_fd);

#endif
