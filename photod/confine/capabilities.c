#include "photod/confine/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "photod/base/log.h"

/* Two words of 32 capabilities each. */
struct sets {
    struct __user_cap_data_struct word[_LINUX_CAPABILITY_U32S_3];
};

static enum err get(struct sets *s)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};

    if (syscall(SYS_capget, &h, s->word)) {
        log_errno("capget");
        return ERR_IO;
    }
    return OK;
}

bool capabilities_held(void)
{
    struct sets s;

    if (get(&s))
        return true;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if (s.word[i].effective | s.word[i].permitted | s.word[i].inheritable)
            return true;
    return false;
}

static bool may_bound(void)
{
    struct sets s;

    return !get(&s) && s.word[CAP_TO_INDEX(CAP_SETPCAP)].effective & CAP_TO_MASK(CAP_SETPCAP);
}

enum err capabilities_bound(void)
{
    if (!may_bound())
        return OK;
    /* The kernel may know more capabilities than our header: ask it where they end. */
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)) {
            log_errno("PR_CAPBSET_DROP");
            return ERR_IO;
        }
    }
    return OK;
}

enum err capabilities_drop(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct sets none = {0};

    TRY(capabilities_bound());
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) || syscall(SYS_capset, &h, none.word)) {
        log_errno("dropping capabilities");
        return ERR_IO;
    }
    if (capabilities_held()) {
        log_error("capabilities are still held after they were dropped");
        return ERR_IO;
    }
    return OK;
}
