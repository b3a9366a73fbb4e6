#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "store/backend.h"

/*
 * The change journal inside the store: which keys each committed group
 * touched, written in the group's own transaction.  store_changes_since()
 * reads it; nothing else does.
 *
 *   KIND_CHANGE  position (8, BE), part (4, BE) -> kind (1), key length (1), key; and so on
 *   KIND_CHANGE  0xFF                           -> line (8), position (8, BE), oldest position kept (8, BE)
 *
 * Leaves are one entry a group: KIND_LEAF, first and last index; their side
 * records go with them.  Tiles and the head of the log follow from the leaves
 * and are not noted, nor is a key that was only wrapped anew.
 */
#define JOURNAL_KEPT (1u << 17) /* groups; 0: no journal is kept */

MUST_CHECK enum err journal_new(struct journal **out);
void journal_free(struct journal *j);
/* For tests and measuring: another number of groups. */
void journal_keep(struct store *s, uint64_t groups);

/* At open. Expected: ERR_CORRUPT (logged). */
MUST_CHECK enum err journal_load(struct store *s);

/* A transaction begins: nothing is noted yet. */
void journal_begin(struct store *s);
/* Inside it, before each change. */
MUST_CHECK enum err journal_note(struct store *s, enum store_kind kind, struct span key, bool is_put);
/* At its end: leaves from ... to - 1 are new; writes what was noted, and lets go of the oldest. */
MUST_CHECK enum err journal_flush(struct store *s, uint64_t from, uint64_t to);
/* After the commit: shows the new position to all threads. */
void journal_publish(struct store *s);

#endif
