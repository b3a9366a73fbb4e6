#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "photod/ctl/file.h"
#include "photod/ctl/log_read.h"

#define BUNDLE_MAX (LOG_TILE_WIDTH * (2 + 65535))
#define DEPTH_MAX  16

/* ---- Names ---- */

void log_file_path(char path[static LOG_PATH], struct log_file f)
{
    char groups[40];
    size_t at = sizeof groups - 1;
    uint64_t n = f.index;
    int len;

    groups[at] = '\0';
    for (bool last = true; last || n; last = false, n /= 1000) {
        char group[8];

        len =
            snprintf(group, sizeof group, "%s%03u%s", last ? "" : "x", (unsigned)(n % 1000), last ? "" : "/");
        at -= (size_t)len;
        memcpy(groups + at, group, (size_t)len);
    }
    if (f.level == LOG_ENTRIES)
        len = snprintf(path, LOG_PATH, "tile/entries/%s", groups + at);
    else
        len = snprintf(path, LOG_PATH, "tile/%d/%s", f.level % 100, groups + at);
    if (f.width != LOG_TILE_WIDTH)
        (void)snprintf(path + len, LOG_PATH - (size_t)len, ".p/%u", f.width % LOG_TILE_WIDTH);
}

unsigned log_file_width(uint64_t size, int level, uint64_t index)
{
    uint64_t hashes = level <= 0 ? size : size >> (8 * (unsigned)level);

    if (level >= LOG_LEVELS || index > hashes / LOG_TILE_WIDTH)
        return 0;
    return index < hashes / LOG_TILE_WIDTH ? LOG_TILE_WIDTH : (unsigned)(hashes % LOG_TILE_WIDTH);
}

/* The level and index that a name means, as far as it can be read; the caller writes it again and compares.
 */
static bool guess(int *level, uint64_t *index, const char *path)
{
    const char *at;

    if (strncmp(path, "tile/entries/", 13) == 0) {
        *level = LOG_ENTRIES;
        at = path + 13;
    } else if (strncmp(path, "tile/", 5) == 0 && path[5] >= '0' && path[5] <= '7' && path[6] == '/') {
        *level = path[5] - '0';
        at = path + 7;
    } else {
        return false;
    }
    *index = 0;
    for (; *at && *at != '.'; at++) {
        if (*at >= '0' && *at <= '9') {
            if (*index > UINT64_MAX / 10 - 1)
                return false;
            *index = *index * 10 + (uint64_t)(*at - '0');
        } else if (*at != 'x' && *at != '/') {
            return false;
        }
    }
    return true;
}

bool log_has_file(uint64_t size, const char *path)
{
    struct log_file f;
    char again[LOG_PATH];

    if (strcmp(path, "checkpoint") == 0)
        return true;
    if (!guess(&f.level, &f.index, path))
        return false;
    f.width = log_file_width(size, f.level, f.index);
    if (!f.width)
        return false;
    log_file_path(again, f);
    return strcmp(path, again) == 0;
}

/* ---- Contents ---- */

enum err log_file_read(struct buf **out, int dir_fd, struct log_file f)
{
    char path[LOG_PATH];

    log_file_path(path, f);
    return file_read_at(out, dir_fd, path, BUNDLE_MAX);
}

enum err log_bundle_split(struct log_entry *out, unsigned count, const struct buf *bundle)
{
    const unsigned char *at = buf_bytes(bundle), *end = at + buf_len(bundle);

    for (unsigned i = 0; i < count; i++) {
        size_t len;

        if (end - at < 2)
            return ERR_MALFORMED;
        len = (size_t)at[0] << 8 | at[1];
        at += 2;
        if ((size_t)(end - at) < len)
            return ERR_MALFORMED;
        out[i] = (struct log_entry){at, len};
        at += len;
    }
    return at == end ? OK : ERR_MALFORMED;
}

enum err log_entry_read(struct buf *out, int dir_fd, uint64_t size, uint64_t index)
{
    CLEANUP(buf) struct buf *bundle = NULL;
    struct log_entry entries[LOG_TILE_WIDTH];
    struct log_file f = {LOG_ENTRIES, index / LOG_TILE_WIDTH, 0};

    if (index >= size)
        return ERR_NOTFOUND;
    f.width = log_file_width(size, LOG_ENTRIES, f.index);
    TRY(log_file_read(&bundle, dir_fd, f));
    TRY(log_bundle_split(entries, f.width, bundle));
    return buf_append(out, entries[index % LOG_TILE_WIDTH].bytes, entries[index % LOG_TILE_WIDTH].len);
}

/* ---- Walk ---- */

static enum err walk(int fd, char *path, size_t used, unsigned depth, log_visit *visit, void *context);

static enum err walk_one(DIR *d, const char *name, char *path, size_t used, unsigned depth, log_visit *visit,
                         void *context)
{
    size_t len = strlen(name);
    struct stat st;
    int fd;

    if (used + len + 2 > PATH_MAX)
        return ERR_IO;
    if (fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? OK : ERR_IO; /* a log that grows drops partial tiles meanwhile */
    memcpy(path + used, name, len + 1);
    if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX) {
        visit(context, path, S_ISREG(st.st_mode));
        return OK;
    }
    fd = openat(dirfd(d), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? OK : ERR_IO;
    memcpy(path + used + len, "/", 2);
    return walk(fd, path, used + len + 1, depth + 1, visit, context);
}

/* Owns fd. */
static enum err walk(int fd, char *path, size_t used, unsigned depth, log_visit *visit, void *context)
{
    DIR *d = fdopendir(fd);
    enum err e = OK;

    if (!d) {
        (void)close(fd);
        return ERR_IO;
    }
    for (struct dirent *entry; !e && (entry = readdir(d));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            e = walk_one(d, entry->d_name, path, used, depth, visit, context);
    (void)closedir(d);
    return e;
}

enum err log_walk(int dir_fd, log_visit *visit, void *context)
{
    char path[PATH_MAX] = "";
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? ERR_IO : walk(fd, path, 0, 0, visit, context);
}
