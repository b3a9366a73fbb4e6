#ifndef STORE_TILE_FILE_H
#define STORE_TILE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "photod/base/buf.h"

/*
 * Names and files of C2SP tlog-tiles, relative to the log directory, with
 * nothing but *at() calls: the process may reach no other directory.
 */
#define TILE_PATH_MAX 96
#define TILE_ENTRIES  8 /* the "level" of tile/entries/<N> */

/* tile/<L>/<N>, or tile/<L>/<N>.p/<W> for a width below 256; N as x001/x234/067. */
void tile_path(char path[static TILE_PATH_MAX], unsigned level, uint64_t tile, unsigned width);

/* Writes a file where it belongs, making its directories. */
MUST_CHECK enum err tile_file_write(int dir_fd, const char *path, const void *bytes, size_t len);
/* The same by way of the file `spare`, so that it is whole when it appears. */
MUST_CHECK enum err tile_file_replace(int dir_fd, const char *path, const char *spare, const void *bytes,
                                      size_t len);
/*
 * Takes a file away, for the next tile_file_replace to use: ext4 is slow to
 * make a file where one was just removed (150 us; a rename is 10).
 */
MUST_CHECK enum err tile_file_spare(int dir_fd, const char *path, const char *spare);
/* Whether the file is there with exactly these bytes; scratch is overwritten. */
MUST_CHECK enum err tile_file_is(int dir_fd, const char *path, const struct buf *content, struct buf *scratch,
                                 bool *same);
/* Expected: ERR_NOTFOUND, ERR_LIMIT. */
MUST_CHECK enum err tile_file_read(int dir_fd, const char *path, struct buf *content);

/* Removes the partial files of a tile but the one of width `keep`, and with keep 0 their directory. */
MUST_CHECK enum err tile_file_prune(int dir_fd, unsigned level, uint64_t tile, unsigned keep);

#endif
