#ifndef PHOTOD_WEB_WITHDRAW_H
#define PHOTOD_WEB_WITHDRAW_H

#include "photod/web/request.h"

/*
 * POST /v1/districts/{code}/withdrawals: a family takes its answer back and
 * the child is erased.  The State ID travels in the body, because URLs end up
 * in logs.  Web judges syntax and types; whose child it is the vault knows.
 */
#define WITHDRAW_MAX_BYTES 8192

bool withdraw_begin(struct request *r);
bool withdraw_feed(struct request *r, const char *bytes, size_t len);
bool withdraw_answer(struct request *r);

#endif
