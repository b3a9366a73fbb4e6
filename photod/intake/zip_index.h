#ifndef PHOTOD_INTAKE_ZIP_INDEX_H
#define PHOTOD_INTAKE_ZIP_INDEX_H

#include "ingest/archive.h"
#include "photod/wire/message.h"

/*
 * The index or mapping file of a ZIP, as ZIP_INDEXED says it.  form
 * ZIP_BY_NAME: there is none, and no table.  The caller owns *table.
 * Expected: ERR_LIMIT, it has more rows than we accept.
 */
MUST_CHECK enum err zip_index_read(struct shape_zip_indexed *out, int *table, struct archive *a);

#endif
