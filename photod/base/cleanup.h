#ifndef PHOTOD_BASE_CLEANUP_H
#define PHOTOD_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Scope-bound cleanup.  CLEANUP(type) calls type_cleanup() on the variable
 * when its block ends; TAKE() (or TAKE_FD()) hands the value out and disarms
 * the cleanup: the only place where ownership leaves.
 */
#define CLEANUP(type) __attribute__((cleanup(type##_cleanup)))

#define TAKE(var)                                                                                            \
    __extension__({                                                                                          \
        __typeof__(var) taken_ = var;                                                                        \
        var = NULL;                                                                                          \
        taken_;                                                                                              \
    })

#define TAKE_FD(var)                                                                                         \
    __extension__({                                                                                          \
        int taken_ = var;                                                                                    \
        var = -1;                                                                                            \
        taken_;                                                                                              \
    })

/* For a struct with a type_free(). */
#define DEFINE_CLEANUP(type)                                                                                 \
    static inline void type##_cleanup(struct type **held)                                                    \
    {                                                                                                        \
        type##_free(*held);                                                                                  \
    }

static inline void fd_cleanup(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline void file_cleanup(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

/* For memory from malloc: CLEANUP(heap) char *text = NULL; */
static inline void heap_cleanup(void *held)
{
    free(*(void **)held);
}

#endif
