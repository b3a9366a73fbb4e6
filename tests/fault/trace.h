#ifndef TESTS_FAULT_TRACE_H
#define TESTS_FAULT_TRACE_H

#include <stdint.h>

/* What libtrace.so writes and replay reads: one record a call, then its path and its bytes. */
enum trace_type {
    TRACE_WRITE,    /* bytes at an offset; durable at once on an O_DSYNC file */
    TRACE_TRUNCATE, /* to `at` bytes */
    TRACE_SYNC,     /* of a file, or of a directory: its entries */
    TRACE_CREATE,   /* a file that was not there */
    TRACE_MKDIR,
    TRACE_RENAME, /* bytes: the new path */
    TRACE_MSYNC,  /* the store does not write through memory: there must be none */
    TRACE_ACK,    /* bytes: a struct ack */
};

struct trace_record {
    uint32_t type, dsync;
    uint64_t at;
    uint32_t path_len, len;
};

#endif
