#ifndef PHOTOD_WEB_LAW_H
#define PHOTOD_WEB_LAW_H

#include "photod/web/request.h"

/*
 * POST /v1/lookups: one child of one case, asked by an agency's system.  Web
 * judges syntax and types; case, operator, child and right are the vault's.
 */
#define LOOKUP_MAX_BYTES 8192

bool lookup_begin(struct request *r);
bool lookup_feed(struct request *r, const char *bytes, size_t len);
bool lookup_answer(struct request *r);

#endif
