#ifndef PHOTOD_WEB_ANSWER_H
#define PHOTOD_WEB_ANSWER_H

#include <jansson.h>
#include "photod/web/request.h"
#include "photod/wire/bulk.h"

/*
 * How answers look: success as JSON or a picture, refusals as RFC 9457
 * problem JSON, each with the headers that keep it out of caches.  After a
 * refusal the connection ends.
 */

/* JSON memory is wiped when freed: it holds names and pictures.  Call first. */
void answer_init(void);

/* A success.  body is taken; NULL (out of memory) becomes a refusal.  location: or NULL.  False: refused. */
bool answer_json(struct request *r, unsigned status, json_t *body, const char *location);

struct answer_header {
    const char *name, *value;
};
/* A success without a body.  False: refused. */
bool answer_empty(struct request *r, unsigned status, const struct answer_header *headers, size_t count);
/* A success of any type; bytes are copied.  False: refused. */
bool answer_bytes(struct request *r, const char *type, const void *bytes, size_t len);
/* A picture with its headers; takes the mapping over in any case.  False: refused. */
bool answer_picture(struct request *r, struct bulk *picture, const struct answer_header *headers,
                    size_t count);

/* What r->refused says, with the members of r->extra beside it. */
enum MHD_Result answer_refused(struct request *r);

/* Text that may not be UTF-8: what is not becomes question marks.  NULL: no memory. */
json_t *answer_text(const char *text);
/* RFC 3339, UTC. */
json_t *answer_time(uint64_t wall_ms);
json_t *answer_date(struct date d);
/* Standard base64, one line; the caller frees it (gnutls_free) after wiping. */
MUST_CHECK enum err answer_base64(gnutls_datum_t *out, const void *bytes, size_t len);

#endif
