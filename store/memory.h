#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include "store/store.h"

/* A store that forgets: for tests.  It keeps the same promises as long as it is open. */
MUST_CHECK enum err store_open_memory(struct store **out);

#endif
