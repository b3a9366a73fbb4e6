#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "keys/note.h"
#include "keys/seal.h"
#include "keys/shares.h"
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/audit.h"
#include "photod/vault/ballast.h"
#include "photod/vault/clockwatch.h"
#include "photod/vault/open.h"

#define KEY_FILE     "keyfile"
#define KEY_FILE_MAX 65536

/* ---- The key file ---- */

static enum err write_all(int fd, const void *bytes, size_t len)
{
    const unsigned char *b = bytes;

    while (len) {
        ssize_t n = write(fd, b, len);

        if (n < 0 && errno != EINTR)
            return errno == ENOSPC ? ERR_FULL : ERR_IO;
        if (n > 0) {
            b += n;
            len -= (size_t)n;
        }
    }
    return OK;
}

/* Best effort, beside what the ring key's end does for certain: the old content is overwritten where it lay.
 */
static void wipe_old(int old_fd)
{
    unsigned char zeros[4096] = {0};
    struct stat st;

    if (old_fd < 0 || fstat(old_fd, &st))
        return;
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof zeros)
        if (pwrite(old_fd, zeros, sizeof zeros, at) < 0)
            return;
    (void)fdatasync(old_fd);
}

/* Replaces the key file: the new one is durable under its name, or the old one stands. */
static enum err key_file_replace(int state_fd, const struct buf *sealed)
{
    CLEANUP(fd) int old_fd = openat(state_fd, KEY_FILE, O_WRONLY | O_CLOEXEC);
    CLEANUP(fd) int fd = openat(state_fd, KEY_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno == ENOSPC ? ERR_FULL : ERR_IO;
    TRY(write_all(fd, buf_bytes(sealed), buf_len(sealed)));
    if (fsync(fd) || renameat(state_fd, KEY_FILE ".new", state_fd, KEY_FILE) || fsync(state_fd))
        return ERR_IO;
    wipe_old(old_fd);
    return OK;
}

enum err key_file_sealed(struct buf **out, const struct vault *v)
{
    CLEANUP(buf) struct buf *sealed = NULL;

    TRY(buf_new(&sealed, KEY_FILE_MAX));
    TRY(keys_seal(sealed, v->keys, v->root));
    *out = TAKE(sealed);
    return OK;
}

enum err key_file_write(struct vault *v)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    enum err e;

    TRY(key_file_sealed(&sealed, v));
    e = key_file_replace(v->state_fd, sealed);
    if (e)
        log_error("the key file cannot be replaced: %s", err_name(e));
    return e;
}

static enum err key_file_read(int state_fd, struct buf *out)
{
    CLEANUP(fd) int fd = openat(state_fd, KEY_FILE, O_RDONLY | O_CLOEXEC);
    unsigned char chunk[4096];
    ssize_t n;

    if (fd < 0)
        return ERR_NOTFOUND;
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        TRY(buf_append(out, chunk, (size_t)n));
    return n < 0 ? ERR_IO : OK;
}

/* ---- Init ---- */

static enum err make_dir(int state_fd, const char *name)
{
    if (mkdirat(state_fd, name, 0700)) {
        log_errno("%s in the state directory", name);
        return errno == ENOSPC ? ERR_FULL : ERR_IO;
    }
    return OK;
}

static void meta_id(unsigned char id[static SID_BYTES], const struct keys *k)
{
    keys_index(id, k, INDEX_META, "policy", 6);
}

/* The first batch: the consent policy, and leaf 0, which names it. */
static enum err commit_first(struct vault *v)
{
    CLEANUP(store_batch) struct store_batch *b = NULL;
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(buf) struct buf *checkpoint = NULL;
    struct shape_meta_record meta = {.consent_policy = (unsigned char)v->policy,
                                     .created_ms = (uint64_t)clock_wall_ms()};
    struct store_outcome outcome;
    struct store_head head;
    unsigned char id[SID_BYTES];
    struct leaf l;
    struct pack p;

    TRY(buf_new(&plain, 256));
    p = PACK(plain);
    pack_meta_record(&p, &meta);
    TRY(pack_end(&p));
    TRY(store_batch_new(&b));
    meta_id(id, v->keys);
    TRY(record_put(v, b, KIND_META, SEAL_META, id, NULL, plain));
    leaf_begin(&l, "init");
    leaf_text(&l, "origin", keys_origin(v->keys));
    leaf_text(&l, "consent_policy", consent_policy_name(v->policy));
    leaf_text(&l, "suite", suite_name(envelope_suite()));
    TRY(leaf_add(&l, v, b, NULL));
    store_commit(v->store, &b, 1, &outcome, &head);
    if (outcome.result != STORE_COMMITTED)
        return outcome.result == STORE_FULL ? ERR_FULL : ERR_IO;
    TRY(buf_new(&checkpoint, 4096));
    TRY(keys_sign_checkpoint(checkpoint, v->keys, head.size, head.root));
    TRY(tiles_open(&v->tiles, v->store, v->log_fd));
    return tiles_publish(v->tiles, &head, buf_bytes(checkpoint), buf_len(checkpoint));
}

static enum err make_state(struct vault *v, const struct secret *root, const char *share_set)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    CLEANUP(buf) struct buf *verifier = NULL;

    TRY(make_dir(v->state_fd, "spool"));
    TRY(make_dir(v->state_fd, "log"));
    v->log_fd = openat(v->state_fd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TRY(store_create(v->state_fd));
    TRY(store_open(&v->store, v->state_fd));
    TRY(buf_new(&sealed, KEY_FILE_MAX));
    TRY(keys_seal(sealed, v->keys, root));
    TRY(key_file_replace(v->state_fd, sealed));
    TRY(commit_first(v));
    TRY(buf_new(&verifier, 4096));
    TRY(keys_verifier(verifier, v->keys));
    if (printf("%s\n\n", buf_text(verifier)) < 0 || fflush(stdout))
        return ERR_IO;
    return shares_write(root, share_set, STDOUT_FILENO); /* shown once, kept nowhere */
}

enum err vault_init(const struct config *config, enum consent_policy policy, const char *origin,
                    const struct root_key_to *to)
{
    CLEANUP(heap) struct vault *v = calloc(1, sizeof *v);
    CLEANUP(secret) struct secret *root = NULL;
    char share_set[SHARES_SET_TEXT];
    enum err e;

    if (!v)
        return ERR_NOMEM;
    *v = (struct vault){.config = *config,
                        .policy = policy,
                        .spool_fd = -1,
                        .log_fd = -1,
                        .admin_listen = -1,
                        .parent = CHANNEL_CLOSED};
    v->state_fd = open(config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->state_fd < 0) {
        log_errno("%s", config->state);
        return ERR_IO;
    }
    if (!faccessat(v->state_fd, KEY_FILE, F_OK, 0)) {
        log_error("%s is initialised already", config->state);
        vault_close(v);
        return ERR_EXISTS;
    }
    shares_set_new(share_set);
    e = secret_random(&root, ROOT_KEY_BYTES);
    if (!e)
        e = root_key_put(config, to, root);
    if (!e)
        e = keys_create(&v->keys, origin, share_set);
    if (!e)
        e = make_state(v, root, share_set);
    if (e)
        log_error("the state could not be made: %s", err_name(e));
    vault_close(v);
    return e;
}

/* ---- Open ---- */

enum err key_file_open(struct keys **out, int state_fd, const struct secret *root, const char *whose)
{
    CLEANUP(buf) struct buf *sealed = NULL;
    enum err e;

    TRY(buf_new(&sealed, KEY_FILE_MAX));
    e = key_file_read(state_fd, sealed);
    if (e) {
        log_error("the state directory has no key file; was it initialised? (photoctl init)");
        return e;
    }
    e = keys_open(out, root, buf_bytes(sealed), buf_len(sealed));
    if (e == ERR_CORRUPT)
        log_error("the key file does not open: %s is another state's, or the file is damaged", whose);
    else if (e == ERR_DENIED)
        log_error("the key file is sealed with AES-256-GCM, which this CPU cannot do; use a CPU with AES");
    else if (e && e != ERR_LIMIT) /* which secret_new() said */
        log_error("the keys cannot be held: %s", err_name(e));
    return e;
}

static enum err unseal(struct vault *v, int root_key_fd)
{
    CLEANUP(secret) struct secret *root = NULL;

    TRY(seal_open(&root, v->config.seal, root_key_fd)); /* says itself what is wrong */
    TRY(key_file_open(&v->keys, v->state_fd, root, "the root key"));
    v->root = TAKE(root);
    return OK;
}

static enum err read_policy(struct vault *v)
{
    CLEANUP(record) struct record r = RECORD_NONE;
    struct shape_meta_record meta;
    unsigned char id[SID_BYTES];
    struct take t;

    meta_id(id, v->keys);
    TRY(record_get(v, KIND_META, SEAL_META, id, NULL, &r));
    if (!record_is_there(&r))
        return ERR_CORRUPT;
    t = record_take(&r);
    take_meta_record(&t, &meta);
    TRY(take_end(&t));
    v->policy = (enum consent_policy)meta.consent_policy;
    return consent_policy_name(v->policy) ? OK : ERR_CORRUPT;
}

/* The log's files are made to agree with the store before anything new is committed. */
static enum err publish_log(struct vault *v)
{
    CLEANUP(buf) struct buf *checkpoint = NULL;
    struct store_head head;

    TRY(tiles_open(&v->tiles, v->store, v->log_fd)); /* says itself what is wrong */
    TRY(store_log_head(v->store, &head));
    TRY(buf_new(&checkpoint, 4096));
    TRY(keys_sign_checkpoint(checkpoint, v->keys, head.size, head.root));
    return tiles_publish(v->tiles, &head, buf_bytes(checkpoint), buf_len(checkpoint));
}

enum err vault_open(struct vault *v, int root_key_fd)
{
    enum err e;

    if (law_zone_open()) {
        log_error("the time zone America/Denver is not known here: install tzdata");
        return ERR_NOTFOUND;
    }
    TRY(unseal(v, root_key_fd));
    v->spool_fd = openat(v->state_fd, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    v->log_fd = openat(v->state_fd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->spool_fd < 0 || v->log_fd < 0) {
        log_errno("spool and log in the state directory");
        return ERR_IO;
    }
    TRY(store_open(&v->store, v->state_fd)); /* says itself what is wrong */
    e = read_policy(v);
    if (e) {
        log_error("the store does not belong to this key file, or is damaged");
        return e;
    }
    TRY(clock_open(v));
    TRY(ballast_open(v));
    e = publish_log(v);
    if (e && e != ERR_CORRUPT) /* which tiles_open() said */
        log_error("the log's files do not agree with the store: %s", err_name(e));
    return e;
}

void vault_close(struct vault *v)
{
    const int fds[] = {v->state_fd, v->spool_fd, v->log_fd, v->admin_listen};

    ballast_close(v);
    tiles_close(v->tiles);
    store_close(v->store);
    keys_free(v->keys);
    secret_free(v->root);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}
