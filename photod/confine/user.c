/*
 * Another user for good.  Runs in the child between fork and exec, while it
 * still is a copy of the parent: name lookup may read files and allocate,
 * which is safe because the parent has no threads.
 */
#include "photod/confine/confine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/confine/capabilities.h"

struct identity {
    const char *name; /* borrowed from the user database; NULL: not in it */
    uid_t uid;
    gid_t gid;
};

static enum err find(struct identity *out, const char *name)
{
    const struct passwd *p;
    uint64_t number;

    errno = 0;
    p = getpwnam(name);
    /* The largest number is the kernel's "leave as it is". */
    if (!p && u64_parse(&number, name, (uid_t)-1 - 1) == OK) {
        p = getpwuid((uid_t)number);
        if (!p) {
            *out = (struct identity){NULL, (uid_t)number, (gid_t)number};
            return OK;
        }
    }
    if (!p) {
        if (errno && errno != ENOENT && errno != ESRCH)
            log_errno("looking up a user");
        return ERR_NOTFOUND;
    }
    *out = (struct identity){p->pw_name, p->pw_uid, p->pw_gid};
    return OK;
}

static enum err become(const struct identity *who)
{
    if (capabilities_bound())
        return ERR_IO;
    if (who->name ? initgroups(who->name, who->gid) : setgroups(0, NULL)) {
        log_errno("setting the groups of user %u", (unsigned)who->uid);
        return ERR_IO;
    }
    if (setresgid(who->gid, who->gid, who->gid) || setresuid(who->uid, who->uid, who->uid)) {
        log_errno("becoming user %u", (unsigned)who->uid);
        return ERR_IO;
    }
    return OK;
}

/* Asks the kernel instead of believing the calls above, then tries to return. */
static bool is_final(const struct identity *who)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    if (getresuid(&real, &effective, &saved) || real != who->uid || effective != who->uid ||
        saved != who->uid)
        return false;
    if (getresgid(&real_group, &effective_group, &saved_group) || real_group != who->gid ||
        effective_group != who->gid || saved_group != who->gid)
        return false;
    if (capabilities_held())
        return false;
    return setresuid(0, 0, 0) && setuid(0) && seteuid(0) && setgroups(0, NULL) &&
           (who->gid == 0 || setgid(0));
}

enum err confine_user(const char *name)
{
    struct identity who;

    TRY(find(&who, name));
    if (who.uid == 0) {
        log_error("user %s is root", name);
        return ERR_DENIED;
    }
    TRY(become(&who));
    if (!is_final(&who)) {
        log_error("user %s could become root again", name);
        return ERR_IO;
    }
    return OK;
}
