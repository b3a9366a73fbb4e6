#ifndef LAWAPI_OUTCOME_H
#define LAWAPI_OUTCOME_H

/*
 * What became of one file of a photo ZIP or one line of a roster
 * (outcome.def): a stable code and what the clerk should do.
 */
enum outcome {
#define OUTCOME(name, code, advice) OUTCOME_##name,
#include "lawapi/outcome.def"
#undef OUTCOME
    OUTCOME_COUNT
};

/* NULL for numbers out of range. */
const char *outcome_code(enum outcome o);
const char *outcome_advice(enum outcome o);
/* OUTCOME_COUNT for an unknown code. */
enum outcome outcome_from_code(const char *code);

#endif
