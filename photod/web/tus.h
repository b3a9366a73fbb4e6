#ifndef PHOTOD_WEB_TUS_H
#define PHOTOD_WEB_TUS_H

#include "photod/web/request.h"

/*
 * The upload of a batch that survives its connection: tus 1.0.0
 * (https://tus.io/protocols/resumable-upload), core, creation and expiration.
 * A batch has one upload, so its path is that of the upload, too.
 *
 *   OPTIONS  what is spoken here
 *   POST     begins it, empty: Upload-Length
 *   HEAD     where it stands: Upload-Offset; only what is durable counts
 *   PATCH    goes on from Upload-Offset; the last byte hands it to judging
 *
 * Upload-Metadata is not read: names of files may be names of children.
 */
#define TUS_VERSION "1.0.0"

/* The largest upload, for Tus-Max-Size. */
void tus_init(uint64_t max_bytes);

/* Begins the upload of the batch in the path, and readies it for the body.  False: refused. */
bool tus_begin(struct request *r, uint64_t length);

bool tus_check(struct request *r);
bool tus_patch_begin(struct request *r);
bool tus_options_answer(struct request *r);
bool tus_create_answer(struct request *r);
bool tus_head_answer(struct request *r);
bool tus_patch_answer(struct request *r);

#endif
