#ifndef PHOTOD_INTAKE_WORKER_H
#define PHOTOD_INTAKE_WORKER_H

#include "photod/wire/channel.h"

/*
 * The worker's two channels and its loop over jobs.  The state of the
 * vault's channel is the state of the worker:
 *
 *   IDLE    waits for ZIP_OPEN (zip_job), IMAGE (image_job), ROSTER_PARSE (roster_job)
 *   ZIP     serves one archive until ZIP_CLOSE, or until it was refused as a whole
 *   IMAGE   owes IMAGE_DONE or IMAGE_FAULT
 *   ROSTER  owes ROSTER_PARSED or ROSTER_FAULT
 */
struct worker {
    struct channel parent, vault;
    uint64_t jobs_left; /* then a fresh process takes over */
};

/*
 * What the parent says first, up to GO.  Expected: ERR_CLOSED (told to leave),
 * ERR_DENIED (the configuration cannot be worked with; logged), ERR_MALFORMED.
 */
MUST_CHECK enum err worker_adopt(struct worker *w);
/* Tells the parent READY and does jobs.  OK: time to leave.  Expected: ERR_MALFORMED (the vault's message).
 */
MUST_CHECK enum err worker_serve(struct worker *w, const struct shape_ready *ready);

/* For jobs: the vault's next message.  Expected: ERR_CLOSED (leave now), ERR_MALFORMED. */
MUST_CHECK enum err worker_receive(struct worker *w, struct message *out);
/* For jobs: answers the vault; fds stay the caller's.  Expected: ERR_CLOSED. */
MUST_CHECK enum err worker_answer(struct worker *w, enum msg type, uint32_t request, const void *shape,
                                  const int *fds, unsigned fd_count);

#endif
