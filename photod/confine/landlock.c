/*
 * By system call: glibc has no wrappers, and Debian 12's header ends at ABI 2,
 * so the kernel's interface (include/uapi/linux/landlock.h, as of ABI 7) is
 * restated here as far as it is used.
 */
#include "photod/confine/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/base/log.h"

#define CREATE_RULESET_VERSION     1U
#define RULE_PATH_BENEATH          1

#define FS_WRITE_FILE              (UINT64_C(1) << 1)
#define FS_READ_FILE               (UINT64_C(1) << 2)
#define FS_READ_DIR                (UINT64_C(1) << 3)
#define FS_REMOVE_DIR              (UINT64_C(1) << 4)
#define FS_REMOVE_FILE             (UINT64_C(1) << 5)
#define FS_MAKE_DIR                (UINT64_C(1) << 7)
#define FS_MAKE_REG                (UINT64_C(1) << 8)
#define FS_REFER                   (UINT64_C(1) << 13) /* ABI 2: rename and link between directories */
#define FS_TRUNCATE                (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV               (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP               (UINT64_C(1) << 0)
#define NET_CONNECT_TCP            (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL               (UINT64_C(1) << 1)

/* No execute, no device, FIFO, socket or symbolic link. */
#define FS_STATE                                                                                             \
    (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |             \
     FS_MAKE_REG | FS_REFER | FS_TRUNCATE)

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped;             /* ABI 6 */
};

struct __attribute__((packed)) path_beneath_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
};

static int probe(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

    return abi > 0 ? (int)abi : 0;
}

/* Everything the ABI can refuse is refused; an older kernel must not be handed what it does not know. */
static size_t handled(struct ruleset_attr *a, int abi)
{
    *a = (struct ruleset_attr){.handled_access_fs = FS_REFER - 1};
    if (abi >= 2)
        a->handled_access_fs |= FS_REFER;
    if (abi >= 3)
        a->handled_access_fs |= FS_TRUNCATE;
    if (abi >= 5)
        a->handled_access_fs |= FS_IOCTL_DEV;
    if (abi < 4)
        return offsetof(struct ruleset_attr, handled_access_net);
    a->handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
    if (abi < 6)
        return offsetof(struct ruleset_attr, scoped);
    a->scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
    return sizeof *a;
}

static enum err allow(int ruleset, int dir, uint64_t rights)
{
    const struct path_beneath_attr below = {.allowed_access = rights, .parent_fd = dir};

    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &below, 0)) {
        log_errno("landlock_add_rule");
        return ERR_IO;
    }
    return OK;
}

/* A sanitizer reads /proc/self at exit and the program's own symbols for a report. */
static enum err allow_sanitizer(int ruleset)
{
#ifdef PHOTOD_SANITIZED
    CLEANUP(fd) int root = open("/", O_PATH | O_CLOEXEC);

    return root < 0 ? ERR_IO : allow(ruleset, root, FS_READ_FILE | FS_READ_DIR);
#else
    (void)ruleset;
    return OK;
#endif
}

enum err landlock_close(int *abi, const int *writable_dirs, unsigned dir_count)
{
    CLEANUP(fd) int ruleset = -1;
    struct ruleset_attr attr;
    int found = probe();

    if (!found) {
        *abi = 0;
        return OK;
    }
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, handled(&attr, found), 0);
    if (ruleset < 0) {
        log_errno("landlock_create_ruleset");
        return ERR_IO;
    }
    for (unsigned i = 0; i < dir_count; i++)
        TRY(allow(ruleset, writable_dirs[i], FS_STATE & attr.handled_access_fs));
    TRY(allow_sanitizer(ruleset));
    if (syscall(SYS_landlock_restrict_self, ruleset, 0)) {
        log_errno("landlock_restrict_self");
        return ERR_IO;
    }
    *abi = found;
    return OK;
}
