#ifndef PHOTOD_CTL_SAY_H
#define PHOTOD_CTL_SAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "photod/base/err.h"

/*
 * How photoctl speaks: results on standard output, everything else as plain
 * sentences on standard error.  Text that came from a server or a file is
 * cleaned of control characters, so that it cannot drive the terminal.
 */

/* What photoctl exits with, and what commands and their helpers return. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,      /* refused, or it did not work */
    CTL_USAGE = 2,       /* the command line is wrong */
    CTL_UNREACHABLE = 3, /* photod does not answer */
    CTL_UNVERIFIED = 4,  /* a log or a receipt does not verify */
};

#define TRY_CTL(expr)                                                                                        \
    do {                                                                                                     \
        enum ctl_exit try_exit_ = (expr);                                                                    \
        if (try_exit_)                                                                                       \
            return try_exit_;                                                                                \
    } while (0)

/* "photoctl: ..." on standard error. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and returns code: `return say_fail(CTL_FAILED, ...)`. */
MUST_CHECK enum ctl_exit say_fail(enum ctl_exit code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A hint or a step on standard error, without the program's name. */
void say_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line that overwrites itself, on a terminal only; say_progress_end() leaves it. */
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_progress_end(void);

/* A result for programs, on standard output. */
void say_json(const json_t *result);

/* Replaces control characters (C0, DEL, C1) by question marks, in place. */
void say_clean(char *text);

/* Why something failed, as one sentence: for modules that do not speak themselves. */
struct fault {
    char text[400];
};
/* Fills fault and returns e. */
enum err fault_set(struct fault *fault, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
