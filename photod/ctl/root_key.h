#ifndef PHOTOD_CTL_ROOT_KEY_H
#define PHOTOD_CTL_ROOT_KEY_H

#include "photod/base/config.h"
#include "photod/ctl/say.h"

/*
 * The root key on its way from one program to the next: photod-vault makes
 * it, photod-unseal has a token seal it, the running vault takes it.  It goes
 * through memory that is locked, and photoctl looks at none of it.
 */

/* That memory, empty; it lives as long as photoctl. */
MUST_CHECK enum ctl_exit root_key_memory(int *fd);
/* Filled, it changes no more: what the vault asks for before it reads. */
MUST_CHECK enum ctl_exit root_key_seal_memory(int fd);
/*
 * Has the token of c, which is the configuration at config_path, seal what is
 * in the memory into a new file at path, mode 0400, durably.  What goes wrong
 * was said; then there is no file.
 */
MUST_CHECK enum ctl_exit root_key_seal(const struct config *c, const char *config_path, int memory,
                                       const char *path);
/* Has that token open the root key file `sealed` into the memory. */
MUST_CHECK enum ctl_exit root_key_unseal(const struct config *c, const char *config_path, int sealed,
                                         int memory);
/* Opens what a setting names: a file, or a systemd credential when there is no slash in it. */
MUST_CHECK enum ctl_exit root_key_open_part(int *fd, const char *setting, const char *value);
/* The configuration at path.  What is wrong was said. */
MUST_CHECK enum ctl_exit root_key_config(struct config **out, const char *path);

#endif
