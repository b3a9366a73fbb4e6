#ifndef STORE_TILES_H
#define STORE_TILES_H

#include "store/store.h"

/*
 * The log as files that other people's tools read: C2SP tlog-tiles under
 * `log/` (checkpoint, tile/<L>/<N>, tile/entries/<N>).  The truth is in the
 * store; the files are written after the commit, can be rebuilt, and are
 * checked against the store at start.
 */
struct tiles;

/*
 * Checks and repairs the files of the published checkpoint.  dir_fd: the log
 * directory, borrowed until tiles_close.  Expected: ERR_CORRUPT when that
 * checkpoint is of a larger tree than the store's, or of another one: the
 * store was rolled back (logged).
 */
MUST_CHECK enum err tiles_open(struct tiles **out, struct store *s, int dir_fd);
void tiles_close(struct tiles *t);
static inline void tiles_cleanup(struct tiles **held)
{
    tiles_close(*held);
}

/*
 * Writes what is new up to head, then `checkpoint` (atomically), then
 * removes partial tiles that no longer belong to it.  head: of any size from
 * the one published before up to the store's.  Expected: ERR_DENIED for a
 * smaller one (logged); ERR_FULL, ERR_IO: call again, nothing visible is wrong.
 */
MUST_CHECK enum err tiles_publish(struct tiles *t, const struct store_head *head, const void *checkpoint,
                                  size_t checkpoint_len);

#endif
