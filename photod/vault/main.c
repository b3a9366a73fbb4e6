/*
 * photod-vault: holds the keys, the store and the log; decides everything.
 * No network: it hears only the parent, the doors, the workers and, over a
 * local socket, photoctl.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/audit.h"
#include "photod/vault/batch_roster.h"
#include "photod/vault/compact.h"
#include "photod/vault/erasure.h"
#include "photod/vault/open.h"
#include "photod/vault/orphans.h"
#include "photod/vault/recovery.h"
#include "photod/vault/rekey.h"
#include "photod/vault/restore.h"
#include "photod/vault/rotate.h"
#include "photod/vault/serve.h"
#include "photod/vault/spool.h"
#include "photod/vault/staging.h"
#include "photod/vault/student.h"
#include "photod/vault/undo.h"

/* The parent does not start a vault again that leaves with this before it was ready. */
#define EXIT_CANNOT_OPEN 3

/* Of a batch that is not judged yet, or waits for the clerk's decisions.  place: of its roster there; 0: of
 * its photos. */
static bool is_wanted(struct vault *v, const unsigned char *id, unsigned place)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_batch_record r;

    switch ((int)batch_load(v, id, &r, &read)) {
    case OK:
        if (place && place != r.roster)
            return false;
        return r.state == BATCH_STAGING || /* of the upload what came may be gone on with */
               (r.review && !r.report_gone);
    case ERR_NOTFOUND:
        return false;
    default: /* in doubt nothing that was acknowledged is thrown away */
        return true;
    }
}

static bool keep_spool(struct vault *v, const unsigned char id[static SUBJECT_BYTES])
{
    unsigned char batch[SUBJECT_BYTES];

    for (unsigned place = 1; place <= BATCH_ROSTER_PLACES; place++) {
        batch_roster_spool(batch, id, place);
        if (is_wanted(v, batch, place))
            return true;
    }
    return is_wanted(v, id, 0);
}

/* What a crash may have left half done. */
static void recover(struct vault *v)
{
    spool_sweep(v, keep_spool);
    erasures_finish(v);
    rotation_resume(v);
    rekey_resume(v);
    v->batches_waiting = v->undos_waiting = true;
    staging_wake(v);
    undo_wake(v);
    orphans_sweep(v);
}

static void leaf_of_start(struct vault *v)
{
    struct leaf l;

    leaf_begin(&l, "start");
    leaf_text(&l, "version", PHOTOD_VERSION);
    leaf_text(&l, "confinement", v->config.confinement);
    leaf_number(&l, "landlock", (uint64_t)v->confined.landlock_abi);
    leaf_alone(v, &l);
}

/* A disk that fails below the store's map is a signal, not an error: say so, and let the parent start us
 * again. */
static void die_of_sigbus(int signal)
{
    static const char line[] = "<3>photod-vault: the disk below the store cannot be read (SIGBUS); leaving\n";

    (void)signal;
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(1);
}

static int serve(void)
{
    static struct vault v = {
        .parent = {.fd = 3, .self = PROCESS_VAULT, .peer = PROCESS_PARENT, .state = STATE_START},
        .state_fd = -1,
        .spool_fd = -1,
        .log_fd = -1,
        .admin_listen = -1,
    };
    CLEANUP(fd) int root_key_fd = -1;
    struct shape_ready ready;

    /* Adopt what the parent gives. */
    if (vault_adopt(&v, &root_key_fd))
        return 1;

    /* Open what is needed while we may. */
    (void)signal(SIGBUS, die_of_sigbus);
    if (keys_init() || vault_open(&v, root_key_fd))
        return EXIT_CANNOT_OPEN;

    fd_cleanup(&root_key_fd);
    root_key_fd = -1;

    /* Confine for good. */
    if (confine(&v.confined, CONFINE_VAULT, &v.state_fd, 1))
        return EXIT_CANNOT_OPEN;
    v.parent.state = STATE_SERVE;

    /* Serve. */
    if (committer_start(&v.committer, &v))
        return EXIT_CANNOT_OPEN;
    v.started_ms = clock_wall_ms();
    leaf_of_start(&v);
    recover(&v);
    ready = (struct shape_ready){.landlock_abi = (uint32_t)v.confined.landlock_abi,
                                 .seccomp = v.confined.seccomp};
    if (channel_send(&v.parent, MSG_READY, 0, &ready, NULL, 0, true))
        return 1;
    vault_serve(&v);

    v.stopping = true;
    orphans_stop(&v);
    committer_stop(v.committer);
    orphans_free(&v);
    staging_free(&v);
    rotation_free(&v);
    vault_close(&v);
    return v.disk_failed ? 1 : 0;
}

/* ---- One-shot: what photoctl starts ---- */

struct options {
    const char *config, *policy, *origin, *root_key, *root_key_fd;
    char mode; /* 'i', 'n', 'h', 'r', 's' or 'z'; 0: none */
    char *const *files;
    int file_count;
};

static int usage(void)
{
    (void)fprintf(
        stderr,
        "photod-vault is started by photod.  To make a new state, use photoctl init; to try or use\n"
        "recovery shares, photoctl unseal; to rewrite a store without unused pages, photoctl compact.\n"
        "usage: photod-vault --init --config FILE --consent-policy carried|annual --origin NAME\n"
        "                    [--root-key FILE] [--root-key-fd N]\n"
        "       photod-vault --compact --config FILE\n"
        "       photod-vault --rehearse --config FILE [SHARES...]\n"
        "       photod-vault --recover --config FILE [--root-key FILE] [--root-key-fd N] [SHARES...]\n"
        "       photod-vault --combine --root-key-fd N [SHARES...]\n");
    return 2;
}

static enum err read_config(struct config *config, const char *path)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct config_fault fault = {.text = "no such file"};

    if (fd < 0 || config_read(config, &fault, fd)) {
        log_error("%s:%u: %s", path, fault.line, fault.text);
        return ERR_MALFORMED;
    }
    return OK;
}

static int init(const struct config *config, const struct options *o, const struct root_key_to *to)
{
    enum consent_policy policy;

    if (consent_policy_parse(&policy, o->policy)) {
        log_error("the consent policy is `carried` or `annual`");
        return 2;
    }
    return vault_init(config, policy, o->origin, to) ? 1 : 0;
}

/* Where the root key goes, before anybody makes or types one. */
static enum err aim_root_key(struct root_key_to *to, const struct config *config, const struct options *o)
{
    uint64_t fd;

    *to = (struct root_key_to){.path = o->root_key ? o->root_key : config->root_key, .fd = -1};
    if (!o->root_key && strcmp(config->seal, "credential") == 0) {
        log_error(
            "root_key names a credential, which only systemd fills: --root-key must say where the key goes");
        return ERR_MALFORMED;
    }
    if (!o->root_key_fd && strcmp(config->seal, "pkcs11") != 0)
        return OK;
    if (!o->root_key_fd || u64_parse(&fd, o->root_key_fd, INT_MAX)) {
        log_error(
            "--root-key-fd must be the descriptor of who seals the root key by the token: use photoctl");
        return ERR_MALFORMED;
    }
    to->fd = (int)fd;
    return OK;
}

/* There is no state yet, nor a configuration that names one. */
static int combine(const struct options *o)
{
    uint64_t fd;

    if (u64_parse(&fd, o->root_key_fd, INT_MAX))
        return usage();
    return keys_init() || vault_combine((int)fd, o->files, o->file_count) ? 1 : 0;
}

/* With the key in memory nothing of this process may reach the disk; what it cannot lock, it refuses to hold.
 */
static int one_shot(const struct options *o)
{
    static struct config config;
    const struct rlimit none = {0, 0};
    struct root_key_to to;

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (o->mode == 's')
        return combine(o);
    if (read_config(&config, o->config))
        return 2;
    if (o->mode == 'z')
        return vault_compact(&config) ? 1 : 0;
    if (o->mode != 'h' && aim_root_key(&to, &config, o))
        return 2;
    if (keys_init())
        return 1;
    switch (o->mode) {
    case 'i':
        return init(&config, o, &to);
    case 'n':
        return vault_new_root(&config, &to) ? 1 : 0;
    case 'h':
        return vault_rehearse(&config, o->files, o->file_count) ? 1 : 0;
    default:
        return vault_recover(&config, &to, o->files, o->file_count) ? 1 : 0;
    }
}

static bool is_complete(const struct options *o)
{
    if (o->mode == 's')
        return o->root_key_fd && !o->config && !o->policy && !o->origin && !o->root_key;
    if (!o->mode || !o->config)
        return false;
    if (o->mode == 'i')
        return o->policy && o->origin && !o->file_count;
    if (o->mode == 'z')
        return !o->policy && !o->origin && !o->root_key && !o->root_key_fd && !o->file_count;
    return !o->policy && !o->origin && !(o->mode == 'h' && (o->root_key || o->root_key_fd));
}

static bool parse_options(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"init", no_argument, NULL, 'i'},
        {"compact", no_argument, NULL, 'z'},
        {"new-root", no_argument, NULL, 'n'},
        {"rehearse", no_argument, NULL, 'h'},
        {"recover", no_argument, NULL, 'r'},
        {"combine", no_argument, NULL, 's'},
        {"config", required_argument, NULL, 'c'},
        {"consent-policy", required_argument, NULL, 'p'},
        {"origin", required_argument, NULL, 'o'},
        {"root-key", required_argument, NULL, 'k'},
        {"root-key-fd", required_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'c')
            o->config = optarg;
        else if (c == 'p')
            o->policy = optarg;
        else if (c == 'o')
            o->origin = optarg;
        else if (c == 'k')
            o->root_key = optarg;
        else if (c == 'f')
            o->root_key_fd = optarg;
        else if (c == '?' || o->mode)
            return false;
        else
            o->mode = (char)c;
    }
    o->files = argv + optind;
    o->file_count = argc - optind;
    return is_complete(o);
}

int main(int argc, char **argv)
{
    struct options o = {.mode = 0};

    log_init("photod-vault");
    if (argc == 1)
        return serve();
    if (strcmp(argv[1], "--restore") == 0)
        return vault_restore_main(argc - 1, argv + 1);
    return parse_options(&o, argc, argv) ? one_shot(&o) : usage();
}
