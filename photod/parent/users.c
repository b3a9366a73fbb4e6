#include "photod/parent/users.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/log.h"
#include "photod/base/text.h"

bool users_differ(const struct config *c)
{
    return strcmp(c->confinement, "users") == 0;
}

const char *user_of(const struct config *c, enum process p)
{
    if (!users_differ(c))
        return NULL;
    switch (p) {
    case PROCESS_VAULT:
        return c->user_vault;
    case PROCESS_LAW:
        return c->user_law;
    case PROCESS_OFFICE:
        return c->user_office;
    case PROCESS_INTAKE:
        return c->user_intake;
    case PROCESS_PARENT:
    case PROCESS_CTL:
        break;
    }
    return NULL;
}

enum err user_find(uid_t *out, const char *name)
{
    const struct passwd *user;
    uint64_t number;

    if (!u64_parse(&number, name, UINT32_MAX - 1)) {
        *out = (uid_t)number;
        return OK;
    }
    user = getpwnam(name);
    if (!user)
        return ERR_NOTFOUND;
    *out = user->pw_uid;
    return OK;
}

enum err group_find(gid_t *out, const char *name)
{
    const struct group *group;
    uint64_t number;

    if (!u64_parse(&number, name, UINT32_MAX - 1)) {
        *out = (gid_t)number;
        return OK;
    }
    group = getgrnam(name);
    if (!group)
        return ERR_NOTFOUND;
    *out = group->gr_gid;
    return OK;
}

static enum err check_user(const char *key, const char *name)
{
    uid_t uid;

    if (user_find(&uid, name)) {
        log_error("%s: no user `%s` on this machine; create it (systemd-sysusers) or name another", key,
                  name);
        return ERR_NOTFOUND;
    }
    if (uid == 0) {
        log_error("%s: must not be root", key);
        return ERR_DENIED;
    }
    return OK;
}

enum err users_check(const struct config *c)
{
    gid_t gid;

    if (*c->admin_group && group_find(&gid, c->admin_group)) {
        log_error("admin_group: no group `%s` on this machine", c->admin_group);
        return ERR_NOTFOUND;
    }
    if (!users_differ(c))
        return OK;
    if (geteuid() != 0) {
        log_error("must be started as root, to give each process its own user "
                  "(for a demo as one user: confinement = same-user)");
        return ERR_DENIED;
    }
    TRY(check_user("user_vault", c->user_vault));
    TRY(check_user("user_law", c->user_law));
    TRY(check_user("user_office", c->user_office));
    TRY(check_user("user_intake", c->user_intake));
    return strcmp(c->seal, "pkcs11") == 0 ? check_user("user_unseal", c->user_unseal) : OK;
}
