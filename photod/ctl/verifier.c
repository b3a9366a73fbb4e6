#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "photod/ctl/file.h"
#include "photod/ctl/verifier.h"

#define VKEY_MAX 4096

static enum ctl_exit from_file(struct vkey *out, const char *path)
{
    CLEANUP(buf) struct buf *b = NULL;

    TRY_CTL(file_read(&b, path, VKEY_MAX));
    return vkey_parse(out, buf_text(b))
               ? say_fail(CTL_FAILED, "%s holds no log key (name+id+key, Ed25519)", path)
               : CTL_OK;
}

enum ctl_exit verifier_read(struct vkey *out, const struct verifier_options *from, const char *log_dir)
{
    char beside[PATH_MAX];

    if (from->text && from->file)
        return say_fail(CTL_USAGE, "give either --vkey or --vkey-file");
    if (from->text)
        return vkey_parse(out, from->text)
                   ? say_fail(CTL_USAGE, "--vkey: not a log key (name+id+key, Ed25519)")
                   : CTL_OK;
    if (from->file)
        return from_file(out, from->file);
    if (log_dir && snprintf(beside, sizeof beside, "%s/../log.vkey", log_dir) < (int)sizeof beside &&
        access(beside, R_OK) == 0) {
        say_hint("Using the key in %s, which lies beside the log: it proves only that nothing was damaged.",
                 beside);
        return from_file(out, beside);
    }
    return say_fail(CTL_USAGE,
                    "give the log's public key: --vkey or --vkey-file (`photoctl audit key` shows it)");
}
