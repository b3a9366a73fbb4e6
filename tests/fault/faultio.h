#ifndef TESTS_FAULT_FAULTIO_H
#define TESTS_FAULT_FAULTIO_H

/*
 * What libfaultio.c does to a process that does not call it: a file of this,
 * named by FAULT_CONTROL and mapped by both sides, so that a test arms a
 * daemon from outside.  Only calls on ordinary files fail.
 */
enum fault_class { FAULT_WRITE, FAULT_SYNC, FAULT_TRUNCATE, FAULT_MEMORY, FAULT_MAP, FAULT_NONE };

struct faultio {
    volatile int class; /* enum fault_class */
    volatile int error; /* errno; 0: SHORT or LIE */
    volatile int on, lie;
    volatile unsigned long at, count, injected; /* calls, from 1 */
};

#endif
