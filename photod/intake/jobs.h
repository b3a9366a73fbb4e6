#ifndef PHOTOD_INTAKE_JOBS_H
#define PHOTOD_INTAKE_JOBS_H

#include "photod/intake/worker.h"

/*
 * One file each.  A job answers everything that is the file's fault; an
 * error it returns ends the process: ERR_CLOSED (vault or parent went away),
 * ERR_MALFORMED (the vault's message), or what the machine refused.
 */

/* One ZIP archive, read chunk by chunk out of the vault's spool. */
MUST_CHECK enum err zip_job(struct worker *w, struct message *open);
/* One picture file to its three renditions. */
MUST_CHECK enum err image_job(struct worker *w, struct message *image);
/* One roster file to its rows. */
MUST_CHECK enum err roster_job(struct worker *w, struct message *parse);

#endif
