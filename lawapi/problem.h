#ifndef LAWAPI_PROBLEM_H
#define LAWAPI_PROBLEM_H

/*
 * Every refusal the doors can speak (problem.def).  The vault names one by
 * its enum, web renders it as RFC 9457 problem JSON.
 */
enum problem {
    PROBLEM_NONE = 0,
#define PROBLEM(name, code, status, title, advice) PROBLEM_##name,
#include "lawapi/problem.def"
#undef PROBLEM
    PROBLEM_COUNT
};

struct problem_text {
    const char *code;   /* stable, for programs */
    unsigned status;    /* HTTP */
    const char *title;  /* what is wrong */
    const char *advice; /* what to do */
};

/* NULL for PROBLEM_NONE and for numbers out of range. */
const struct problem_text *problem_text(enum problem p);

#endif
