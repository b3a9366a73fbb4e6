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
bool batch_commit_answer(struct request *r);
bool batch_undo_answer(struct request *r);

/* GET /v1/health, at both doors. */
bool health_answer(struct request *r);

#endif
