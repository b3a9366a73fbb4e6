#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/web/answer.h"
#include "photod/web/strangers.h"
#include "photod/web/tus.h"
#include "photod/web/vault.h"

#define RETRY_S     5
#define PROBLEM_MAX 4096

static void free_wiped(void *p)
{
    if (p)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

void answer_init(void)
{
    json_set_alloc_funcs(malloc, free_wiped);
}

json_t *answer_text(const char *text)
{
    CLEANUP(heap) char *plain = NULL;
    json_t *good = json_string(text);

    if (good)
        return good;
    plain = strdup(text);
    for (char *c = plain; c && *c; c++)
        if (*c & 0x80)
            *c = '?';
    return plain ? json_string(plain) : NULL;
}

json_t *answer_time(uint64_t wall_ms)
{
    char text[CLOCK_TEXT];

    clock_format(text, (int64_t)wall_ms);
    return json_string(text);
}

json_t *answer_date(struct date d)
{
    char text[DATE_TEXT];

    date_format(text, d);
    return json_string(text);
}

enum err answer_base64(gnutls_datum_t *out, const void *bytes, size_t len)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)bytes, (unsigned)len};

    return gnutls_base64_encode2(&in, out) ? ERR_NOMEM : OK;
}

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* Queues and lets go of the response.  type: NULL without a body.  stays: whether another request may
 * follow. */
static enum MHD_Result queue(struct request *r, unsigned status, struct MHD_Response *response,
                             const char *type, uint64_t bytes, bool stays)
{
    enum MHD_Result done = MHD_NO;

    if (!response)
        return MHD_NO;
    visitor_writes(r->visitor, bytes);
    if ((!type || add(response, MHD_HTTP_HEADER_CONTENT_TYPE, type)) &&
        (!r->tus || add(response, "Tus-Resumable", TUS_VERSION)) &&
        add(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") &&
        add(response, "X-Content-Type-Options", "nosniff") &&
        (stays || add(response, MHD_HTTP_HEADER_CONNECTION, "close")))
        done = MHD_queue_response(r->connection, status, response);
    MHD_destroy_response(response);
    return done;
}

static struct MHD_Response *new_json(json_t *body, size_t *len)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct MHD_Response *response;

    if (!text)
        return NULL;
    *len = strlen(text);
    response = MHD_create_response_from_buffer_with_free_callback(*len, text, free_wiped);
    if (!response)
        free_wiped(text);
    return response;
}

static bool add_all(struct MHD_Response *response, const struct answer_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!add(response, headers[i].name, headers[i].value))
            return false;
    return true;
}

bool answer_empty(struct request *r, unsigned status, const struct answer_header *headers, size_t count)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (response && !add_all(response, headers, count)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return queue(r, status, response, NULL, 0, visitor_may_stay(r->visitor)) == MHD_YES ||
           refuse(r, PROBLEM_UNAVAILABLE, "the answer cannot be sent");
}

bool answer_json(struct request *r, unsigned status, json_t *body, const char *location)
{
    size_t len = 0;
    struct MHD_Response *response = new_json(body, &len);

    json_decref(body);
    if (!response)
        return refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
    if (location && !add(response, MHD_HTTP_HEADER_LOCATION, location)) {
        MHD_destroy_response(response);
        return refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
    }
    return queue(r, status, response, "application/json", len, visitor_may_stay(r->visitor)) == MHD_YES ||
           refuse(r, PROBLEM_UNAVAILABLE, "the answer cannot be sent");
}

bool answer_bytes(struct request *r, const char *type, const void *bytes, size_t len)
{
    struct MHD_Response *response = NULL;
    void *copy = malloc(len ? len : 1);

    if (copy) {
        memcpy(copy, bytes, len);
        response = MHD_create_response_from_buffer_with_free_callback(len, copy, free_wiped);
    }
    if (copy && !response)
        free_wiped(copy);
    return queue(r, MHD_HTTP_OK, response, type, len, visitor_may_stay(r->visitor)) == MHD_YES ||
           refuse(r, PROBLEM_UNAVAILABLE, "the answer cannot be sent");
}

static void unmap_picture(void *held)
{
    bulk_unmap(held);
    free(held);
}

bool answer_picture(struct request *r, struct bulk *picture, const struct answer_header *headers,
                    size_t count)
{
    struct bulk *held = malloc(sizeof *held);
    struct MHD_Response *response = NULL;

    if (held) {
        *held = *picture;
        *picture = (struct bulk){0};
        response = MHD_create_response_from_buffer_with_free_callback_cls(
            held->len, (void *)(uintptr_t)held->bytes, unmap_picture, held);
        if (!response)
            unmap_picture(held);
    }
    if (response && !add_all(response, headers, count)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return queue(r, MHD_HTTP_OK, response, "image/jpeg", held ? held->len : 0,
                 visitor_may_stay(r->visitor)) == MHD_YES ||
           refuse(r, PROBLEM_UNAVAILABLE, "the answer cannot be sent");
}

/* Refusals. */

static json_t *problem_json(const struct request *r, const struct problem_text *p)
{
    json_t *body =
        json_pack("{s:o, s:s, s:i, s:s, s:s}", "type", json_sprintf("urn:photod:problem:%s", p->code),
                  "title", p->title, "status", (int)p->status, "code", p->code, "advice", p->advice);

    if (body && r->refused.detail[0])
        (void)json_object_set_new(body, "detail", answer_text(r->refused.detail));
    if (body && r->refused.leaf)
        (void)json_object_set_new(body, "audit", json_integer((json_int_t)r->refused.leaf - 1));
    if (body && r->extra)
        (void)json_object_update_missing(body, r->extra);
    return body;
}

/* Who was refused decides what is kept: a leaf for a known credential, a count for strangers. */
static void record(const struct request *r)
{
    struct shape_door_refused what = {.problem = r->refused.problem};

    if (r->by_vault || r->refused.problem == PROBLEM_UNAVAILABLE)
        return;
    if (!r->fingerprint && !r->key[0]) {
        strangers_count((enum problem)r->refused.problem);
        return;
    }
    if (r->fingerprint)
        memcpy(what.fingerprint, r->fingerprint, sizeof what.fingerprint);
    memcpy(what.key, r->key, sizeof what.key);
    memcpy(what.source, r->visitor->source, sizeof what.source);
    vault_door_refused(&what);
    explicit_bzero(&what, sizeof what);
}

static bool add_problem_headers(const struct request *r, struct MHD_Response *response, const char *retry)
{
    if (r->refused.problem == PROBLEM_KEY_REQUIRED &&
        !add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"photod\""))
        return false;
    if (r->allow[0] && !add(response, MHD_HTTP_HEADER_ALLOW, r->allow))
        return false;
    if (r->refused.problem == PROBLEM_TUS_VERSION && !add(response, "Tus-Version", TUS_VERSION))
        return false;
    return !*retry || add(response, MHD_HTTP_HEADER_RETRY_AFTER, retry);
}

/*
 * In the middle of a body libmicrohttpd takes no answer.  This thread is the
 * only user of the session, so the answer is written by hand, and returning
 * MHD_NO ends the connection.
 */
static enum MHD_Result write_by_hand(struct request *r, const struct problem_text *p, json_t *body,
                                     const char *retry)
{
    CLEANUP(buf) struct buf *b = NULL;
    char *text = json_dumps(body, JSON_COMPACT);
    gnutls_session_t session = gate_session(r->connection);
    enum err e = text ? buf_new(&b, 2 * PROBLEM_MAX) : ERR_NOMEM;
    ssize_t n;

    if (!e)
        e = buf_printf(b,
                       "HTTP/1.1 %u Refused\r\nContent-Type: application/problem+json\r\n"
                       "Content-Length: %zu\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                       "%s%s%s%sConnection: close\r\n\r\n%s",
                       p->status, strlen(text), *retry ? "Retry-After: " : "", retry, *retry ? "\r\n" : "",
                       r->tus ? "Tus-Resumable: " TUS_VERSION "\r\n" : "", text);
    free_wiped(text);
    if (e)
        return MHD_NO;
    do
        n = gnutls_record_send(session, buf_bytes(b), buf_len(b));
    while (n == GNUTLS_E_INTERRUPTED);
    if (n > 0)
        (void)gnutls_bye(session, GNUTLS_SHUT_WR);
    return MHD_NO;
}

enum MHD_Result answer_refused(struct request *r)
{
    const struct problem_text *p = problem_text((enum problem)r->refused.problem);
    struct MHD_Response *response;
    char retry[12] = "";
    enum MHD_Result done;
    size_t len = 0;
    json_t *body;

    record(r);
    if (!r->refused.retry_after_s && p->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        r->refused.retry_after_s = RETRY_S;
    if (r->refused.retry_after_s)
        (void)snprintf(retry, sizeof retry, "%u", r->refused.retry_after_s);
    if (r->stage == STAGE_BODY || (r->stage == STAGE_HEADERS && r->length))
        visitor_linger(r->visitor);
    body = problem_json(r, p);
    if (body && r->stage == STAGE_BODY) {
        done = write_by_hand(r, p, body, retry);
        json_decref(body);
        return done;
    }
    response = new_json(body, &len);
    json_decref(body);
    if (response && !add_problem_headers(r, response, retry)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return queue(r, p->status, response, "application/problem+json", len, false);
}
