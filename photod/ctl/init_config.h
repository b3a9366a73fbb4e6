#ifndef PHOTOD_CTL_INIT_CONFIG_H
#define PHOTOD_CTL_INIT_CONFIG_H

#include "photod/base/buf.h"

/* What `photoctl init` puts into photod.conf; every other key stands there with its default. */
struct init_values {
    const char *key, *value;
};

/*
 * Appends the text of a photod.conf: every key of config.def with its help
 * as a comment; a key without a value given is commented out.
 */
MUST_CHECK enum err init_config(struct buf *out, const struct init_values *values, size_t count);

#endif
