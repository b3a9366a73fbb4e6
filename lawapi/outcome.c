#include <stddef.h>
#include <string.h>
#include "lawapi/outcome.h"

static const struct {
    const char *code, *advice;
} texts[] = {
#define OUTCOME(name, code, advice) [OUTCOME_##name] = {code, advice},
#include "lawapi/outcome.def"
#undef OUTCOME
};

const char *outcome_code(enum outcome o)
{
    return o < OUTCOME_COUNT ? texts[o].code : NULL;
}

const char *outcome_advice(enum outcome o)
{
    return o < OUTCOME_COUNT ? texts[o].advice : NULL;
}

enum outcome outcome_from_code(const char *code)
{
    enum outcome o = 0;

    while (o < OUTCOME_COUNT && strcmp(texts[o].code, code) != 0)
        o++;
    return o;
}
