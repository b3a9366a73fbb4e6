#ifndef PHOTOD_VAULT_COMPACT_H
#define PHOTOD_VAULT_COMPACT_H

#include "photod/base/config.h"

/*
 * photod-vault --compact: rewrites both files of the store without the pages
 * that hold what was replaced or deleted.  One-shot, while photod is stopped,
 * and without any key.  The nightly rotation does the same to `keyring` while
 * photod runs; `photos` may be hundreds of times larger, and no commit should
 * wait for that.
 */

/* Says on standard output what it saved.  Expected (logged): ERR_BUSY (photod runs), ERR_FULL. */
MUST_CHECK enum err vault_compact(const struct config *c);

#endif
