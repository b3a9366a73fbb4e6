#ifndef PHOTOD_WEB_REVIEW_H
#define PHOTOD_WEB_REVIEW_H

#include "photod/web/request.h"

/*
 * GET and POST .../batches/{id}/review: the files that no rule gives to one
 * child, with the candidates of the batch's own roster; and the clerk's
 * decisions.  State IDs travel in bodies only.
 */
#define REVIEW_MAX_BYTES (4u << 20)

bool review_get_answer(struct request *r);
bool review_begin(struct request *r);
bool review_feed(struct request *r, const char *bytes, size_t len);
bool review_answer(struct request *r);

#endif
