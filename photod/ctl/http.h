#ifndef PHOTOD_CTL_HTTP_H
#define PHOTOD_CTL_HTTP_H

#include <jansson.h>
#include <stdint.h>
#include "photod/base/buf.h"
#include "photod/ctl/options.h"

/*
 * A client of one door: HTTPS to one server with one CA, no redirects, no
 * proxy, no configuration from the environment (libcurl).
 */
struct http;

struct http_options {
    const char *url;         /* https://host:port */
    const char *ca;          /* PEM: the only CA trusted */
    const char *certificate; /* PEM: the client's, or NULL */
    const char *key;         /* PEM: its key */
    const char *bearer_file; /* holds the district key, or NULL */
};

MUST_CHECK enum ctl_exit http_open(struct http **out, const struct http_options *o);
void http_free(struct http *h);
DEFINE_CLEANUP(http)

/* What is sent with a request; a zeroed one has no body. */
struct http_body {
    const char *type;  /* Content-Type */
    const void *bytes; /* in memory, or */
    size_t len;
    const char *file; /* a file, sent from disk with progress, */
    uint64_t offset;  /* from here on */
};

/* JSON as such a body; *text holds its bytes, body is taken.  Expected: ERR_MALFORMED, body is NULL: no
 * UTF-8. */
MUST_CHECK enum err http_body_json(struct http_body *out, struct buf **text, json_t *body);

struct http_answer {
    long status;
    struct buf *body; /* as text; a NUL follows */
    json_t *json;     /* NULL when the body is none */
    char retry_after[32];
    uint64_t upload_offset; /* of a tus answer; UINT64_MAX: none */
};

void http_answer_clear(struct http_answer *a);
static inline void http_answer_cleanup(struct http_answer *a)
{
    http_answer_clear(a);
}

/*
 * One request; path is below the URL and already encoded.  headers: more
 * header lines, up to a NULL; or NULL.  CTL_OK whatever the status is; CTL_UNREACHABLE when
 * there is no answer, which was said.
 */
MUST_CHECK enum ctl_exit http_request(struct http_answer *out, struct http *h, const char *method,
                                      const char *path, const char *const *headers,
                                      const struct http_body *body);

/*
 * CTL_OK for a status of 200 to 299 with JSON; else says the problem
 * (RFC 9457: title, detail and what to do) and returns CTL_FAILED.
 */
MUST_CHECK enum ctl_exit http_expect_json(const struct http_answer *a);

/* Members of JSON, for reading answers: "" or 0 when they are missing. */
const char *json_text(const json_t *object, const char *member);
uint64_t json_number(const json_t *object, const char *member);

#endif
