/*
 * From libmicrohttpd's callback to a handler, in photod-web.  The handler
 * callback is called with the headers, with each piece of the body, and once
 * more at the end; a success is answered at the end only, because answering
 * earlier ends the connection (performance.md, Serving).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "photod/web/answer.h"
#include "photod/web/law.h"
#include "photod/web/office.h"
#include "photod/web/review.h"
#include "photod/web/routes.h"
#include "photod/web/screen.h"
#include "photod/web/tus.h"
#include "photod/web/withdraw.h"

#define LAW    PROCESS_LAW
#define OFFICE PROCESS_OFFICE
#define UPLOAD UINT64_MAX /* the configured maximum */
#define BATCH  "/v1/districts/{district}/batches/{batch}"
#define TUS    BATCH "/upload"

static const struct route routes[] = {
    {"GET", "/v1/health", LAW | OFFICE, CREDENTIAL_NONE, 0, 0, NULL, NULL, health_answer},
    {"POST", "/v1/lookups", LAW, CREDENTIAL_CERTIFICATE, 0, LOOKUP_MAX_BYTES, lookup_begin, lookup_feed,
     lookup_answer},
    {"PUT", "/v1/districts/{district}/roster", OFFICE, CREDENTIAL_KEY, ROSTER_MAX_MIB, 0, roster_begin,
     upload_feed, roster_answer},
    {"POST", "/v1/districts/{district}/batches", OFFICE, CREDENTIAL_KEY, 0, 0, NULL, NULL,
     batch_create_answer},
    {"GET", "/v1/districts/{district}/batches", OFFICE, CREDENTIAL_KEY, 0, 0, NULL, NULL, batch_list_answer},
    {"PUT", BATCH "/roster", OFFICE, CREDENTIAL_KEY, ROSTER_MAX_MIB, 0, roster_begin, upload_feed,
     roster_answer},
    {"PUT", TUS, OFFICE, CREDENTIAL_KEY, UPLOAD, 0, batch_upload_begin, upload_feed, batch_upload_answer},
    {"POST", TUS, OFFICE, CREDENTIAL_KEY, 0, 0, tus_check, NULL, tus_create_answer},
    {"HEAD", TUS, OFFICE, CREDENTIAL_KEY, 0, 0, tus_check, NULL, tus_head_answer},
    {"PATCH", TUS, OFFICE, CREDENTIAL_KEY, UPLOAD, 0, tus_patch_begin, upload_feed, tus_patch_answer},
    {"OPTIONS", TUS, OFFICE, CREDENTIAL_KEY, 0, 0, NULL, NULL, tus_options_answer},
    {"GET", BATCH, OFFICE, CREDENTIAL_KEY, 0, 0, NULL, NULL, batch_get_answer},
    {"GET", BATCH "/review", OFFICE, CREDENTIAL_KEY, 0, 0, NULL, NULL, review_get_answer},
    {"POST", BATCH "/review", OFFICE, CREDENTIAL_KEY, 0, REVIEW_MAX_BYTES, review_begin, review_feed,
     review_answer},
    {"POST", BATCH "/commit", OFFICE, CREDENTIAL_KEY, 0, 0, NULL, NULL, batch_commit_answer},
    {"POST", BATCH "/undo", OFFICE, CREDENTIAL_KEY, 0, 0, NULL, NULL, batch_undo_answer},
    {"POST", "/v1/districts/{district}/withdrawals", OFFICE, CREDENTIAL_KEY, 0, WITHDRAW_MAX_BYTES,
     withdraw_begin, withdraw_feed, withdraw_answer},
};

static struct {
    enum process door;
    uint64_t upload_max_mib;
} here;

void routes_init(enum process door, uint64_t upload_max_mib)
{
    here.door = door;
    here.upload_max_mib = upload_max_mib;
    tus_init(upload_max_mib << 20);
}

/* Requests: request.h. */

const char *request_header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

bool request_has_type(const struct request *r, const char *type)
{
    const char *value = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    size_t len = strlen(type);

    return value && strncasecmp(value, type, len) == 0 && strchr("; \t", value[len]);
}

bool refuse(struct request *r, enum problem problem, const char *format, ...)
{
    va_list args;

    r->refused = (struct shape_refused){.problem = (uint32_t)problem};
    va_start(args, format);
    (void)vsnprintf(r->refused.detail, sizeof r->refused.detail, format, args);
    va_end(args);
    return false;
}

static bool is_about_credential(const struct shape_refused *refused)
{
    unsigned status = problem_text((enum problem)refused->problem)->status;

    return status == MHD_HTTP_UNAUTHORIZED || refused->problem == PROBLEM_BACK_OFF;
}

bool request_got(struct request *r, enum err e, const struct message *answer, enum msg wanted)
{
    if (e)
        return refuse(r, PROBLEM_UNAVAILABLE, "%s", "");
    r->by_vault = answer->type == MSG_REFUSED;
    if (r->by_vault)
        r->refused = answer->is.refused;
    if (!r->by_vault || !is_about_credential(&r->refused))
        visitor_authenticated(r->visitor);
    return answer->type == wanted;
}

static struct request *request_new(struct MHD_Connection *connection)
{
    struct visitor *v = gate_visitor(connection);
    struct request *r = v ? calloc(1, sizeof *r) : NULL;

    if (r) {
        r->connection = connection;
        r->visitor = v;
    }
    return r;
}

static void request_free(struct request *r)
{
    upload_clear(&r->upload);
    buf_free(r->body);
    json_decref(r->extra);
    explicit_bzero(r, sizeof *r);
    free(r);
}

/* Routes. */

/* Copies one segment of a path.  False: empty or too long. */
static bool take_segment(char *to, size_t size, const char *from, size_t len)
{
    if (len == 0 || len >= size)
        return false;
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

static bool match_path(struct request *r, const char *pattern, const char *path)
{
    while (*pattern) {
        size_t name = strcspn(pattern, "/"), len = strcspn(path, "/");

        if (strncmp(pattern, "{district}", name) == 0 && name == 10) {
            if (!take_segment(r->district, sizeof r->district, path, len))
                return false;
        } else if (strncmp(pattern, "{batch}", name) == 0 && name == 7) {
            if (!take_segment(r->batch, sizeof r->batch, path, len))
                return false;
        } else if (name != len || memcmp(pattern, path, len) != 0) {
            return false;
        }
        pattern += name;
        path += len;
        if (*pattern != *path)
            return false;
        if (*pattern)
            pattern++, path++;
    }
    return *path == '\0';
}

static void add_allow(struct request *r, const char *method)
{
    size_t len = strlen(r->allow);

    (void)snprintf(r->allow + len, sizeof r->allow - len, "%s%s", len ? ", " : "", method);
}

/* The route, or one of that path with another method: r->allow then names those it has. */
static const struct route *find(struct request *r, const char *method, const char *path)
{
    const struct route *other = NULL;

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!(routes[i].doors & (unsigned)here.door) || !match_path(r, routes[i].path, path))
            continue;
        if (strcmp(routes[i].method, method) == 0) {
            r->allow[0] = '\0';
            return &routes[i];
        }
        other = &routes[i];
        add_allow(r, other->method);
    }
    return other;
}

/* What every path but health wants at this door. */
static enum credential credential_of(const struct request *r)
{
    if (r->route && r->route->credential == CREDENTIAL_NONE)
        return CREDENTIAL_NONE;
    return here.door == PROCESS_LAW ? CREDENTIAL_CERTIFICATE : CREDENTIAL_KEY;
}

static bool check_certificate(struct request *r)
{
    enum problem p = identity_check(&r->visitor->identity, gate_session(r->connection));

    if (p)
        return refuse(r, p, "%s", "");
    r->fingerprint = r->visitor->identity.fingerprint;
    visitor_authenticated(r->visitor);
    return true;
}

static bool check_route(struct request *r)
{
    if (!r->route)
        return refuse(r, PROBLEM_NOT_FOUND, "%s", "");
    return !r->allow[0] || refuse(r, PROBLEM_METHOD_NOT_ALLOWED, "%s", r->allow);
}

static bool check_body(struct request *r)
{
    const struct route *route = r->route;
    uint64_t mib = route->max_mib == UPLOAD ? here.upload_max_mib : route->max_mib;
    uint64_t max = mib ? mib << 20 : route->max_bytes;

    if (r->length > max)
        return refuse(r, PROBLEM_BODY_TOO_LARGE, "at most %llu bytes", (unsigned long long)max);
    if (max && !request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH))
        return refuse(r, PROBLEM_LENGTH_REQUIRED, "%s", "");
    return true;
}

/* Who, in what form, what: in this order, so that a stranger learns nothing but that. */
static bool judge_headers(struct request *r, const char *method, const char *path)
{
    enum credential credential;

    r->route = find(r, method, path);
    r->tus = r->route && strcmp(r->route->path, TUS) == 0 && strcmp(method, "PUT") != 0;
    credential = credential_of(r);
    if (credential == CREDENTIAL_CERTIFICATE && !check_certificate(r))
        return false;
    if (credential == CREDENTIAL_KEY)
        screen_key(r);
    if (!screen_framing(r))
        return false;
    if (credential == CREDENTIAL_KEY && !r->key[0])
        return refuse(r, PROBLEM_KEY_REQUIRED, "%s", "");
    if (!check_route(r) || !check_body(r))
        return false;
    return !r->route->begin || r->route->begin(r);
}

static enum MHD_Result take_headers(struct request *r, const char *method, const char *path)
{
    visitor_works(r->visitor);
    if (!judge_headers(r, method, path))
        return answer_refused(r);
    if (r->length)
        visitor_reads_body(r->visitor, r->length, r->route->feed == upload_feed);
    return MHD_YES;
}

static enum MHD_Result take_body(struct request *r, const char *bytes, size_t *len)
{
    r->stage = STAGE_BODY;
    visitor_got(r->visitor, *len);
    if (!r->route->feed) /* check_body() let none through */
        return MHD_NO;
    if (!r->route->feed(r, bytes, *len))
        return answer_refused(r);
    *len = 0;
    return MHD_YES;
}

static enum MHD_Result complete(struct request *r)
{
    r->stage = STAGE_COMPLETE;
    visitor_works(r->visitor);
    return r->route->answer(r) ? MHD_YES : answer_refused(r);
}

enum MHD_Result routes_request(void *unused, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *body, size_t *len,
                               void **state)
{
    struct request *r = *state;

    (void)unused, (void)version;
    if (r)
        return *len ? take_body(r, body, len) : complete(r);
    r = request_new(connection);
    *state = r;
    return r ? take_headers(r, method, url) : MHD_NO;
}

void routes_completed(void *unused, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode how)
{
    struct request *r = *state;

    (void)unused, (void)connection, (void)how;
    if (!r)
        return;
    *state = NULL;
    visitor_rests(r->visitor);
    request_free(r);
}
