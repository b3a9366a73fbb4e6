#ifndef PHOTOD_CTL_OFFICE_H
#define PHOTOD_CTL_OFFICE_H

#include "photod/ctl/http.h"

/* The office door, and for which district: the options that every command of a district has. */
struct office {
    const char *url, *ca, *key_file, *district;
};

#define OFFICE_OPTIONS(office)                                                                               \
    OPTION_NEED("url", "URL", (office).url, "The office door, as in https://photos.example:8444."),          \
        OPTION_NEED("ca", "FILE", (office).ca, "The CA that issued the door's certificate (PEM)."),          \
        OPTION_NEED("key-file", "FILE", (office).key_file,                                                   \
                    "Holds the district's key, as `photoctl key issue` wrote it."),                          \
        OPTION_NEED("district", "CODE", (office).district, "The district's four-digit School System code.")

/* Before anything is asked for or opened. */
MUST_CHECK enum ctl_exit office_check(const struct office *o);
/* Whether it can be one, as the server names them. */
bool office_is_batch(const char *id);
MUST_CHECK enum ctl_exit office_open(struct http **out, const struct office *o);

#endif
