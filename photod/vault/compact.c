#include <fcntl.h>
#include <stdio.h>
#include "photod/base/log.h"
#include "photod/vault/compact.h"
#include "store/store.h"

static enum err compact(struct store *s, enum store_file file, const char *name)
{
    struct store_compacted c;
    enum err e = store_compact(s, file, &c);

    if (e == ERR_FULL)
        log_error("%s: no room for a second one beside it; nothing was changed", name);
    if (e)
        return e;
    return printf("%s: %llu bytes, were %llu\n", name, (unsigned long long)c.bytes_after,
                  (unsigned long long)c.bytes_before) < 0
               ? ERR_IO
               : OK;
}

enum err vault_compact(const struct config *config)
{
    CLEANUP(fd) int state_fd = open(config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(store) struct store *s = NULL;
    enum err e;

    if (state_fd < 0) {
        log_errno("state: %s", config->state);
        return ERR_IO;
    }
    e = store_open(&s, state_fd); /* says itself what is wrong */
    if (e == ERR_BUSY)
        log_error("stop photod first");
    TRY(e);
    TRY(compact(s, STORE_KEYRING, "keyring"));
    return compact(s, STORE_PHOTOS, "photos");
}
