#ifndef LAWAPI_NONE_H
#define LAWAPI_NONE_H

/* Why a lookup has no photo (none.def): a stable code and a sentence for the officer. */
enum none_reason {
#define NONE(name, code, sentence) NONE_##name,
#include "lawapi/none.def"
#undef NONE
    NONE_COUNT
};

/* NULL for numbers out of range. */
const char *none_code(enum none_reason r);
const char *none_sentence(enum none_reason r);

#endif
