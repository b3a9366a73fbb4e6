#ifndef PHOTOD_TESTS_TOOLS_DEMO_PACKAGE_H
#define PHOTOD_TESTS_TOOLS_DEMO_PACKAGE_H

#include "tests/tools/demo_roster.h"

/*
 * The same district as photographers and student systems hand it over, with
 * what goes wrong there: a PSPI package (two discs, one with a header row and
 * two sizes, one without; staff; names that do not quite agree) and a
 * PowerSchool ZIP with its mapping file.  packages.tsv is the truth: form,
 * file, outcome, state_id, code.  Says what failed.
 */
MUST_CHECK enum err package_write_all(const struct district *d, const char *folder);

#endif
