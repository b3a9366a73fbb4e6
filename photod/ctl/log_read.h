#ifndef PHOTOD_CTL_LOG_READ_H
#define PHOTOD_CTL_LOG_READ_H

#include <stdbool.h>
#include "photod/ctl/merkle.h"

/*
 * A log as a directory of files (C2SP tlog-tiles): which files a log of a
 * given size has, what they are called, what is in them.
 */
#define LOG_TILE_WIDTH 256
#define LOG_ENTRIES    (-1) /* as a level: the entries themselves */
#define LOG_LEVELS     8    /* 256^8 leaves */
#define LOG_PATH       64

struct log_file {
    int level; /* LOG_ENTRIES, or 0 and up */
    uint64_t index;
    unsigned width; /* LOG_TILE_WIDTH: a full one */
};

/* "tile/0/x001/234.p/7" */
void log_file_path(char path[static LOG_PATH], struct log_file f);
/* How wide the file is in a log of size leaves; 0: it has no such file. */
unsigned log_file_width(uint64_t size, int level, uint64_t index);
/* Whether a log of size leaves has a file of this name (`checkpoint` included). */
bool log_has_file(uint64_t size, const char *path);

/* One entry of a bundle, borrowed. */
struct log_entry {
    const unsigned char *bytes;
    size_t len;
};

/* Splits a bundle into exactly count entries.  Expected: ERR_MALFORMED. */
MUST_CHECK enum err log_bundle_split(struct log_entry *out, unsigned count, const struct buf *bundle);

/* Reads a file of the log whole.  Expected: as file_read_at(). */
MUST_CHECK enum err log_file_read(struct buf **out, int dir_fd, struct log_file f);
/* Appends one entry to out.  Expected: ERR_NOTFOUND past size, and as above. */
MUST_CHECK enum err log_entry_read(struct buf *out, int dir_fd, uint64_t size, uint64_t index);

typedef void log_visit(void *context, const char *path, bool is_file);
/* Every name below the directory that is not a directory; is_file: a regular file.  Expected: ERR_IO. */
MUST_CHECK enum err log_walk(int dir_fd, log_visit *visit, void *context);

#endif
