#ifndef INGEST_FOLD_H
#define INGEST_FOLD_H

#include <stddef.h>
#include "photod/base/err.h"

/*
 * Names in two forms: as written (NFC, so that the same name is the same
 * bytes), and folded to a-z and single spaces for comparing: Any-Latin,
 * Latin-ASCII, lower case, everything else dropped (Latin-ASCII leaves the
 * glottal stop of Salish names).  ICU's tables are opened once.
 */

/* Before confinement.  Expected: ERR_NOMEM, which is also a broken ICU. */
MUST_CHECK enum err fold_init(void);
/* NFC of UTF-8 text.  Expected: ERR_MALFORMED, no UTF-8; ERR_LIMIT, does not fit. */
MUST_CHECK enum err fold_compose(char *to, size_t size, const char *text);
/* Expected: ERR_MALFORMED, no UTF-8; ERR_LIMIT, does not fit. */
MUST_CHECK enum err fold_name(char *to, size_t size, const char *text);

#endif
