#include <limits.h>
#include <stdio.h>
#include "photod/ctl/ca_dir.h"
#include "photod/ctl/file.h"
#include "photod/ctl/prompt.h"

#define PEM_MAX 65536

static enum ctl_exit read_in(struct buf **out, const char *dir, const char *name)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return say_fail(CTL_USAGE, "%s: the path is too long", dir);
    return file_read(out, path, PEM_MAX);
}

enum ctl_exit ca_dir_open(struct ca **out, const char *dir, const char *passphrase_file)
{
    CLEANUP(buf) struct buf *certificate = NULL;
    CLEANUP(buf) struct buf *key = NULL;
    CLEANUP(buf) struct buf *passphrase = NULL;
    struct fault fault;

    TRY_CTL(read_in(&certificate, dir, CA_CERTIFICATE_FILE));
    TRY_CTL(read_in(&key, dir, CA_KEY_FILE));
    TRY_CTL(prompt_passphrase(&passphrase, passphrase_file, false));
    if (ca_open(out, &fault, certificate, key, buf_text(passphrase)))
        return say_fail(CTL_FAILED, "%s: %s", dir, fault.text);
    return CTL_OK;
}
