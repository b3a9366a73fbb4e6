#ifndef PHOTOD_BASE_CONFIG_H
#define PHOTOD_BASE_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "photod/base/err.h"

/*
 * photod.conf: lines of `key = value`, `#` comments.  Every process parses
 * the same text, which the parent hands round, with this one table-driven
 * parser (config.def).  An unknown key, a value out of range or a key given
 * twice is refused with its line, so that a typing error never becomes a
 * silent default.
 */
struct config {
#define CONFIG_TEXT(key, size, fallback, help)       char key[size];
#define CONFIG_NUMBER(key, min, max, fallback, help) uint64_t key;
#include "photod/base/config.def"
#undef CONFIG_TEXT
#undef CONFIG_NUMBER
};

/* What is wrong with a configuration: one sentence that names the line. */
struct config_fault {
    unsigned line;
    char text[200];
};

/* Expected: ERR_MALFORMED, with *fault filled. */
MUST_CHECK enum err config_parse(struct config *out, struct config_fault *fault, const char *text,
                                 size_t len);
/* The same for a file.  Expected: ERR_NOTFOUND, ERR_IO, ERR_LIMIT (1 MiB), ERR_MALFORMED; *fault says which.
 */
MUST_CHECK enum err config_read(struct config *out, struct config_fault *fault, int fd);

#endif
