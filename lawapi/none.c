#include <stddef.h>
#include "lawapi/none.h"

static const struct {
    const char *code, *sentence;
} texts[] = {
#define NONE(name, code, sentence) [NONE_##name] = {code, sentence},
#include "lawapi/none.def"
#undef NONE
};

const char *none_code(enum none_reason r)
{
    return r < NONE_COUNT ? texts[r].code : NULL;
}

const char *none_sentence(enum none_reason r)
{
    return r < NONE_COUNT ? texts[r].sentence : NULL;
}
