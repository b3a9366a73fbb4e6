#include "photod/parent/holdings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/base/log.h"
#include "photod/parent/doors.h"
#include "photod/wire/bulk.h"

/* Descriptors of executables keep out of the way of those a child expects. */
#define FIRST_PROGRAM_FD 10

static const char *const program_names[PROGRAM_COUNT] = {
    [PROGRAM_VAULT] = "photod-vault",
    [PROGRAM_WEB] = "photod-web",
    [PROGRAM_INTAKE] = "photod-intake",
    [PROGRAM_UNSEAL] = "photod-unseal",
};

enum err holdings_read_config(struct holdings *h, const char *path)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk text = {0};
    struct config_fault fault = {0};
    enum err e;

    TRY(config_seal(&h->config_text, path));
    TRY(bulk_map(&text, h->config_text, SIZE_MAX));
    e = config_parse(&h->config, &fault, (const char *)text.bytes, text.len);
    if (e == ERR_MALFORMED && fault.line)
        log_error("%s:%u: %s", path, fault.line, fault.text);
    else if (e)
        log_error("%s: %s", path, e == ERR_MALFORMED ? fault.text : err_name(e));
    return e;
}

/* The children lie beside photod, in the build tree as where it is installed. */
static enum err own_directory(int *dir)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    char *slash;

    if (len <= 0) {
        log_errno("/proc/self/exe");
        return ERR_IO;
    }
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
    *dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir < 0) {
        log_errno("%s", path);
        return ERR_IO;
    }
    return OK;
}

/*
 * By descriptor: neither a 0700 directory above nor a file exchanged later
 * makes a difference to what a restart starts.
 */
static enum err open_program(int *out, int beside, const char *name)
{
    CLEANUP(fd) int fd = openat(beside, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        CLEANUP(fd) int libexec = open(PHOTOD_LIBEXEC, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (libexec >= 0)
            fd = openat(libexec, name, O_RDONLY | O_CLOEXEC);
    }
    if (fd >= 0)
        *out = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_PROGRAM_FD);
    if (fd < 0 || *out < 0) {
        log_errno("%s, beside photod or in " PHOTOD_LIBEXEC, name);
        return ERR_IO;
    }
    return OK;
}

static enum err open_programs(struct holdings *h)
{
    CLEANUP(fd) int dir = -1;

    TRY(own_directory(&dir));
    for (int n = 0; n < PROGRAM_COUNT; n++)
        if (n != PROGRAM_UNSEAL || strcmp(h->config.seal, "pkcs11") == 0)
            TRY(open_program(&h->programs[n], dir, program_names[n]));
    return OK;
}

static enum err open_state(struct holdings *h)
{
    h->state_dir = open(h->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (h->state_dir < 0) {
        log_errno("state: %s (`photoctl init` makes it)", h->config.state);
        return ERR_IO;
    }
    return root_key_check(&h->config);
}

enum err holdings_open(struct holdings *h)
{
    const struct config *c = &h->config;

    h->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (h->null < 0) {
        log_errno("/dev/null");
        return ERR_IO;
    }
    TRY(open_programs(h));
    TRY(open_state(h));
    TRY(tls_read(&h->tls, c));
    TRY(door_open(&h->law, "law_listen", c->law_listen));
    TRY(door_open(&h->office, "office_listen", c->office_listen));
    return admin_open(&h->admin, c);
}

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void holdings_close(struct holdings *h)
{
    if (h->admin >= 0)
        (void)unlink(h->config.socket);
    shut(&h->admin);
    shut(&h->law);
    shut(&h->office);
    shut(&h->config_text);
    shut(&h->state_dir);
    shut(&h->null);
    for (int n = 0; n < PROGRAM_COUNT; n++)
        shut(&h->programs[n]);
    tls_clear(&h->tls);
}
