/* `restore` and `backup drill`: a state from a backup, for good or to see that it can be done. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "photod/base/clock.h"
#include "photod/base/text.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/file.h"
#include "photod/ctl/restore_run.h"

#define USER_VAULT "photod-vault"

/* ---- The place ---- */

/* The state's name is free, and beside it is where it is built. */
static enum ctl_exit make_place(struct restoring *r, const char *state)
{
    size_t len = strlen(state);

    while (len > 1 && state[len - 1] == '/')
        len--;
    if (snprintf(r->place.path, sizeof r->place.path, "%.*s.restoring", (int)len, state) >=
        (int)sizeof r->place.path)
        return say_fail(CTL_USAGE, "--state: the path is too long");
    if (rmdir(state) && errno != ENOENT)
        return say_fail(CTL_FAILED, "%s: %s; give a new directory", state, strerror(errno));
    return restore_place_open(&r->place);
}

static uid_t vault_uid;
static gid_t vault_gid;

static int hand_over(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return lchown(path, vault_uid, vault_gid);
}

/* As root, with a user for each process: the state is the vault's. */
static enum ctl_exit give_to_vault(const char *state, bool same_user)
{
    const struct passwd *user = same_user || geteuid() ? NULL : getpwnam(USER_VAULT);

    if (!user)
        return CTL_OK;
    vault_uid = user->pw_uid;
    vault_gid = user->pw_gid;
    if (nftw(state, hand_over, 16, FTW_PHYS | FTW_MOUNT))
        return say_fail(CTL_FAILED, "giving %s to " USER_VAULT ": %s", state, strerror(errno));
    return CTL_OK;
}

/* ---- restore ---- */

static enum ctl_exit keep_verifier(const struct restoring *r)
{
    CLEANUP(buf) struct buf *line = NULL;
    char path[4200];

    if (buf_new(&line, 1000) || buf_printf(line, "%s\n", r->vkey))
        return say_fail(CTL_FAILED, "out of memory");
    (void)snprintf(path, sizeof path, "%s/log.vkey", r->place.path);
    return file_write_new(path, 0644, buf_bytes(line), buf_len(line));
}

static void say_next(const struct restoring *r, const char *state)
{
    (void)printf(
        "%s\n\nRestored into %s. Next:\n"
        "  1. photod.conf: `state = %s`; certificates, CA and photod.conf are not part of a backup;\n"
        "%s"
        "  3. start photod, then `photoctl keys rotate` and `photoctl backup --full` into a new "
        "directory;\n"
        "  4. give auditors and agencies the new log's key, and keep the old one: receipts of before "
        "verify with it.\n     %s\n"
        "Uploads that were not judged yet are not in a backup: their districts send them again.\n",
        r->report, state, state,
        r->key.shares.count
            ? "  2. `photoctl unseal --recover --config photod.conf` with the same shares, which "
              "makes the root key again;\n"
            : "  2. the root key where photod.conf says, by its seal method;\n",
        r->vkey);
}

static enum ctl_exit build(struct restoring *r, const char *state, bool same_user)
{
    TRY_CTL(make_place(r, state));
    TRY_CTL(restore_key_open(&r->key));
    TRY_CTL(restoring_run(r));
    TRY_CTL(keep_verifier(r));
    TRY_CTL(give_to_vault(r->place.path, same_user));
    return restore_place_rename(&r->place, state);
}

static enum ctl_exit restore(struct restoring *r, const char *state, bool same_user)
{
    enum ctl_exit code;

    TRY_CTL(restoring_open(r));
    code = build(r, state, same_user);
    if (code)
        say_hint("Nothing is kept of what had been made.");
    return code;
}

static const char about_restore[] = "Makes a state from a backup. It counts as good only if its log has the "
                                    "root of a checkpoint that was kept "
                                    "outside the backup; keys that the log says are erased go before "
                                    "anything could be served; everything that "
                                    "is sealed is opened once.\n\n"
                                    "The log goes on under a new name with a new key, so that it can never "
                                    "contradict what the lost one signed; "
                                    "its first leaf names the log before it, whose leaves it keeps.";

enum ctl_exit command_restore(int argc, char **argv)
{
    struct restoring r = {.dir_fd = -1, .place = {.lock = -1}};
    const char *state = NULL;
    bool same_user = false;
    const struct option_row rows[] = {
        RESTORE_OPTIONS(r),
        OPTION_NEED("state", "DIR", state, "Where the state goes: a new or empty directory."),
        OPTION_TEXT("origin", "NAME", r.origin,
                    "The name of the log from here on. Default: the old name and /restored-XXXXXXXX."),
        OPTION_FLAG("same-user", same_user, "As root: do not give it to the user photod-vault."),
    };
    const struct usage u = {"restore", "", about_restore, rows, sizeof rows / sizeof rows[0], NULL, 0};
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    code = restore(&r, state, same_user);
    if (!code)
        say_next(&r, state);
    restoring_close(&r);
    return code;
}

/* ---- backup drill ---- */

struct drill {
    struct restoring restoring;
    const char *scratch;
    bool json;
    int64_t age_ms, took_ms;
};

static void print_drill(const struct drill *d)
{
    const struct restoring *r = &d->restoring;
    uint64_t behind = r->lost;

    if (!d->json) {
        (void)printf("%s\nRPO: the backup is %.1f minutes old, %" PRIu64
                     " leaves behind the checkpoint given.\n"
                     "RTO: %.1f seconds from the backup to a proven state.\n",
                     r->report, (double)d->age_ms / 60000, behind, (double)d->took_ms / 1000);
        return;
    }
    {
        json_t *o =
            json_pack("{s:f, s:I, s:f, s:I, s:I}", "rpo_seconds", (double)d->age_ms / 1000, "leaves_behind",
                      (json_int_t)behind, "rto_seconds", (double)d->took_ms / 1000, "leaves",
                      (json_int_t)r->own.size, "position", (json_int_t)r->manifest->position);

        say_json(o);
        json_decref(o);
    }
}

static enum ctl_exit drill(struct drill *d)
{
    struct restoring *r = &d->restoring;
    int64_t start = clock_steady_ms(), checked;
    enum ctl_exit code;

    if (snprintf(r->place.path, sizeof r->place.path, "%s/photod-drill.restoring", d->scratch) >=
        (int)sizeof r->place.path)
        return say_fail(CTL_USAGE, "--scratch: the path is too long");
    TRY_CTL(restoring_open(r));
    TRY_CTL(restore_place_open(&r->place));
    checked = clock_steady_ms() - start;
    code = restore_key_open(&r->key);
    start = clock_steady_ms() - checked; /* nobody's typing counts */
    if (!code)
        code = restoring_run(r);
    d->took_ms = clock_steady_ms() - start;
    d->age_ms = clock_wall_ms() - r->manifest->made_ms;
    return code;
}

static const char about_drill[] = "Restores a backup into a scratch directory, as `photoctl restore` would, "
                                  "and removes it again: every file is "
                                  "checked, the log proven against the checkpoint, every sealed value "
                                  "opened. Prints how much would be lost "
                                  "(RPO) and how long it took (RTO). Starts nothing. Do it every quarter, "
                                  "with the checkpoint an auditor keeps.";

enum ctl_exit command_backup_drill(int argc, char **argv)
{
    struct drill d = {.restoring = {.dir_fd = -1, .place = {.lock = -1}}, .scratch = "/tmp"};
    const struct option_row rows[] = {
        RESTORE_OPTIONS(d.restoring),
        OPTION_TEXT("scratch", "DIR", d.scratch,
                    "Where to, on a volume with room for the state. Default: /tmp."),
        OPTION_FLAG("json", d.json, "Print JSON."),
    };
    const struct usage u = {"backup drill", "", about_drill, rows, sizeof rows / sizeof rows[0], NULL, 0};
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    code = drill(&d);
    if (!code)
        print_drill(&d);
    restoring_close(&d.restoring);
    return code;
}
