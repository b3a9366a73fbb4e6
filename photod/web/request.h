#ifndef PHOTOD_WEB_REQUEST_H
#define PHOTOD_WEB_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include "lawapi/problem.h"
#include "photod/base/buf.h"
#include "photod/web/gate.h"
#include "photod/web/upload.h"
#include "photod/wire/message.h"

/*
 * One HTTP request, from its headers to its answer.  Everything about it
 * that is secret (key, body) is wiped when it ends.
 *
 *   stage    the handler is called with   an answer is
 *   HEADERS  headers                      queued; ends the connection, which is right for a refusal only
 *   BODY     a piece of the body          written by hand: libmicrohttpd takes none here
 *   COMPLETE nothing more to come         queued
 */
enum stage { STAGE_HEADERS, STAGE_BODY, STAGE_COMPLETE };

/* What a client accepts, in thousandths (RFC 9110 12.4.2). */
struct accepted {
    unsigned json, jpeg;
};

struct request {
    struct MHD_Connection *connection;
    struct visitor *visitor;
    const struct route *route;
    enum stage stage;
    char district[16], batch[48];     /* of the path */
    const unsigned char *fingerprint; /* of the verified certificate, or NULL */
    char key[100];                    /* of the Authorization header, or "" */
    uint64_t length;                  /* Content-Length */
    char allow[48];                   /* for 405 */
    bool tus;                         /* its answer says so (tus.h) */
    struct accepted accepted;         /* lookups */
    struct buf *body;                 /* lookups, withdrawals */
    struct upload upload;             /* rosters, batches */
    struct shape_refused refused;     /* why not, once a step returned false */
    json_t *extra;                    /* more members of the problem, or NULL */
    bool by_vault;                    /* the vault refused, and has its leaf */
};

/* The value of a header, or NULL. */
const char *request_header(const struct request *r, const char *name);
/* The media type of the body, without parameters: whether it is this one. */
bool request_has_type(const struct request *r, const char *type);

/* Notes why; always false, so that a step can return it. */
bool refuse(struct request *r, enum problem problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether the vault's answer is of the type wanted; notes the refusal otherwise.  e: of the call. */
bool request_got(struct request *r, enum err e, const struct message *answer, enum msg wanted);

#endif
