#ifndef PHOTOD_CTL_RESUME_H
#define PHOTOD_CTL_RESUME_H

#include "photod/ctl/http.h"

/*
 * Sends a file so that a line that breaks costs nothing but time: tus 1.0.0,
 * ops/docs/uploads.md.  What was sent before is never sent again.
 *
 * path: of the upload.  goes_on: it was begun earlier, by this file.  Tries
 * again for some minutes after the last byte that got through; then
 * CTL_UNREACHABLE, and it may be gone on with later.
 */
MUST_CHECK enum ctl_exit resume_send(struct http *h, const char *path, const char *file, bool goes_on);

#endif
