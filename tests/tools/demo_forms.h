#ifndef PHOTOD_TESTS_TOOLS_DEMO_FORMS_H
#define PHOTOD_TESTS_TOOLS_DEMO_FORMS_H

#include "tests/tools/demo_roster.h"

/*
 * The roster of a district in the other forms a clerk may hold: with a header
 * row, with commas or tabs, in the encodings of spreadsheets, of answers only.
 * The first children of each went through a spreadsheet and came out damaged,
 * each in a way of its own; damage.tsv is the truth about them.
 */

/* Into the folder, which is there: the files, and damage.tsv (file, line, state_id, outcome, note). */
MUST_CHECK enum err forms_write(const struct district *d, const char *folder);

#endif
