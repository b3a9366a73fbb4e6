#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/*
 * What each fuzz target defines, and who calls it: libFuzzer in the fuzz
 * preset (tests/fuzz/fuzz.sh), replay.c with the kept corpus in every other
 * build (ctest's fuzz.*).  A target aborts when a promise of the parser's
 * header is broken; the sanitizers notice the rest.
 */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
