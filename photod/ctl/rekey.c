/*
 * `keys rekey`: a new root key, by the same seal method or another.  In an
 * order in which every crash point starts again by itself:
 *
 *   1  the new photod.conf waits beside the one in force
 *   2  the new root key is sealed by its method, and proven to open
 *   3  the vault seals its keys by both root keys
 *   4  the new recovery shares are proven against that, and handed out
 *   5  the new photod.conf is put in force
 *
 * Until 5 photod starts by the old root key; from then on by the new one, and
 * the first start by it ends the old one (photod/vault/rekey.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/config_edit.h"
#include "photod/ctl/file.h"
#include "photod/ctl/init_shares.h"
#include "photod/ctl/local.h"
#include "photod/ctl/root_key.h"
#include "photod/ctl/vault_run.h"

#define DEFAULT_CONFIG "/etc/photod/photod.conf"
#define REKEY_S        60

struct rekey {
    struct local_where where;
    const char *path, *seal, *passphrase, *credential, *module, *uri, *pin, *environment, *shares_dir;
    char key[PATH_MAX], phrase[PATH_MAX], module_path[PATH_MAX], pin_path[PATH_MAX]; /* absolute */
    char waiting[CONFIG_WAITING_MAX];
    struct config *old, *next;
    int memory, lock;
    struct buf *shares;
    bool made_key, made_dir;
};

/* ---- What is wanted ---- */

static const char *given_or(const char *given, const char *old)
{
    return given ? given : old;
}

/* What was never set stays so. */
static const char *set_or_none(const char *value)
{
    return *value ? value : NULL;
}

static const char *config_path(const struct rekey *r)
{
    return given_or(r->where.config, DEFAULT_CONFIG);
}

/* A method's settings are kept while they may serve again. */
static enum ctl_exit write_config(struct rekey *r)
{
    bool is_credential = strcmp(r->seal, "credential") == 0;
    const struct init_values values[] = {
        {"seal", r->seal},
        {"root_key", is_credential ? given_or(r->credential, "photod-root-key") : r->key},
        {"seal_passphrase", set_or_none(r->passphrase ? r->phrase : r->old->seal_passphrase)},
        {"pkcs11_module", set_or_none(r->module ? r->module_path : r->old->pkcs11_module)},
        {"pkcs11_uri", set_or_none(given_or(r->uri, r->old->pkcs11_uri))},
        {"pkcs11_pin", set_or_none(r->pin ? r->pin_path : r->old->pkcs11_pin)},
        {"pkcs11_environment", set_or_none(given_or(r->environment, r->old->pkcs11_environment))},
    };

    if (r->credential && !is_credential)
        return say_fail(CTL_USAGE, "--credential NAME is for --seal credential");
    if (is_credential && strcmp(values[1].value, r->old->root_key) == 0)
        return say_fail(CTL_USAGE,
                        "the new credential needs another name than %s, by which the old one is found: "
                        "--credential NAME",
                        r->old->root_key);
    return config_prepare(r->waiting, &r->next, config_path(r), values, sizeof values / sizeof values[0]);
}

/*
 * photod.conf must name the root key that photod runs by.  Does it name
 * another, that one is on its way already, and to begin again would take it
 * out of the key file: nothing would open what photod.conf names.
 */
static enum ctl_exit check_in_force(const struct rekey *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    const struct shape_keys_status *s = &answer.is.keys_status;

    TRY_CTL(local_ask(&answer, &r->where, MSG_KEYS_STATUS, NULL, MSG_KEYS_ARE));
    if (strcmp(s->seal, r->old->seal) != 0 || strcmp(s->root_key, r->old->root_key) != 0)
        return say_fail(CTL_FAILED,
                        "%s names another root key than the one photod runs by: restart photod first",
                        config_path(r));
    return CTL_OK;
}

/* One photoctl at a time, from looking at photod.conf to changing it; until this one exits. */
static enum ctl_exit lock_config(struct rekey *r)
{
    r->lock = open(config_path(r), O_RDONLY | O_CLOEXEC);
    if (r->lock < 0)
        return say_fail(CTL_FAILED, "%s: %s", config_path(r), strerror(errno));
    if (flock(r->lock, LOCK_EX | LOCK_NB))
        return say_fail(CTL_FAILED, "another photoctl is replacing the root key");
    return CTL_OK;
}

static enum ctl_exit prepare(struct rekey *r)
{
    TRY_CTL(lock_config(r));
    TRY_CTL(root_key_config(&r->old, config_path(r)));
    TRY_CTL(check_in_force(r));
    r->seal = given_or(r->seal, r->old->seal);
    TRY_CTL(file_absolute(r->key, r->path));
    if (r->passphrase)
        TRY_CTL(file_absolute(r->phrase, r->passphrase));
    if (r->module)
        TRY_CTL(file_absolute(r->module_path, r->module));
    if (r->pin && strchr(r->pin, '/'))
        TRY_CTL(file_absolute(r->pin_path, r->pin));
    else if (r->pin)
        (void)snprintf(r->pin_path, sizeof r->pin_path, "%s", r->pin);
    return write_config(r);
}

/* ---- Making ---- */

static enum ctl_exit make_root_key(struct rekey *r)
{
    const char *const args[] = {"--new-root", "--config",      r->waiting, "--root-key",
                                r->key,       "--root-key-fd", "3",        NULL};

    if (access(r->key, F_OK) == 0)
        return say_fail(CTL_FAILED, "%s exists already: nothing was changed", r->key);
    r->made_key = true; /* whatever happens in there */
    TRY_CTL(root_key_memory(&r->memory));
    if (run_program(&(struct run){.program = "photod-vault",
                                  .args = args,
                                  .in = -1,
                                  .out = -1,
                                  .fds = &r->memory,
                                  .fd_count = 1,
                                  .output = &r->shares}))
        return say_fail(CTL_FAILED, "photod-vault could not make the root key");
    if (strcmp(r->next->seal, "pkcs11") == 0)
        TRY_CTL(root_key_seal(r->next, r->waiting, r->memory, r->key));
    return root_key_seal_memory(r->memory);
}

/* "..., set 7f3a91c2" ends the first line of a share. */
static enum ctl_exit find_set(char set[static 9], const struct buf *shares)
{
    const char *at = strstr(buf_text(shares), ", set ");

    if (!at || strcspn(at + 6, "\n") != 8)
        return say_fail(CTL_FAILED, "photod-vault printed no recovery shares");
    memcpy(set, at + 6, 8);
    set[8] = '\0';
    return CTL_OK;
}

static enum ctl_exit hand_to_vault(struct rekey *r, char old_set[static 9])
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_keys_rekey ask;
    const struct local_question q = {
        .type = MSG_KEYS_REKEY, .wanted = MSG_KEYS_ARE, .shape = &ask, .fd = &r->memory, .wait_s = REKEY_S};

    TRY_CTL(find_set(ask.set, r->shares));
    TRY_CTL(local_ask_long(&answer, &r->where, &q, NULL));
    memcpy(old_set, answer.is.keys_status.share_set, 9);
    say_clean(old_set);
    return CTL_OK;
}

/* Against the key file as it is now, before anybody relies on them. */
static enum ctl_exit prove_shares(const struct rekey *r)
{
    const char *const args[] = {"--rehearse", "--config", r->waiting, NULL};
    CLEANUP(buf) struct buf *said = NULL;
    CLEANUP(fd) int in = -1;
    CLEANUP(fd) int to = -1;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) /* in which they fit many times */
        return say_fail(CTL_FAILED, "cannot make a pipe: %s", strerror(errno));
    in = ends[0];
    to = ends[1];
    if (write(to, buf_bytes(r->shares), buf_len(r->shares)) != (ssize_t)buf_len(r->shares))
        return say_fail(CTL_FAILED, "the recovery shares cannot be tried: %s", strerror(errno));
    (void)close(TAKE_FD(to));
    if (run_program(
            &(struct run){.program = "photod-vault", .args = args, .in = in, .out = -1, .output = &said}))
        return say_fail(CTL_FAILED, "the new recovery shares do not open the state");
    return CTL_OK;
}

/* ---- Saying ---- */

static void say_next(const struct rekey *r, const char *old_set)
{
    (void)printf("The new root key (seal method %s) is ready, and %s names it.\nNow:\n", r->next->seal,
                 config_path(r));
    if (strcmp(r->next->seal, "credential") == 0)
        (void)printf("  systemd-creds encrypt --name=%s %s /etc/credstore.encrypted/%s\n"
                     "  shred -u %s\n",
                     r->next->root_key, r->key, r->next->root_key, r->key);
    (void)printf(
        "  1. restart photod: it starts by the new root key, and from then on the old one opens nothing.\n"
        "     Until then both do, and a crash starts again by the old one.\n"
        "  2. `photoctl keys status` must show no replacement under way.\n"
        "  3. destroy the old root key (%s) and the recovery shares of set %s: they are of no use any "
        "more.\n",
        r->old->root_key, old_set);
}

/* ---- The command ---- */

static enum ctl_exit replace(struct rekey *r)
{
    char old_set[9];

    TRY_CTL(prepare(r));
    if (r->shares_dir)
        TRY_CTL(shares_dir_make(&r->made_dir, r->shares_dir, r->old->state));
    TRY_CTL(make_root_key(r));
    TRY_CTL(hand_to_vault(r, old_set));
    TRY_CTL(prove_shares(r));
    TRY_CTL(shares_hand_out(buf_text(r->shares), r->shares_dir));
    TRY_CTL(config_switch(r->waiting, config_path(r)));
    r->made_key = false; /* it is photod.conf's now */
    say_next(r, old_set);
    return CTL_OK;
}

static void give_up(const struct rekey *r)
{
    if (r->made_key)
        (void)unlink(r->key);
    if (r->made_dir)
        (void)rmdir(r->shares_dir);
    if (*r->waiting)
        (void)unlink(r->waiting);
    say_hint("Nothing is changed: photod starts by the old root key. Shares that were printed just now are "
             "of no use.");
}

static const char about[] = "Makes a new root key, by the seal method of photod.conf or another one, with a "
                            "new set of recovery shares, and "
                            "changes photod.conf.\n\n"
                            "The old root key opens the state until photod has been started by the new one; "
                            "so photod must be restarted, and "
                            "a crash at any moment starts again by itself.";

enum ctl_exit command_keys_rekey(int argc, char **argv)
{
    struct rekey r = {.memory = -1, .lock = -1};
    const struct option_row rows[] = {
        OPTION_NEED("new-root-key", "FILE", r.path,
                    "Where to make the new root key (0400); better not on the state's volume."),
        OPTION_TEXT("seal", "METHOD", r.seal,
                    "key-file, passphrase, credential or pkcs11.  Default: as it is in photod.conf."),
        OPTION_TEXT("seal-passphrase", "FILE", r.passphrase,
                    "With passphrase: the file whose first line it is."),
        OPTION_TEXT("credential", "NAME", r.credential,
                    "With credential: its name.  Default: photod-root-key."),
        OPTION_TEXT("pkcs11-module", "FILE", r.module, "With pkcs11: the token's PKCS#11 library."),
        OPTION_TEXT("pkcs11-uri", "URI", r.uri, "With pkcs11: the token and its AES-256 key (RFC 7512)."),
        OPTION_TEXT("pkcs11-pin", "FILE", r.pin, "With pkcs11: the file whose first line is the PIN."),
        OPTION_TEXT("pkcs11-environment", "NAME=VALUE", r.environment,
                    "With pkcs11: what that library wants in its environment."),
        OPTION_TEXT(
            "shares-dir", "DIR", r.shares_dir,
            "Write the five new recovery shares as files into this new or empty directory, such as a USB "
            "stick's, instead of showing them."),
        LOCAL_OPTIONS(r.where),
    };
    const struct usage u = {"keys rekey", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    code = replace(&r);
    if (code)
        give_up(&r);
    fd_cleanup(&r.memory);
    fd_cleanup(&r.lock);
    buf_free(r.shares);
    free(r.old);
    free(r.next);
    return code;
}

/* ---- Taking it back ---- */

static enum ctl_exit cancel(struct rekey *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;

    TRY_CTL(lock_config(r));
    TRY_CTL(root_key_config(&r->old, config_path(r)));
    if (check_in_force(r)) /* it would take away what photod.conf names */
        return say_fail(CTL_FAILED, "or put the old lines for the root key back into %s, to cancel",
                        config_path(r));
    TRY_CTL(local_ask(&answer, &r->where, MSG_KEYS_CANCEL, NULL, MSG_DONE));
    (void)printf("The root key in force is again the only one (audit leaf %" PRIu64
                 "). Destroy the new one, and its recovery shares.\n",
                 answer.is.done.leaf);
    return CTL_OK;
}

static const char about_cancel[] =
    "Takes back what `photoctl keys rekey` began: the new root key opens nothing any more. It can be done "
    "until "
    "photod has been started by the new one; photod.conf must name the old one. `photoctl keys status` shows "
    "whether a replacement is under way.";

enum ctl_exit command_keys_cancel(int argc, char **argv)
{
    struct local_line line = {.command = "keys cancel", .about = about_cancel};
    struct rekey r = {.memory = -1, .lock = -1};
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    r.where = line.where;
    code = cancel(&r);
    fd_cleanup(&r.lock);
    free(r.old);
    return code;
}
