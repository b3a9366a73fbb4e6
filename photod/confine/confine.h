#ifndef PHOTOD_CONFINE_CONFINE_H
#define PHOTOD_CONFINE_CONFINE_H

#include <stdbool.h>
#include "photod/base/err.h"

/*
 * Gives up rights, for good: rlimits, no_new_privs, capabilities, not
 * dumpable, Landlock where the kernel has it, seccomp.  One profile per
 * process (calls.def, limits.c); nothing in a profile depends on
 * configuration but the directories that were opened before.
 *
 * The parent changes the user between fork and exec (confine_user); the
 * rest the process does to itself, once it holds all it needs.
 *
 * A process that asks for something its profile lacks gets EACCES or EPERM,
 * or dies by SIGSYS; calls.def says which, and how to find the missing row.
 */
enum confine_profile { CONFINE_WEB, CONFINE_VAULT, CONFINE_INTAKE, CONFINE_PARENT, CONFINE_UNSEAL };

/* What the kernel gave, for `photoctl status` and the log. */
struct confined {
    int landlock_abi; /* 0: the kernel has none; always 0 for the parent, whose children would inherit it, and
                         unseal */
    bool seccomp;
};

/*
 * writable_dirs: open directories below which the process may create, read,
 * write and remove files (the vault's state); everything else on the file
 * system is closed where Landlock exists.  Call it before starting threads:
 * Landlock and capabilities belong to a thread, and only seccomp reaches
 * those that run already.  Only for intake, whose libraries start theirs
 * while warming up and which has no path left to walk, is that no error.
 * Expected: ERR_IO; the process must then exit.
 */
MUST_CHECK enum err confine(struct confined *out, enum confine_profile profile, const int *writable_dirs,
                            unsigned dir_count);

/*
 * Between fork and exec, as root: sets the user's groups, gid and uid, and
 * proves that root cannot come back.  name: a user name or a number; a
 * number without an entry is also the gid, and has no other groups.
 * Expected: ERR_NOTFOUND (no such user), ERR_DENIED (the user is root).
 */
MUST_CHECK enum err confine_user(const char *name);

#endif
