#ifndef PHOTOD_CTL_PROMPT_H
#define PHOTOD_CTL_PROMPT_H

#include <stdbool.h>
#include "photod/base/buf.h"
#include "photod/ctl/say.h"

/*
 * What must not stand in the arguments, where every user of the machine can
 * read it, nor in the environment, is asked for here.
 */

/* One line of standard input; on a terminal after a question.  What goes wrong was said. */
MUST_CHECK enum ctl_exit prompt_line(char *out, size_t size, const char *question);

/* A State ID: nine digits and a NUL. */
#define PROMPT_STATE_ID 10
MUST_CHECK enum ctl_exit prompt_state_id(char out[static PROMPT_STATE_ID]);

/*
 * The passphrase of the issuing CA: from the file when path is not NULL,
 * else from the terminal without echo, asked twice when it is a new one.
 */
MUST_CHECK enum ctl_exit prompt_passphrase(struct buf **out, const char *path, bool is_new);

#endif
