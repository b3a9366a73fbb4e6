/*
 * `photoctl init`: makes a repository.  In this order, so that everything is
 * judged before anything is made, and a failure leaves nothing behind:
 * options, users, passphrase; directories; CA; TLS files; photod.conf;
 * photod-vault --init (keys and store); the token, if there is one; owners;
 * the recovery shares, handed out.
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "photod/base/config.h"
#include "photod/ctl/ca_dir.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/file.h"
#include "photod/ctl/init_config.h"
#include "photod/ctl/init_shares.h"
#include "photod/ctl/init_vault.h"
#include "photod/ctl/options.h"
#include "photod/ctl/prompt.h"
#include "photod/ctl/root_key.h"

#define USER_VAULT  "photod-vault"
#define USER_UNSEAL "photod-unseal"

struct init {
    const char *state, *policy, *origin, *root_key, *config, *law, *office, *socket, *passphrase_file,
        *ca_dir, *seal, *seal_passphrase, *credential, *module, *uri, *pin, *environment, *shares_dir;
    struct option_list hostnames;
    bool same_user;

    char host_origin[300];
    char dir[PATH_MAX], tls[PATH_MAX], ca[PATH_MAX]; /* absolute */
    char conf[PATH_MAX], key[PATH_MAX], sock[PATH_MAX], vkey[PATH_MAX];
    char phrase[PATH_MAX], module_path[PATH_MAX], pin_path[PATH_MAX], shares[PATH_MAX]; /* or "" */
    char crt[PATH_MAX], crt_key[PATH_MAX], ca_crt[PATH_MAX], ca_crl[PATH_MAX];
    uid_t uid; /* the vault's, with a user for each process */
    gid_t gid;
    struct config *parsed;
    bool made_state, made_ca, made_conf, made_key, made_shares;
};

/* ---- Judging ---- */

static enum ctl_exit join(char *out, const char *dir, const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        return say_fail(CTL_USAGE, "%s: the path is too long", dir);
    return CTL_OK;
}

static enum ctl_exit or_default(char *out, const char *given, const char *dir, const char *name)
{
    return given ? file_absolute(out, given) : join(out, dir, name);
}

static enum ctl_exit or_none(char *out, const char *given)
{
    *out = '\0';
    return given ? file_absolute(out, given) : CTL_OK;
}

static enum ctl_exit name_everything(struct init *i)
{
    TRY_CTL(file_absolute(i->dir, i->state));
    TRY_CTL(join(i->tls, i->dir, "tls"));
    TRY_CTL(or_default(i->ca, i->ca_dir, i->dir, "ca"));
    TRY_CTL(or_default(i->conf, i->config, i->dir, "photod.conf"));
    TRY_CTL(or_default(i->key, i->root_key, i->dir, "root.key"));
    TRY_CTL(or_default(i->sock, i->socket, i->dir, "photod.sock"));
    TRY_CTL(or_none(i->phrase, i->seal_passphrase));
    TRY_CTL(or_none(i->module_path, i->module));
    if (i->pin && !strchr(i->pin, '/')) /* a credential's name */
        (void)snprintf(i->pin_path, sizeof i->pin_path, "%s", i->pin);
    else
        TRY_CTL(or_none(i->pin_path, i->pin));
    TRY_CTL(or_none(i->shares, i->shares_dir));
    TRY_CTL(join(i->vkey, i->dir, "log.vkey"));
    TRY_CTL(join(i->crt, i->tls, "server.crt"));
    TRY_CTL(join(i->crt_key, i->tls, "server.key"));
    TRY_CTL(join(i->ca_crt, i->tls, "ca.crt"));
    return join(i->ca_crl, i->tls, "ca.crl");
}

static enum ctl_exit check_origin(struct init *i)
{
    char host[256] = "localhost";

    if (!i->origin) {
        (void)gethostname(host, sizeof host - 1);
        (void)snprintf(i->host_origin, sizeof i->host_origin, "%s/photod", host);
        i->origin = i->host_origin;
    }
    if (!*i->origin || strlen(i->origin) > 100)
        return say_fail(CTL_USAGE, "--origin must be 1 to 100 characters");
    for (const char *c = i->origin; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '+')
            return say_fail(CTL_USAGE,
                            "--origin may hold neither blanks nor `+`, as in photos.opi.mt.gov/log");
    return CTL_OK;
}

static bool is_credential(const struct init *i)
{
    return strcmp(i->seal, "credential") == 0;
}

static bool is_pkcs11(const struct init *i)
{
    return strcmp(i->seal, "pkcs11") == 0;
}

static enum ctl_exit check_seal(struct init *i)
{
    bool is_passphrase;

    i->seal = i->seal ? i->seal : "key-file";
    is_passphrase = strcmp(i->seal, "passphrase") == 0;
    if (!is_passphrase && !is_credential(i) && !is_pkcs11(i) && strcmp(i->seal, "key-file") != 0)
        return say_fail(CTL_USAGE, "--seal must be key-file, passphrase, credential or pkcs11");
    if (is_pkcs11(i) ? !i->module || !i->uri || !i->pin : i->module || i->uri || i->pin || i->environment)
        return say_fail(CTL_USAGE,
                        "--pkcs11-module, --pkcs11-uri and --pkcs11-pin are for --seal pkcs11, which needs "
                        "all three");
    if (is_passphrase != (i->seal_passphrase != NULL))
        return say_fail(CTL_USAGE, "--seal-passphrase FILE is for --seal passphrase, which needs it");
    if (i->credential && !is_credential(i))
        return say_fail(CTL_USAGE, "--credential NAME is for --seal credential");
    i->credential = i->credential ? i->credential : "photod-root-key";
    return CTL_OK;
}

static enum ctl_exit check_user(struct init *i)
{
    const struct passwd *user;

    if (i->same_user)
        return CTL_OK;
    if (geteuid() != 0)
        return say_fail(CTL_USAGE,
                        "each process gets a user of its own, which needs root; for a demo under your own "
                        "user add --same-user");
    user = getpwnam(USER_VAULT);
    if (!user)
        return say_fail(CTL_FAILED,
                        "there is no user " USER_VAULT ": the package creates photod's users; by hand it is "
                        "`useradd --system --no-create-home NAME` for photod-vault, photod-law, "
                        "photod-office and photod-intake; for a demo add --same-user");
    i->uid = user->pw_uid;
    i->gid = user->pw_gid;
    if (is_pkcs11(i) && !getpwnam(USER_UNSEAL))
        return say_fail(CTL_FAILED, "there is no user " USER_UNSEAL
                                    ", who uses the token: `useradd --system --no-create-home " USER_UNSEAL
                                    "`, and give it the token's device, socket or directory");
    return CTL_OK;
}

static enum ctl_exit check_absent(const char *path)
{
    if (access(path, F_OK) == 0)
        return say_fail(CTL_FAILED, "%s exists already: nothing was changed", path);
    return CTL_OK;
}

/* ---- Making ---- */

static enum ctl_exit write_in(const char *dir, const char *name, mode_t mode, const struct buf *b)
{
    char path[PATH_MAX];

    TRY_CTL(join(path, dir, name));
    return file_write_new(path, mode, buf_bytes(b), buf_len(b));
}

static enum ctl_exit make_certificates(const struct init *i, const struct buf *passphrase)
{
    CLEANUP(ca_files) struct ca_files ca = {NULL, NULL, NULL};
    CLEANUP(ca_files) struct ca_files server = {NULL, NULL, NULL};
    CLEANUP(ca) struct ca *opened = NULL;
    struct fault fault;

    if (ca_create(&ca, &fault, i->origin, buf_text(passphrase)) ||
        ca_open(&opened, &fault, ca.certificate, ca.key, buf_text(passphrase)) ||
        ca_issue_server(&server, &fault, opened, i->hostnames.values, i->hostnames.count))
        return say_fail(CTL_FAILED, "%s", fault.text);
    TRY_CTL(write_in(i->ca, CA_CERTIFICATE_FILE, 0644, ca.certificate));
    TRY_CTL(write_in(i->ca, CA_KEY_FILE, 0600, ca.key));
    TRY_CTL(write_in(i->ca, CA_CRL_FILE, 0644, ca.crl));
    /* Copies, so that the CA's directory may leave this machine. */
    TRY_CTL(write_in(i->tls, CA_CERTIFICATE_FILE, 0644, ca.certificate));
    TRY_CTL(write_in(i->tls, CA_CRL_FILE, 0644, ca.crl));
    TRY_CTL(write_in(i->tls, "server.crt", 0644, server.certificate));
    return write_in(i->tls, "server.key", 0600, server.key);
}

static enum ctl_exit make_config(struct init *i)
{
    const struct init_values values[] = {
        {"state", i->dir},
        {"socket", i->sock},
        {"law_listen", i->law},
        {"office_listen", i->office},
        {"tls_certificate", i->crt},
        {"tls_key", i->crt_key},
        {"tls_ca", i->ca_crt},
        {"tls_crl", i->ca_crl},
        {"seal", i->seal},
        {"root_key", is_credential(i) ? i->credential : i->key},
        {"confinement", i->same_user ? "same-user" : "users"},
        {"seal_passphrase", *i->phrase ? i->phrase : NULL},
        {"pkcs11_module", i->module ? i->module_path : NULL},
        {"pkcs11_uri", i->uri},
        {"pkcs11_pin", i->pin ? i->pin_path : NULL},
        {"pkcs11_environment", i->environment},
    };
    CLEANUP(buf) struct buf *text = NULL;
    CLEANUP(heap) struct config *parsed = calloc(1, sizeof *parsed);
    struct config_fault fault = {.text = "out of memory"};

    if (!parsed || buf_new(&text, 1u << 20) || init_config(text, values, sizeof values / sizeof values[0]) ||
        config_parse(parsed, &fault, buf_text(text), buf_len(text)))
        return say_fail(CTL_USAGE, "photod.conf would be wrong: %s", fault.text);
    TRY_CTL(file_write_new(i->conf, 0644, buf_bytes(text), buf_len(text)));
    i->made_conf = true;
    i->parsed = TAKE(parsed);
    return CTL_OK;
}

static enum ctl_exit make_state(struct init *i, struct buf **shares)
{
    CLEANUP(buf) struct buf *verifier = NULL;
    CLEANUP(fd) int memory = -1;

    i->made_key = true; /* whatever happens in there */
    if (is_pkcs11(i))
        TRY_CTL(root_key_memory(&memory));
    TRY_CTL(init_vault(&verifier, shares, i->conf, i->policy, i->origin, i->key, memory));
    if (is_pkcs11(i))
        TRY_CTL(root_key_seal(i->parsed, i->conf, memory, i->key));
    TRY_CTL(file_write_new(i->vkey, 0644, buf_bytes(verifier), buf_len(verifier)));
    (void)printf("The log's public key, for auditors and agencies:\n  %s\n", buf_text(verifier));
    return CTL_OK;
}

/* ---- Owners, and undoing: nftw has no context argument ---- */

static const struct init *walked;

/* What the parent reads as root stays root's: the vault's user cannot change its own fetters. */
static bool stays_with_root(const char *path)
{
    size_t tls = strlen(walked->tls), ca = strlen(walked->ca);

    return (strncmp(path, walked->tls, tls) == 0 && (path[tls] == '/' || !path[tls])) ||
           (strncmp(path, walked->ca, ca) == 0 && (path[ca] == '/' || !path[ca])) ||
           strcmp(path, walked->conf) == 0 || strcmp(path, walked->key) == 0;
}

static int hand_over(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return stays_with_root(path) ? 0 : lchown(path, walked->uid, walked->gid);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    (void)remove(path);
    return 0;
}

static enum ctl_exit give_to_vault(const struct init *i)
{
    if (i->same_user)
        return CTL_OK;
    walked = i;
    if (nftw(i->dir, hand_over, 16, FTW_PHYS | FTW_MOUNT))
        return say_fail(CTL_FAILED, "giving %s to " USER_VAULT ": %s", i->dir, strerror(errno));
    return CTL_OK;
}

/* Only directories that were new or empty: all that is in them is ours. */
static void undo(const struct init *i)
{
    if (i->made_key)
        (void)unlink(i->key);
    if (i->made_conf)
        (void)unlink(i->conf);
    if (i->made_ca)
        (void)nftw(i->ca, remove_one, 16, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
    if (i->made_state)
        (void)nftw(i->dir, remove_one, 16, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
    if (i->made_shares)
        (void)rmdir(i->shares);
    say_hint("Nothing was kept of what had been made.");
}

static enum ctl_exit make_everything(struct init *i, const struct buf *passphrase)
{
    CLEANUP(buf) struct buf *shares = NULL;
    bool made;

    TRY_CTL(check_absent(i->conf));
    TRY_CTL(check_absent(i->key));
    if (*i->shares)
        TRY_CTL(shares_dir_make(&i->made_shares, i->shares, i->dir));
    TRY_CTL(file_make_dir(i->tls, &made));
    TRY_CTL(file_make_dir(i->ca, &i->made_ca));
    TRY_CTL(make_certificates(i, passphrase));
    TRY_CTL(make_config(i));
    TRY_CTL(make_state(i, &shares));
    TRY_CTL(give_to_vault(i));
    return shares_hand_out(buf_text(shares), *i->shares ? i->shares : NULL);
}

/* ---- Saying ---- */

static const char *about_key(const struct init *i)
{
    if (is_credential(i))
        return "opens the state; becomes a systemd credential, see below, and may not stay here";
    if (is_pkcs11(i))
        return "opens the state by the token only; when either is lost, recovery shares are needed";
    if (*i->phrase)
        return "opens the state together with the passphrase; without either, recovery shares are needed";
    return "opens the state; keep it from who has the disk: without it, recovery shares are needed";
}

static void say_next(const struct init *i)
{
    (void)printf(
        "Made:\n"
        "  %s\n      the state: store, log, log.vkey\n"
        "  %s\n      %s\n"
        "  %s\n      the issuing CA, its key sealed by the passphrase; best kept on another machine\n"
        "  %s\n      certificate of both doors (397 days); clients trust ca.crt in there\n"
        "  %s\n      the configuration\n",
        i->dir, i->key, about_key(i), i->ca, i->tls, i->conf);
    if (i->same_user)
        (void)printf(
            "WARNING: --same-user lets all processes run as one user. Good for a demo, not for children's "
            "photos.\n");
    else if (!*i->shares && !isatty(STDOUT_FILENO))
        say_hint("The recovery shares were printed into what is no terminal: whoever reads that can open the "
                 "state. Move them to paper and delete it.");
    (void)printf("Next:\n");
    if (is_credential(i))
        (void)printf("  systemd-creds encrypt --name=%s %s /etc/credstore.encrypted/%s\n"
                     "  shred -u %s\n"
                     "  photod's unit: LoadCredentialEncrypted=%s\n",
                     i->credential, i->key, i->credential, i->key, i->credential);
    (void)printf("  photod --config %s\n", i->conf);
}

static const char about[] = "Makes a new, empty repository: the state directory, the root key, the issuing "
                            "CA with its passphrase, the doors' "
                            "certificate, and photod.conf with every key explained.\n\n"
                            "The consent policy has no default, because the law leaves it to OPI: `carried` "
                            "means that a family's opt-in "
                            "stands until it is answered otherwise; `annual` that it holds for its school "
                            "year and until 30 September.";

enum ctl_exit command_init(int argc, char **argv)
{
    struct init i = {.state = NULL};
    const struct option_row rows[] = {
        OPTION_NEED("state", "DIR", i.state, "The state directory; must be new or empty."),
        OPTION_NEED("consent-policy", "carried|annual", i.policy, "How long an opt-in holds; see above."),
        OPTION_TEXT(
            "origin", "NAME", i.origin,
            "The audit log's name, for ever, as in photos.opi.mt.gov/log.  Default: HOSTNAME/photod."),
        OPTION_TEXT(
            "root-key", "FILE", i.root_key,
            "Where to put the key that opens the state; better on another volume.  Default: DIR/root.key."),
        OPTION_TEXT(
            "seal", "METHOD", i.seal,
            "How that key is kept: key-file (as it is; the default), passphrase (sealed by one that photod "
            "reads at start), credential (for systemd-creds), pkcs11 (sealed by a key that never leaves a "
            "token)."),
        OPTION_TEXT(
            "seal-passphrase", "FILE", i.seal_passphrase,
            "With --seal passphrase: the file whose first line is the passphrase, now and at every start."),
        OPTION_TEXT("credential", "NAME", i.credential,
                    "With --seal credential: its name.  Default: photod-root-key."),
        OPTION_TEXT("pkcs11-module", "FILE", i.module, "With --seal pkcs11: the token's PKCS#11 library."),
        OPTION_TEXT("pkcs11-uri", "URI", i.uri,
                    "With --seal pkcs11: the token and its AES-256 key, as in "
                    "pkcs11:token=photod;object=photod-root (RFC 7512); the key is made if there is none."),
        OPTION_TEXT("pkcs11-pin", "FILE", i.pin,
                    "With --seal pkcs11: the file whose first line is the PIN, now and at every start, or "
                    "the name of "
                    "a systemd credential."),
        OPTION_TEXT("pkcs11-environment", "NAME=VALUE", i.environment,
                    "With --seal pkcs11: what that library wants in its environment."),
        OPTION_TEXT("shares-dir", "DIR", i.shares_dir,
                    "Write the five recovery shares as files into this new or empty directory, such as a USB "
                    "stick's, instead of showing them."),
        OPTION_TEXT("config", "FILE", i.config, "Where to write photod.conf.  Default: DIR/photod.conf."),
        OPTION_TEXT("law", "ADDR:PORT", i.law, "Where the law door listens.  Default: 127.0.0.1:8443."),
        OPTION_TEXT("office", "ADDR:PORT", i.office,
                    "Where the office door listens.  Default: 127.0.0.1:8444."),
        OPTION_TEXT("socket", "PATH", i.socket, "The local socket.  Default: DIR/photod.sock."),
        OPTION_LIST("hostname", "NAME", i.hostnames,
                    "A name or address of this server for its certificate, beside localhost."),
        OPTION_FLAG("same-user", i.same_user, "All processes run as the user who starts photod: for a demo."),
        OPTION_TEXT("passphrase-file", "FILE", i.passphrase_file,
                    "The first line becomes the passphrase of the CA's key.  Without it, it is asked for."),
        OPTION_TEXT("ca-dir", "DIR", i.ca_dir, "The issuing CA's directory, new or empty.  Default: DIR/ca."),
    };
    const struct usage u = {"init", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    CLEANUP(buf) struct buf *passphrase = NULL;
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    if (strcmp(i.policy, "carried") != 0 && strcmp(i.policy, "annual") != 0)
        return say_fail(CTL_USAGE, "--consent-policy must be carried or annual");
    TRY_CTL(check_origin(&i));
    TRY_CTL(check_seal(&i));
    TRY_CTL(check_user(&i));
    TRY_CTL(name_everything(&i));
    TRY_CTL(prompt_passphrase(&passphrase, i.passphrase_file, true));
    TRY_CTL(file_make_dir(i.dir, &i.made_state));
    code = make_everything(&i, passphrase);
    if (code)
        undo(&i);
    else
        say_next(&i);
    free(i.parsed);
    return code;
}
