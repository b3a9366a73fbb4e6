#ifndef PHOTOD_CTL_FILE_H
#define PHOTOD_CTL_FILE_H

#include <stddef.h>
#include <sys/types.h>
#include "photod/base/buf.h"
#include "photod/ctl/say.h"

/* Whole files.  What goes wrong was said, naming the file, unless a header line says otherwise. */

/* Anything that can be read to its end, so also /dev/fd/N. */
MUST_CHECK enum ctl_exit file_read(struct buf **out, const char *path, size_t max_bytes);
/*
 * Below an open directory, regular files only, no link at its end; says
 * nothing.  Expected: ERR_NOTFOUND, ERR_MALFORMED (not a regular file),
 * ERR_LIMIT, ERR_IO.
 */
MUST_CHECK enum err file_read_at(struct buf **out, int dir_fd, const char *path, size_t max_bytes);

/* A new file, synced; one that exists is refused. */
MUST_CHECK enum ctl_exit file_write_new(const char *path, mode_t mode, const void *bytes, size_t len);
/* In two steps, so that a place for the result is sure before it is asked for. */
MUST_CHECK enum ctl_exit file_create(int *fd, const char *path, mode_t mode);
MUST_CHECK enum ctl_exit file_fill(int fd, const char *path, const void *bytes, size_t len);

/* A directory of mode 0700 that is new or was empty, which is as good: then *made. */
MUST_CHECK enum ctl_exit file_make_dir(const char *path, bool *made);
/* path from the root directory, PATH_MAX bytes: photod has another working directory, and photod.conf is
 * lines. */
MUST_CHECK enum ctl_exit file_absolute(char *out, const char *path);
/* The directory that path is in: a file's name must last as its bytes do. */
MUST_CHECK enum ctl_exit file_sync_directory(const char *path);

/* A secret: the first line of a file, without its end. */
MUST_CHECK enum ctl_exit file_read_secret(struct buf **out, const char *path);

#endif
