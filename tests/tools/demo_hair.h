#ifndef PHOTOD_TESTS_TOOLS_DEMO_HAIR_H
#define PHOTOD_TESTS_TOOLS_DEMO_HAIR_H

#include "tests/tools/demo_portrait.h"

/* How hair falls: what lies behind the head, and what lies before it. */
struct hair_style {
    const char *name;
    int girls, boys; /* how often, relative to the others */
    enum err (*behind)(struct buf *svg, const struct portrait *p);
    enum err (*before)(struct buf *svg, const struct portrait *p);
};

/* Ends with a row without a name. */
extern const struct hair_style hair_styles[];

#endif
