#ifndef PHOTOD_WEB_OFFICE_H
#define PHOTOD_WEB_OFFICE_H

#include "photod/web/request.h"

/*
 * What a district sends: its roster, and photos in batches.  Web streams the
 * bytes to the vault without a look at them and writes down its reports.
 */
#define ROSTER_MAX_MIB 64

bool roster_begin(struct request *r);
bool roster_answer(struct request *r);
bool batch_create_answer(struct request *r);
bool batch_upload_begin(struct request *r);
bool batch_upload_answer(struct request *r);
bool batch_get_answer(struct request *r);
bool batch_list_answer(struct request *r);
bool batch_commit_answer(struct request *r);
bool batch_undo_answer(struct request *r);

/* For review.c: the batch of the path; a batch's state as the door answers it, NULL if it is none. */
void office_name_batch(const struct request *r, struct shape_batch_name *name);
json_t *office_batch_json(const struct shape_batch_state *is);

/* GET /v1/health, at both doors. */
bool health_answer(struct request *r);

#endif
