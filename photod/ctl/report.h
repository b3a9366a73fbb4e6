#ifndef PHOTOD_CTL_REPORT_H
#define PHOTOD_CTL_REPORT_H

#include <jansson.h>
#include "photod/ctl/say.h"

/*
 * The report of a roster or a batch, as the office door answers it: member
 * "rows", one object for each file or line with line, file, state_id,
 * outcome, advice (what the clerk should do) and, where a match was looser
 * than it should be, note.
 */

/* How many rows have which outcome, most first; nothing for no rows. */
void report_print_counts(const json_t *answer);
/*
 * One line for each row; unless all is set, only those that need eyes: not
 * stored or accepted, or with a note.  Of those that are good but for a note
 * it prints REPORT_NOTED_MAX, and says how many more there are, and where:
 * in the file that report_write_tsv() writes next, or, NULL, by which option.
 */
#define REPORT_NOTED_MAX 20u
void report_print_rows(const json_t *answer, bool all, const char *path);
/* What the batch means to each school; nothing for a roster. */
void report_print_schools(const json_t *answer);
/* Who opted in last year and not yet this year, as tab-separated values, into a new file. */
MUST_CHECK enum ctl_exit report_write_renewals(const json_t *answer, const char *path);
/* The rows as tab-separated values with a heading, into a new file.  What goes wrong was said. */
MUST_CHECK enum ctl_exit report_write_tsv(const json_t *answer, const char *path);

#endif
