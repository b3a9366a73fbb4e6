#include "photod/ctl/restore_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/root_key.h"
#include "photod/ctl/vault_run.h"

enum ctl_exit restore_key_check(const struct restore_key *k)
{
    if (!k->file && !k->config && !k->shares.count)
        return say_fail(CTL_USAGE, "where the root key comes from is missing: --root-key FILE, --config FILE "
                                   "or --share FILE");
    if ((k->file || k->passphrase) + !!k->config + !!k->shares.count > 1)
        return say_fail(CTL_USAGE, "--root-key, --config and --share: give one of them");
    return CTL_OK;
}

/* ---- From its file ---- */

static enum ctl_exit add_file(struct restore_key *k, const char *setting, const char *path)
{
    k->fds[k->fd_count] = open(path, O_RDONLY | O_CLOEXEC);
    if (k->fds[k->fd_count] < 0)
        return say_fail(CTL_FAILED, "%s: %s: %s", setting, path, strerror(errno));
    k->fd_count++;
    return CTL_OK;
}

static enum ctl_exit open_file(struct restore_key *k)
{
    TRY_CTL(add_file(k, "--root-key", k->file));
    return k->passphrase ? add_file(k, "--seal-passphrase", k->passphrase) : CTL_OK;
}

/* ---- From what makes it again ---- */

static enum ctl_exit add_memory(struct restore_key *k)
{
    TRY_CTL(root_key_memory(&k->fds[0]));
    k->fd_count = 1;
    return CTL_OK;
}

static enum ctl_exit combine_shares(struct restore_key *k)
{
    const char *args[OPTION_LIST_MAX + 5] = {"--combine", "--root-key-fd", "3", "--"};
    bool is_typed = k->shares.count == 1 && strcmp(k->shares.values[0], "-") == 0;

    for (unsigned i = 0; !is_typed && i < k->shares.count; i++)
        args[4 + i] = k->shares.values[i];
    TRY_CTL(add_memory(k));
    return run_program(&(struct run){
        .program = "photod-vault", .args = args, .in = -1, .out = -1, .fds = k->fds, .fd_count = 1});
}

static enum ctl_exit open_by_config(struct restore_key *k)
{
    CLEANUP(heap) struct config *c = NULL;
    CLEANUP(fd) int sealed = -1;

    TRY_CTL(root_key_config(&c, k->config));
    TRY_CTL(root_key_open_part(&sealed, "root_key", c->root_key));
    if (strcmp(c->seal, "pkcs11") == 0) {
        TRY_CTL(add_memory(k));
        return root_key_unseal(c, k->config, sealed, k->fds[0]);
    }
    k->fds[k->fd_count++] = TAKE_FD(sealed);
    if (strcmp(c->seal, "passphrase") != 0)
        return CTL_OK;
    return add_file(k, "seal_passphrase", c->seal_passphrase);
}

enum ctl_exit restore_key_open(struct restore_key *k)
{
    if (k->shares.count)
        return combine_shares(k);
    return k->config ? open_by_config(k) : open_file(k);
}

void restore_key_close(struct restore_key *k)
{
    while (k->fd_count)
        (void)close(k->fds[--k->fd_count]);
}
