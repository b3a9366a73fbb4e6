#ifndef INGEST_ROSTER_CELL_H
#define INGEST_ROSTER_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include "ingest/fault.h"
#include "photod/base/date.h"

/*
 * One cell of a roster, and what spreadsheets do to it.  What is lost is
 * named and refused; what is merely in the way is taken off, with a note; a
 * digit is never guessed.  Every function that takes a cell answers a fault
 * code or NULL, and adds to *notes.
 */

/* Bits, numbered as lawapi/note.h. */
enum roster_note {
    ROSTER_NOTE_STATE_ID_PADDED = 1 << 0,
    ROSTER_NOTE_DISTRICT_PADDED = 1 << 1,
    ROSTER_NOTE_DECIMAL = 1 << 2,
    ROSTER_NOTE_WRAPPED = 1 << 3,
    ROSTER_NOTE_ROW_SHORT = 1 << 4
};

enum roster_opt_in { ROSTER_OPT_IN_BLANK, ROSTER_OPT_IN_IN, ROSTER_OPT_IN_OUT };

/* Cuts blanks off both ends, also the no-break spaces that web pages leave in spreadsheets. */
char *cell_trim(char *text);
/* No controls but tab and line ends, no line separators, no overrides of direction, no U+FFFD. */
bool cell_is_plain(const char *text, size_t len);
/* ######## and #N/A: a spreadsheet's own words instead of a value. */
const char *cell_error(const char *text);
/* Takes off a leading apostrophe, or ="...", which keep a spreadsheet from reading a number. */
char *cell_unwrap(char *text, unsigned *notes);

/* Nine digits; up to three zeros lost in front are put back, a trailing .0 is cut off. */
const char *cell_state_id(char out[static 10], char *text, unsigned *notes);
/* Four digits, likewise; whether it is the right district is for the vault. */
const char *cell_district(char out[static 5], char *text, unsigned *notes);
/* A civil date; `malformed` is the code for what is none. */
const char *cell_date(struct date *out, const char *text, const char *malformed);
/* IN, OUT and their other spellings; an empty cell is a blank. */
const char *cell_opt_in(enum roster_opt_in *out, const char *text);
/* Whether it is IN or OUT itself. */
bool cell_is_answer(const char *text);

#endif
