#ifndef INGEST_PACKAGE_H
#define INGEST_PACKAGE_H

#include "ingest/archive.h"
#include "ingest/index.h"

/*
 * In which form the photos of a ZIP came, and which of its files each row of
 * an index or mapping file means.  A row's name is held against the ZIP's
 * names exactly, then without case and with .jpeg for .jpg, then by its last
 * part alone, if only one file below the index has it.
 */
enum package_form { PACKAGE_BY_NAME, PACKAGE_INDEX, PACKAGE_MAPPING };

enum package_match { PACKAGE_NONE, PACKAGE_EXACT, PACKAGE_CASE, PACKAGE_ENDING, PACKAGE_FOLDER };

struct package {
    enum package_form form;
    struct index_summary first; /* of the first index; rows and columns of all */
    unsigned indexes;
};

/* Takes a row and the file it means; match PACKAGE_NONE: the ZIP has no such file. */
typedef enum err package_take(void *context, const struct index_row *row, enum package_match match,
                              size_t entry);

/*
 * Looks for an index, else a mapping file, and delivers its rows.  Of an
 * archive without either nothing is delivered.  Needs fold_init().
 * Expected: ERR_LIMIT, more rows than INDEX_ROWS_MAX.  Errors of the
 * archive's source go up.
 */
MUST_CHECK enum err package_read(struct package *out, struct archive *a, package_take *take, void *context);

#endif
