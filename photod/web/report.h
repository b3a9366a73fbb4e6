#ifndef PHOTOD_WEB_REPORT_H
#define PHOTOD_WEB_REPORT_H

#include <jansson.h>
#include "photod/web/request.h"
#include "photod/wire/message.h"

/*
 * Answers a report: body (taken) with its rows, and of a batch the counts
 * per school and the opt-ins to be renewed; or, when the request accepts
 * text/tab-separated-values, the rows alone.  answer: ROSTER_REPORT or
 * BATCH_REPORT, which came by link.  False: refused.
 */
bool report_answer(struct request *r, json_t *body, const struct message *answer, uint64_t link);

#endif
