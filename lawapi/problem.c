#include <stddef.h>
#include "lawapi/problem.h"

static const struct problem_text texts[] = {
#define PROBLEM(name, code, status, title, advice) [PROBLEM_##name] = {code, status, title, advice},
#include "lawapi/problem.def"
#undef PROBLEM
};

const struct problem_text *problem_text(enum problem p)
{
    if (p <= PROBLEM_NONE || p >= PROBLEM_COUNT)
        return NULL;
    return &texts[p];
}
