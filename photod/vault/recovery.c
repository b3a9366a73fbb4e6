#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include "keys/keyfile.h"
#include "keys/seal.h"
#include "keys/shares.h"
#include "photod/base/log.h"
#include "photod/vault/open.h"
#include "photod/vault/recovery.h"

#define SEND_AT_ONCE 65536

/* ---- The root key file ---- */

/* The name is as durable as the file. */
static enum err sync_directory(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) + 1 : 2;
    CLEANUP(fd) int fd = -1;

    (void)snprintf(dir, sizeof dir, "%.*s", len, slash ? path : "./");
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) ? ERR_IO : OK;
}

static enum err passphrase_open(int *fd, const struct config *c)
{
    if (!seal_needs_passphrase(c->seal))
        return OK;
    *fd = open(c->seal_passphrase, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        log_errno("seal_passphrase: %s", c->seal_passphrase);
        return ERR_IO;
    }
    return OK;
}

/* What photod will be given at a start, seal.h's opening: the file, and the passphrase behind it. */
static enum err open_again(struct secret **again, const struct config *c, int fd, int passphrase_fd)
{
    CLEANUP(fd) int opening = memfd_create("opening", MFD_CLOEXEC);
    off_t at = 0;

    if (opening < 0)
        return ERR_IO;
    while (sendfile(opening, fd, &at, SEND_AT_ONCE) > 0)
        continue;
    at = 0;
    while (passphrase_fd >= 0 && sendfile(opening, passphrase_fd, &at, SEND_AT_ONCE) > 0)
        continue;
    return seal_open(again, c->seal, opening);
}

/* A file that does not open is found now, not at the next start. */
static enum err prove_file(const struct config *c, const char *path, int passphrase_fd,
                           const struct secret *root)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(secret) struct secret *again = NULL;

    if (fd >= 0 && !open_again(&again, c, fd, passphrase_fd) && secret_equal(again, root))
        return OK;
    log_error("%s does not open to the root key that was put there", path);
    return ERR_CORRUPT;
}

static enum err make_file(const struct config *c, const char *path, const struct secret *root)
{
    CLEANUP(fd) int passphrase_fd = -1;
    CLEANUP(fd) int fd = -1;
    enum err e;

    TRY(passphrase_open(&passphrase_fd, c));
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0) {
        e = errno == EEXIST ? ERR_EXISTS : ERR_IO;
        log_errno("%s cannot be made", path);
        return e;
    }
    e = seal_make(root, c->seal, fd, passphrase_fd); /* says itself what is wrong */
    if (!e && (fsync(fd) || sync_directory(path))) {
        log_errno("%s", path);
        e = ERR_IO;
    }
    if (!e)
        e = prove_file(c, path, passphrase_fd, root);
    if (e)
        (void)unlink(path);
    return e;
}

enum err root_key_put(const struct config *c, const struct root_key_to *to, const struct secret *root)
{
    if (to->fd >= 0)
        TRY(seal_make(root, "key-file", to->fd, -1));
    return strcmp(c->seal, "pkcs11") == 0 ? OK : make_file(c, to->path, root);
}

enum err vault_new_root(const struct config *c, const struct root_key_to *to)
{
    CLEANUP(secret) struct secret *root = NULL;
    char share_set[SHARES_SET_TEXT];

    shares_set_new(share_set);
    TRY(secret_random(&root, ROOT_KEY_BYTES));
    TRY(root_key_put(c, to, root));
    return shares_write(root, share_set, STDOUT_FILENO); /* shown once, kept nowhere */
}

/* ---- Shares ---- */

static enum err say(enum err e, const char *from, const struct share_fault *fault)
{
    if (e && fault->text[0])
        log_error("%s%s%s", from ? from : "", from ? ": " : "", fault->text);
    return e;
}

static enum err read_file(struct shares *all, const char *path)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct share_fault fault;

    if (fd < 0) {
        log_errno("%s", path);
        return ERR_IO;
    }
    return say(shares_read(all, &fault, fd), path, &fault);
}

static enum err collect(struct shares *all, char *const *files, int count)
{
    struct share_fault fault;

    for (int i = 0; i < count; i++)
        TRY(read_file(all, files[i]));
    if (count)
        return OK;
    if (isatty(STDIN_FILENO))
        return say(shares_ask(all, &fault, STDIN_FILENO, STDERR_FILENO), NULL, &fault);
    return say(shares_read(all, &fault, STDIN_FILENO), NULL, &fault);
}

/* The root key that the shares make, proven against the state's key file. */
static enum err recover(struct secret **root, struct shares *all, const struct config *c, char *const *files,
                        int count)
{
    CLEANUP(fd) int state_fd = open(c->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(secret) struct secret *key = NULL;
    CLEANUP(keys) struct keys *opened = NULL;
    struct share_fault fault;

    if (state_fd < 0) {
        log_errno("state: %s", c->state);
        return ERR_IO;
    }
    TRY(collect(all, files, count));
    TRY(say(shares_combine(&key, &fault, all), NULL, &fault));
    TRY(key_file_open(&opened, state_fd, key, "the key that these shares make"));
    *root = TAKE(key);
    return OK;
}

enum err vault_rehearse(const struct config *c, char *const *files, int count)
{
    CLEANUP(shares) struct shares *all = NULL;
    CLEANUP(secret) struct secret *root = NULL;

    TRY(shares_new(&all));
    TRY(recover(&root, all, c, files, count));
    return printf("The shares of set %s are right: they make the key that opens this state. Nothing was "
                  "changed.\n",
                  shares_set(all)) < 0 ||
                   fflush(stdout)
               ? ERR_IO
               : OK;
}

enum err vault_recover(const struct config *c, const struct root_key_to *to, char *const *files, int count)
{
    CLEANUP(shares) struct shares *all = NULL;
    CLEANUP(secret) struct secret *root = NULL;
    struct stat st;

    if (!lstat(to->path, &st)) { /* before three people type */
        log_error("%s exists already: nothing was changed; move it away if it is not the right one",
                  to->path);
        return ERR_EXISTS;
    }
    TRY(shares_new(&all));
    TRY(recover(&root, all, c, files, count));
    TRY(root_key_put(c, to, root));
    return printf("The shares of set %s are right: they make the root key again, for %s (seal method %s).\n",
                  shares_set(all), to->path, c->seal) < 0 ||
                   fflush(stdout)
               ? ERR_IO
               : OK;
}

enum err vault_combine(int fd, char *const *files, int count)
{
    CLEANUP(shares) struct shares *all = NULL;
    CLEANUP(secret) struct secret *root = NULL;
    struct share_fault fault;

    TRY(shares_new(&all));
    TRY(collect(all, files, count));
    TRY(say(shares_combine(&root, &fault, all), NULL, &fault));
    return seal_make(root, "key-file", fd, -1);
}
