#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "photod/base/cleanup.h"
#include "tests/fault/image.h"

#define PAGE 4096u

bool trace_changes(const struct op *o)
{
    return o->head.type != TRACE_SYNC && o->head.type != TRACE_MSYNC && o->head.type != TRACE_ACK;
}

bool trace_is_sync(const struct op *o)
{
    return o->head.type == TRACE_SYNC || o->head.dsync;
}

/* ---- Loading ---- */

static void add(struct trace *t, const struct op *o)
{
    if (t->count % 256 == 0)
        t->ops = reallocarray(t->ops, t->count + 256, sizeof *t->ops);
    if (!t->ops)
        err(9, "replay");
    t->ops[t->count++] = *o;
}

static void add_pages(struct trace *t, const struct op *whole)
{
    struct op o = *whole;
    uint32_t left = o.head.len;

    while (left) {
        uint32_t room = PAGE - (uint32_t)(o.head.at % PAGE);

        o.head.len = left < room ? left : room;
        add(t, &o);
        o.head.at += o.head.len;
        o.bytes += o.head.len;
        left -= o.head.len;
    }
}

static bool is_parent(const char *dir, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    return strlen(dir) == len && strncmp(dir, path, len) == 0;
}

/* Contents are made durable by a sync of their file, names by one of their directory. */
static bool is_synced_by(const struct op *o, const struct op *sync)
{
    if (sync->head.type != TRACE_SYNC)
        return false;
    if (o->head.type == TRACE_WRITE || o->head.type == TRACE_TRUNCATE)
        return strcmp(o->path, sync->path) == 0;
    return is_parent(sync->path, o->path);
}

static void find_syncs(struct trace *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct op *o = &t->ops[i];

        o->durable_at = SIZE_MAX;
        if (o->head.dsync)
            o->durable_at = i;
        for (size_t j = i + 1; j < t->count && o->durable_at == SIZE_MAX; j++)
            if (is_synced_by(o, &t->ops[j]))
                o->durable_at = j;
    }
}

void trace_load(struct trace *t, const char *path)
{
    CLEANUP(file) FILE *f = fopen(path, "rb");
    struct op o = {.applied = false};

    *t = (struct trace){.ops = NULL};
    if (!f)
        err(9, "%s", path);
    while (fread(&o.head, sizeof o.head, 1, f) == 1) {
        char *text = calloc(1, o.head.path_len + 1 + o.head.len); /* lives as long as the program */

        if (!text || (o.head.path_len && fread(text, o.head.path_len, 1, f) != 1) ||
            (o.head.len && fread(text + o.head.path_len + 1, o.head.len, 1, f) != 1))
            errx(9, "%s is cut short", path);
        o.path = text;
        o.bytes = (unsigned char *)text + o.head.path_len + 1;
        if (o.head.type == TRACE_WRITE)
            add_pages(t, &o);
        else
            add(t, &o);
    }
    find_syncs(t);
}

/* ---- Making an image ---- */

static void apply(const struct op *o, int dir_fd)
{
    char to[4096];
    int fd = -1, rc = 0;

    switch ((enum trace_type)o->head.type) {
    case TRACE_MKDIR:
        rc = mkdirat(dir_fd, o->path, 0700);
        break;
    case TRACE_CREATE:
        fd = openat(dir_fd, o->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        break;
    case TRACE_WRITE:
        fd = openat(dir_fd, o->path, O_WRONLY | O_CLOEXEC);
        rc = fd >= 0 && pwrite(fd, o->bytes, o->head.len, (off_t)o->head.at) != (ssize_t)o->head.len;
        break;
    case TRACE_TRUNCATE:
        fd = openat(dir_fd, o->path, O_WRONLY | O_CLOEXEC);
        rc = fd >= 0 && ftruncate(fd, (off_t)o->head.at);
        break;
    case TRACE_RENAME:
        (void)snprintf(to, sizeof to, "%.*s", (int)o->head.len, (const char *)o->bytes);
        rc = renameat(dir_fd, o->path, dir_fd, to) && errno != ENOENT;
        break;
    case TRACE_SYNC:
    case TRACE_MSYNC:
    case TRACE_ACK:
        break;
    }
    fd_cleanup(&fd); /* no such file: its name, or that of its directory, is not in this image */
    if (rc && errno != ENOENT)
        err(9, "%s", o->path);
}

void image_write(const struct trace *t, size_t end, int dir_fd)
{
    for (size_t i = 0; i < end; i++)
        if (t->ops[i].applied)
            apply(&t->ops[i], dir_fd);
}
