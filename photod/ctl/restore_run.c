#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/text.h"
#include "photod/ctl/file.h"
#include "photod/ctl/restore_run.h"
#include "photod/ctl/vault_run.h"

#define CHECKPOINT_MAX 65536
#define IDENTITY_MAX   65536

/* ---- Before ---- */

static enum ctl_exit read_identities(struct restoring *r)
{
    CLEANUP(buf) struct buf *text = NULL;
    struct fault fault;

    TRY_CTL(file_read(&text, r->identity, IDENTITY_MAX));
    if (age_identities_add(&r->identities, &fault, buf_text(text)))
        return say_fail(CTL_FAILED, "%s: %s", r->identity, fault.text);
    return CTL_OK;
}

static enum ctl_exit read_checkpoints(struct restoring *r)
{
    CLEANUP(buf) struct buf *text = NULL;
    struct fault fault;
    struct vkey key;

    TRY_CTL(verifier_read(&key, &r->verifier, NULL));
    if (manifest_prove(r->manifest, &fault, &key))
        return say_fail(CTL_UNVERIFIED, "%s/%s", r->from, fault.text);
    TRY_CTL(file_read(&text, r->checkpoint, CHECKPOINT_MAX));
    if (checkpoint_open(&r->known, &fault, buf_bytes(text), buf_len(text), &key))
        return say_fail(CTL_UNVERIFIED, "%s: %s", r->checkpoint, fault.text);
    if (checkpoint_open(&r->own, &fault, r->manifest->checkpoint, strlen(r->manifest->checkpoint), &key))
        return say_fail(CTL_UNVERIFIED, "the backup's own checkpoint: %s", fault.text);
    if (r->own.size != r->manifest->leaves)
        return say_fail(CTL_UNVERIFIED,
                        "the backup's own checkpoint is not of the size that its manifest says");
    if (!r->known.size)
        return say_fail(CTL_UNVERIFIED, "%s: it is of an empty log", r->checkpoint);
    return CTL_OK;
}

/* A backup older than the checkpoint lacks what happened since; nobody may overlook that. */
static enum ctl_exit judge_loss(struct restoring *r)
{
    uint64_t accepted = 0;

    r->lost = r->known.size > r->own.size ? r->known.size - r->own.size : 0;
    if (r->accept_loss && u64_parse(&accepted, r->accept_loss, UINT64_MAX))
        return say_fail(CTL_USAGE, "--accept-loss: a number of leaves");
    if (accepted == r->lost)
        return CTL_OK;
    if (r->lost)
        return say_fail(CTL_UNVERIFIED,
                        "the backup is older than the checkpoint: it has %" PRIu64 " leaves of %" PRIu64
                        ". Take a newer backup; if there is none, --accept-loss %" PRIu64
                        " restores without what those leaves tell of, erasures too",
                        r->own.size, r->known.size, r->lost);
    return say_fail(CTL_USAGE, "--accept-loss: nothing is lost, the backup has every leaf of the checkpoint");
}

static const struct backup_file *keys_of(const struct restoring *r)
{
    const struct manifest *m = r->manifest;

    for (unsigned i = m->keys_count; i-- > 0;)
        if (!r->keys || strcmp(m->keys[i].name, r->keys) == 0)
            return &m->keys[i];
    return NULL;
}

static enum ctl_exit check_files(const struct restoring *r)
{
    const struct manifest *m = r->manifest;
    const struct backup_file *keys = keys_of(r);
    enum ctl_exit code = CTL_OK, one;

    if (!keys)
        return r->keys ? say_fail(CTL_USAGE, "the backup has no copy of keys named %s", r->keys)
                       : say_fail(CTL_UNVERIFIED, "the backup has no copy of keys");
    for (unsigned i = 0; i < m->photos_count; i++) { /* each that is wrong is named */
        one = backup_file_check(&m->photos[i], r->dir_fd);
        code = code ? code : one;
    }
    one = backup_file_check(keys, r->dir_fd);
    return code ? code : one;
}

enum ctl_exit restoring_open(struct restoring *r)
{
    struct fault fault;
    enum err e;

    TRY_CTL(restore_key_check(&r->key));
    if (age_init())
        return say_fail(CTL_FAILED, "libsodium does not start");
    r->manifest = calloc(1, sizeof *r->manifest);
    if (!r->manifest)
        return say_fail(CTL_FAILED, "out of memory");
    TRY_CTL(backup_dir_open(&r->dir_fd, r->from, false));
    e = manifest_read(r->manifest, &fault, r->dir_fd);
    if (e == ERR_NOTFOUND)
        return say_fail(CTL_FAILED, "%s holds no backup (no manifest)", r->from);
    if (e)
        return say_fail(CTL_UNVERIFIED, "%s/%s", r->from, fault.text);
    TRY_CTL(read_checkpoints(r));
    TRY_CTL(judge_loss(r));
    TRY_CTL(read_identities(r));
    return check_files(r);
}

/* ---- The rows ---- */

static enum ctl_exit write_all(int fd, const unsigned char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) /* EPIPE: photod-vault has said what is wrong */
            return errno == EPIPE ? CTL_UNVERIFIED
                                  : say_fail(CTL_FAILED, "handing the rows over: %s", strerror(errno));
        bytes += n;
        len -= (size_t)n;
    }
    return CTL_OK;
}

static enum ctl_exit feed_file(const struct restoring *r, const struct backup_file *f, int to)
{
    CLEANUP(fd) int fd = openat(r->dir_fd, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(age_reader) struct age_reader *reader = NULL;
    const unsigned char *bytes;
    unsigned char sha256[HASH_BYTES];
    struct fault fault;
    uint64_t size;
    size_t len = 0;

    if (fd < 0)
        return say_fail(CTL_FAILED, "%s: %s", f->name, strerror(errno));
    if (age_reader_new(&reader, &fault, fd, &r->identities))
        return say_fail(CTL_UNVERIFIED, "%s: %s", f->name, fault.text);
    do {
        if (age_read(reader, &fault, &bytes, &len))
            return say_fail(CTL_UNVERIFIED, "%s: %s", f->name, fault.text);
        TRY_CTL(write_all(to, bytes, len));
    } while (len);
    age_reader_hash(sha256, &size, reader); /* what was handed on, whatever lay there when it was checked */
    return backup_file_compare(f, size, sha256);
}

/* Keys first, so that a wrong root key is found before the rest. */
static enum ctl_exit feed(void *context, int fd)
{
    const struct restoring *r = context;

    TRY_CTL(feed_file(r, keys_of(r), fd));
    for (unsigned i = 0; i < r->manifest->photos_count; i++)
        TRY_CTL(feed_file(r, &r->manifest->photos[i], fd));
    return CTL_OK;
}

/* ---- photod-vault ---- */

struct numbers {
    char own_size[24], known_size[24], lost[24];
    char own_root[2 * HASH_BYTES + 1], known_root[2 * HASH_BYTES + 1];
};

static void print_numbers(struct numbers *n, const struct restoring *r)
{
    (void)snprintf(n->own_size, sizeof n->own_size, "%" PRIu64, r->own.size);
    (void)snprintf(n->known_size, sizeof n->known_size, "%" PRIu64, r->known.size);
    (void)snprintf(n->lost, sizeof n->lost, "%" PRIu64, r->lost);
    hex_encode(n->own_root, r->own.root, HASH_BYTES);
    hex_encode(n->known_root, r->known.root, HASH_BYTES);
}

/* Its last line is the key of the log that it began. */
static enum ctl_exit take_report(struct restoring *r, const struct buf *output)
{
    char *last;
    struct vkey key;

    r->report = strdup(buf_text(output));
    if (!r->report)
        return say_fail(CTL_FAILED, "out of memory");
    last = r->report + strlen(r->report);
    if (last > r->report && last[-1] == '\n')
        *--last = '\0';
    last = strrchr(r->report, '\n');
    if (!last || vkey_parse(&key, last + 1))
        return say_fail(CTL_FAILED, "photod-vault printed no log key");
    r->vkey = last + 1;
    *last = '\0';
    return CTL_OK;
}

enum ctl_exit restoring_run(struct restoring *r)
{
    struct numbers n;
    const char *args[20] = {"--restore",  "--state",  r->place.path,  "--size",        n.own_size,
                            "--root",     n.own_root, "--known-size", n.known_size,    "--known-root",
                            n.known_root, "--lost",   n.lost,         "--root-key-fd", "3"};
    unsigned count = 15, fd_count = 0;
    int fds[RUN_FDS];
    CLEANUP(buf) struct buf *output = NULL;

    print_numbers(&n, r);
    if (r->key.fd_count > 1) {
        args[count++] = "--passphrase-fd";
        args[count++] = "4";
    }
    if (r->origin) {
        args[count++] = "--origin";
        args[count++] = r->origin;
    }
    while (fd_count < r->key.fd_count) {
        fds[fd_count] = r->key.fds[fd_count];
        fd_count++;
    }
    fds[fd_count++] = r->place.lock; /* which it only has to hold */
    TRY_CTL(run_program(&(struct run){.program = "photod-vault",
                                      .args = args,
                                      .in = -1,
                                      .out = -1,
                                      .fds = fds,
                                      .fd_count = fd_count,
                                      .output = &output,
                                      .feed = feed,
                                      .feed_context = r}));
    return take_report(r, output);
}

void restoring_close(struct restoring *r)
{
    age_identities_clear(&r->identities);
    restore_place_close(&r->place);
    restore_key_close(&r->key);
    free(r->manifest);
    free(r->report);
    if (r->dir_fd >= 0)
        (void)close(r->dir_fd);
}
