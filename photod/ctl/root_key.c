#include "photod/ctl/root_key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/file.h"
#include "photod/ctl/vault_run.h"

#define DIGITS_BYTES 65 /* 64 and a newline */

/* Mapped only to be locked: its pages must not reach a swap device.  Private, or it could not be sealed. */
enum ctl_exit root_key_memory(int *fd)
{
    CLEANUP(fd) int made = memfd_create("root-key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *at;

    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (made < 0 || ftruncate(made, DIGITS_BYTES))
        return say_fail(CTL_FAILED, "no memory for the root key: %s", strerror(errno));
    at = mmap(NULL, DIGITS_BYTES, PROT_READ, MAP_PRIVATE, made, 0);
    if (at == MAP_FAILED || mlock(at, DIGITS_BYTES))
        return say_fail(CTL_FAILED, "the root key's memory cannot be locked: raise RLIMIT_MEMLOCK: %s",
                        strerror(errno));
    *fd = TAKE_FD(made);
    return CTL_OK;
}

enum ctl_exit root_key_seal_memory(int fd)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
        return say_fail(CTL_FAILED, "the root key's memory cannot be sealed: %s", strerror(errno));
    return CTL_OK;
}

enum ctl_exit root_key_open_part(int *fd, const char *setting, const char *value)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_MAX];

    if (strchr(value, '/'))
        dir = "";
    else if (!dir)
        return say_fail(
            CTL_FAILED,
            "%s = %s is the name of a systemd credential: run photoctl with CREDENTIALS_DIRECTORY set to a "
            "directory where a file of that name holds it",
            setting, value);
    if (snprintf(path, sizeof path, *dir ? "%s/%s" : "%s%s", dir, value) >= (int)sizeof path)
        return say_fail(CTL_USAGE, "%s: the path is too long", value);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return *fd < 0 ? say_fail(CTL_FAILED, "%s: %s: %s", setting, path, strerror(errno)) : CTL_OK;
}

/* The token's library finds in the environment what photod would put there. */
static enum ctl_exit set_environment(const char *list)
{
    CLEANUP(heap) char *copy = strdup(list);
    char *rest = NULL;

    if (!copy)
        return say_fail(CTL_FAILED, "out of memory");
    for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        char *equals = strchr(word, '=');

        if (!equals || equals == word)
            return say_fail(CTL_USAGE, "pkcs11_environment: `%s` is not NAME=VALUE", word);
        *equals = '\0';
        if (setenv(word, equals + 1, 1))
            return say_fail(CTL_FAILED, "out of memory");
    }
    return CTL_OK;
}

enum ctl_exit root_key_seal(const struct config *c, const char *config_path, int memory, const char *path)
{
    static const char *const args[] = {"seal", NULL};
    CLEANUP(fd) int conf = open(config_path, O_RDONLY | O_CLOEXEC);
    CLEANUP(fd) int pin = -1;
    CLEANUP(fd) int out = -1;
    enum ctl_exit code;

    if (conf < 0)
        return say_fail(CTL_FAILED, "%s: %s", config_path, strerror(errno));
    TRY_CTL(root_key_open_part(&pin, "pkcs11_pin", c->pkcs11_pin));
    TRY_CTL(set_environment(c->pkcs11_environment));
    out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (out < 0)
        return say_fail(CTL_FAILED, "%s cannot be made: %s", path, strerror(errno));
    code = run_program(&(struct run){.program = "photod-unseal",
                                     .args = args,
                                     .in = memory,
                                     .out = out,
                                     .fds = (const int[]){conf, pin},
                                     .fd_count = 2});
    if (!code && fsync(out))
        code = say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (!code)
        code = file_sync_directory(path);
    if (code)
        (void)unlink(path);
    return code;
}

enum ctl_exit root_key_unseal(const struct config *c, const char *config_path, int sealed, int memory)
{
    static const char *const args[] = {"open", NULL};
    CLEANUP(fd) int conf = open(config_path, O_RDONLY | O_CLOEXEC);
    CLEANUP(fd) int pin = -1;

    if (conf < 0)
        return say_fail(CTL_FAILED, "%s: %s", config_path, strerror(errno));
    TRY_CTL(root_key_open_part(&pin, "pkcs11_pin", c->pkcs11_pin));
    TRY_CTL(set_environment(c->pkcs11_environment));
    return run_program(&(struct run){.program = "photod-unseal",
                                     .args = args,
                                     .in = -1,
                                     .out = memory,
                                     .fds = (const int[]){conf, pin, sealed},
                                     .fd_count = 3});
}

enum ctl_exit root_key_config(struct config **out, const char *path)
{
    CLEANUP(heap) struct config *c = calloc(1, sizeof *c);
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct config_fault fault = {.text = "out of memory"};

    if (fd < 0)
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (!c || config_read(c, &fault, fd))
        return say_fail(CTL_USAGE, "%s:%u: %s", path, fault.line, fault.text);
    *out = TAKE(c);
    return CTL_OK;
}
