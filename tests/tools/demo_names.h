#ifndef PHOTOD_TESTS_TOOLS_DEMO_NAMES_H
#define PHOTOD_TESTS_TOOLS_DEMO_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Word lists made up for the demonstration; a likeness to a real name is chance. */
struct first_name {
    const char *text;
    bool girl;
};

extern const struct first_name first_names[];
extern const size_t first_names_count;
extern const char *const last_names[];
extern const size_t last_names_count;
extern const char *const middle_names[];
extern const size_t middle_names_count;

#endif
