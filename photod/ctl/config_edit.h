#ifndef PHOTOD_CTL_CONFIG_EDIT_H
#define PHOTOD_CTL_CONFIG_EDIT_H

#include "photod/base/buf.h"
#include "photod/base/config.h"
#include "photod/ctl/init_config.h"
#include "photod/ctl/say.h"

/*
 * photod.conf with other values: every other line, comments included, stays
 * as it is.  A value of NULL comments its key out.
 */
MUST_CHECK enum err config_edit(struct buf *out, const char *text, const struct init_values *values,
                                size_t count);

/* Where the edited one waits, beside the one in force: PATH.new. */
#define CONFIG_WAITING_MAX 4200
/*
 * Writes it there, with owner and mode of the one at path.  config: what it
 * says.  What goes wrong was said.
 */
MUST_CHECK enum ctl_exit config_prepare(char waiting[static CONFIG_WAITING_MAX], struct config **config,
                                        const char *path, const struct init_values *values, size_t count);
/* Puts it in force, at once and durably. */
MUST_CHECK enum ctl_exit config_switch(const char *waiting, const char *path);

#endif
