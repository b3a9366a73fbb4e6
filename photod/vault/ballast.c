#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include "photod/base/log.h"
#include "photod/vault/ballast.h"

#define VOLUME_SHARE 16 /* of a small volume, at most one part in so many */
#define TICK_MS      1000

struct ballast {
    int fd;
    uint64_t bytes;
    atomic_bool held;
    int64_t next_ms;
};

/* So much must be free, or the ballast goes. */
static uint64_t reserve(const struct ballast *b)
{
    return b->bytes / 8;
}

static bool fill(struct vault *v)
{
    struct ballast *b = v->ballast;
    uint64_t total, available;

    if (b->fd < 0 || store_capacity(v->store, &total, &available) || available < b->bytes + 2 * reserve(b) ||
        posix_fallocate(b->fd, 0, (off_t)b->bytes)) {
        if (b->fd >= 0)
            (void)!ftruncate(b->fd, 0);
        return false;
    }
    b->held = true;
    return true;
}

enum err ballast_open(struct vault *v)
{
    CLEANUP(heap) struct ballast *b = calloc(1, sizeof *b);
    uint64_t total, available;

    if (!b)
        return ERR_NOMEM;
    TRY(store_capacity(v->store, &total, &available));
    b->bytes = v->config.ballast_mib << 20;
    if (b->bytes > total / VOLUME_SHARE)
        b->bytes = total / VOLUME_SHARE;
    b->fd = openat(v->state_fd, "ballast", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (b->fd < 0 && errno != ENOSPC) {
        log_errno("ballast in the state directory");
        return ERR_IO;
    }
    v->ballast = TAKE(b);
    v->ballast->held = !v->ballast->bytes;
    if (!v->ballast->held && !fill(v))
        log_error("the volume has no room for the ballast: uploads are refused, lookups go on");
    return OK;
}

void ballast_close(struct vault *v)
{
    if (v->ballast && v->ballast->fd >= 0)
        (void)close(v->ballast->fd);
    free(v->ballast);
    v->ballast = NULL;
}

bool ballast_is_held(const struct vault *v)
{
    return v->ballast->held;
}

bool ballast_hold(struct vault *v)
{
    if (v->ballast->held)
        return true;
    if (!fill(v))
        return false;
    log_info("the ballast is held again");
    return true;
}

bool ballast_release(struct vault *v)
{
    struct ballast *b = v->ballast;

    if (!b->bytes || b->fd < 0 || !atomic_exchange(&b->held, false))
        return false;
    if (ftruncate(b->fd, 0)) {
        log_errno("the ballast cannot be let go of");
        return false;
    }
    log_error(
        "the volume is full: the ballast of %llu bytes is let go of, for lookups and erasures; make room",
        (unsigned long long)b->bytes);
    return true;
}

void ballast_tick(struct vault *v, int64_t steady_ms)
{
    struct ballast *b = v->ballast;
    uint64_t total, available;

    if (!b->bytes || b->fd < 0 || steady_ms < b->next_ms)
        return;
    b->next_ms = steady_ms + TICK_MS;
    if (!b->held)
        (void)ballast_hold(v);
    else if (!store_capacity(v->store, &total, &available) && available < reserve(b))
        (void)ballast_release(v);
}
