/*
 * photod-vault: holds the keys, the store and the log; decides everything.
 * No network: it hears only the parent, the doors, the workers and, over a
 * local socket, photoctl.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/batch.h"
#include "photod/vault/open.h"
#include "photod/vault/serve.h"
#include "photod/vault/staging.h"
#include "photod/vault/student.h"

/* The parent does not start a vault again that leaves with this before it was ready. */
#define EXIT_CANNOT_OPEN 3

static bool keep_spool(struct vault *v, const unsigned char id[static SUBJECT_BYTES])
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_batch_record r;

    return !batch_load(v, id, &r, &read) && r.state == BATCH_STAGING && r.uploaded;
}

/* What a crash may have left half done. */
static void recover(struct vault *v)
{
    spool_sweep(v, keep_spool);
    erasures_finish(v);
    staging_wake(v);
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
    if (keys_init() || vault_open(&v, root_key_fd))
        return EXIT_CANNOT_OPEN;

    /* Confine for good. */
    if (confine(&v.confined, CONFINE_VAULT, &v.state_fd, 1))
        return EXIT_CANNOT_OPEN;
    v.parent.state = STATE_SERVE;

    /* Serve. */
    if (committer_start(&v.committer, &v))
        return EXIT_CANNOT_OPEN;
    v.started_ms = clock_wall_ms();
    v.heartbeat_ms = v.started_ms + 86400000;
    leaf_of_start(&v);
    recover(&v);
    ready = (struct shape_ready){.landlock_abi = (uint32_t)v.confined.landlock_abi,
                                 .seccomp = v.confined.seccomp};
    if (channel_send(&v.parent, MSG_READY, 0, &ready, NULL, 0, true))
        return 1;
    vault_serve(&v);

    v.stopping = true;
    committer_stop(v.committer);
    staging_free(&v);
    vault_close(&v);
    return 0;
}

static int usage(void)
{
    (void)fprintf(stderr,
                  "photod-vault is started by photod.  To make a new state, use photoctl init.\n"
                  "usage: photod-vault --init --config FILE --consent-policy carried|annual --origin NAME\n");
    return 2;
}

static int init(const char *config_path, const char *policy_name, const char *origin)
{
    static struct config config;
    CLEANUP(fd) int fd = open(config_path, O_RDONLY | O_CLOEXEC);
    struct config_fault fault = {.text = "no such file"};
    enum consent_policy policy;

    if (fd < 0 || config_read(&config, &fault, fd)) {
        log_error("%s:%u: %s", config_path, fault.line, fault.text);
        return 2;
    }
    if (consent_policy_parse(&policy, policy_name)) {
        log_error("the consent policy is `carried` or `annual`");
        return 2;
    }
    return keys_init() || vault_init(&config, policy, origin) ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"init", no_argument, NULL, 'i'},
        {"config", required_argument, NULL, 'c'},
        {"consent-policy", required_argument, NULL, 'p'},
        {"origin", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    const char *config = NULL, *policy = NULL, *origin = NULL;
    bool wants_init = false;
    int c;

    log_init("photod-vault");
    if (argc == 1)
        return serve();
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'i':
            wants_init = true;
            break;
        case 'c':
            config = optarg;
            break;
        case 'p':
            policy = optarg;
            break;
        case 'o':
            origin = optarg;
            break;
        default:
            return usage();
        }
    }
    if (!wants_init || !config || !policy || !origin || optind != argc)
        return usage();
    return init(config, policy, origin);
}
