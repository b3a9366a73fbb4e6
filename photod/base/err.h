#ifndef PHOTOD_BASE_ERR_H
#define PHOTOD_BASE_ERR_H

/*
 * Errors.  Every function that can fail returns one of these and nothing
 * else; results come back through out-parameters, set only on OK.  Each
 * value is defined by what the caller can do about it.
 */
enum err {
    OK = 0,
    ERR_NOMEM,     /* allocation failed: give up this request */
    ERR_IO,        /* the kernel said no; errno was logged where it happened */
    ERR_FULL,      /* no room on the disk: refuse, nothing was changed */
    ERR_NOTFOUND,  /* no such thing, and that is an ordinary answer */
    ERR_EXISTS,    /* already there */
    ERR_DENIED,    /* the rules forbid it */
    ERR_LIMIT,     /* larger or more than we accept */
    ERR_MALFORMED, /* bytes from outside do not parse */
    ERR_CORRUPT,   /* our own bytes do not verify */
    ERR_BUSY,      /* not now; the same call may succeed later */
    ERR_CLOSED,    /* the other process went away */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Leaves the calling function with the error of EXPR, if it has one. */
#define TRY(expr)                                                                                            \
    do {                                                                                                     \
        enum err try_err_ = (expr);                                                                          \
        if (try_err_)                                                                                        \
            return try_err_;                                                                                 \
    } while (0)

/* A few plain words for a log line or a message on the terminal. */
const char *err_name(enum err e);

#endif
