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
/* The same by way of another file, so that it is whole when it appears. */
MUST_CHECK enum err tile_file_replace(int dir_fd, const char *path, const char *by_way_of, const void *bytes,
                                      size_t len);
/* No error when it is not there. */
MUST_CHECK enum err tile_file_remove(int dir_fd, const char *path);
/* Expected: ERR_NOTFOUND, ERR_LIMIT, ERR_MALFORMED (not a file, or it shrank while we read). */
MUST_CHECK enum err tile_file_read(int dir_fd, const char *path, struct buf *content);

/* Removes the partial files of a tile but the one of width `keep`, and with keep 0 their directory. */
MUST_CHECK enum err tile_file_prune(int dir_fd, unsigned level, uint64_t tile, unsigned keep);

#endif
