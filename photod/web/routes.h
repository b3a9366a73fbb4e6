#ifndef PHOTOD_WEB_ROUTES_H
#define PHOTOD_WEB_ROUTES_H

#include "photod/web/request.h"

/*
 * The one table of what the doors answer, and the steps every request goes
 * through: credential, framing, route, body, handler.
 */
enum credential { CREDENTIAL_NONE, CREDENTIAL_CERTIFICATE, CREDENTIAL_KEY };

struct route {
    const char *method, *path; /* {district} and {batch} stand for one segment */
    unsigned doors;            /* enum process, as bits */
    enum credential credential;
    uint64_t max_mib, max_bytes; /* of the body; both 0: there is none */
    /* Judges the headers.  False: refused. */
    bool (*begin)(struct request *r);
    /* Takes a piece of the body.  False: refused. */
    bool (*feed)(struct request *r, const char *bytes, size_t len);
    /* Answers.  False: refused. */
    bool (*answer)(struct request *r);
};

/* Which door this process is, and the largest upload. */
void routes_init(enum process door, uint64_t upload_max_mib);

/* libmicrohttpd's callbacks. */
enum MHD_Result routes_request(void *unused, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *body, size_t *len,
                               void **state);
void routes_completed(void *unused, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode how);

#endif
