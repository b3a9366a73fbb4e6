/*
 * `photoctl unseal`: recovery shares, tried or used.  photod-vault does it,
 * and reads the shares itself: none passes through photoctl.
 */
#include <stdio.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/options.h"
#include "photod/ctl/root_key.h"
#include "photod/ctl/vault_run.h"

static const char about[] =
    "Tries or uses the recovery shares that `photoctl init` made. Three of the five are needed; they are "
    "read from "
    "--share files, else from standard input, where a terminal asks for them line by line.\n\n"
    "--rehearse proves that the shares open this state, and changes nothing: photod may run. Do it every "
    "quarter.\n\n"
    "--recover makes the root key again when its file is lost, or its passphrase: root_key and "
    "seal_passphrase of the "
    "configuration say where and how. No file is overwritten.";

/* photod-vault makes it of the shares; by pkcs11 photod-unseal has the token seal it then. */
static enum ctl_exit recover_root_key(const char *config, const char *root_key, const char *const *args)
{
    CLEANUP(heap) struct config *c = NULL;
    CLEANUP(fd) int memory = -1;

    TRY_CTL(root_key_config(&c, config));
    TRY_CTL(root_key_memory(&memory));
    TRY_CTL(run_program(&(struct run){
        .program = "photod-vault", .args = args, .in = -1, .out = -1, .fds = &memory, .fd_count = 1}));
    if (strcmp(c->seal, "pkcs11") != 0)
        return CTL_OK;
    return root_key_seal(c, config, memory, root_key ? root_key : c->root_key);
}

enum ctl_exit command_unseal(int argc, char **argv)
{
    bool rehearse = false, recover = false;
    const char *config = NULL, *root_key = NULL;
    struct option_list shares = {.count = 0};
    const struct option_row rows[] = {
        OPTION_FLAG("rehearse", rehearse, "Prove the shares, change nothing."),
        OPTION_FLAG("recover", recover, "Make the root key again."),
        OPTION_NEED("config", "FILE", config, "photod.conf."),
        OPTION_LIST("share", "FILE", shares, "A file with one share, or with several."),
        OPTION_TEXT("root-key", "FILE", root_key,
                    "With --recover: where the root key goes, if not where root_key says; needed with seal = "
                    "credential."),
    };
    const struct usage u = {"unseal", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    const char *args[OPTION_LIST_MAX + 8];
    unsigned n = 0;
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    if (rehearse == recover)
        return say_fail(CTL_USAGE, "unseal: give either --rehearse or --recover");
    if (rehearse && root_key)
        return say_fail(CTL_USAGE, "unseal: --rehearse writes no root key");
    args[n++] = rehearse ? "--rehearse" : "--recover";
    args[n++] = "--config";
    args[n++] = config;
    if (root_key) {
        args[n++] = "--root-key";
        args[n++] = root_key;
    }
    if (recover) {
        args[n++] = "--root-key-fd";
        args[n++] = "3";
    }
    args[n++] = "--";
    for (unsigned i = 0; i < shares.count; i++)
        args[n++] = shares.values[i];
    args[n] = NULL;
    return recover ? recover_root_key(config, root_key, args) : vault_run(NULL, args);
}
