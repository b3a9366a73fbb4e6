#ifndef TESTS_FUZZ_PROMISE_H
#define TESTS_FUZZ_PROMISE_H

#include <stdio.h>
#include <stdlib.h>

/* Holds, or the input is a find. */
#define PROMISE(what)                                                                                        \
    do {                                                                                                     \
        if (!(what)) {                                                                                       \
            (void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #what);                         \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
