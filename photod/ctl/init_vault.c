#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/init_vault.h"
#include "photod/ctl/note.h"
#include "photod/ctl/vault_run.h"

enum ctl_exit init_vault(struct buf **verifier, struct buf **shares, const char *config, const char *policy,
                         const char *origin, const char *root_key, int memory)
{
    const char *const args[] = {
        "--init",   "--config", config,       "--consent-policy", policy,
        "--origin", origin,     "--root-key", root_key,           memory < 0 ? NULL : "--root-key-fd",
        "3",        NULL};
    CLEANUP(buf) struct buf *text = NULL;
    CLEANUP(buf) struct buf *rest = NULL;
    const char *gap;
    struct vkey key;

    if (run_program(&(struct run){.program = "photod-vault",
                                  .args = args,
                                  .in = -1,
                                  .out = -1,
                                  .fds = &memory,
                                  .fd_count = memory < 0 ? 0 : 1,
                                  .output = &text}))
        return say_fail(CTL_FAILED, "photod-vault could not make the state");
    gap = strstr(buf_text(text), "\n\n");
    if (!gap || buf_new(&rest, buf_len(text)) ||
        buf_append(rest, gap + 2, buf_len(text) - (size_t)(gap + 2 - buf_text(text))))
        return say_fail(CTL_FAILED, "photod-vault printed no recovery shares");
    buf_truncate(text, (size_t)(gap + 1 - buf_text(text)));
    if (vkey_parse(&key, buf_text(text)))
        return say_fail(CTL_FAILED, "photod-vault printed no log key");
    *verifier = TAKE(text);
    *shares = TAKE(rest);
    return CTL_OK;
}
