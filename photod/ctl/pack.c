#include "photod/ctl/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>
#include "photod/base/cleanup.h"

#define FILES_MAX 20000 /* as the office door takes them */
#define TEMP_TEXT 200

/* ---- One file, opened when its turn comes and never through a link ---- */

struct source {
    char *path;
    int fd;
    zip_uint64_t size;
    zip_error_t error;
};

static zip_int64_t fail(struct source *s, int code)
{
    zip_error_set(&s->error, code, errno);
    return -1;
}

static zip_int64_t open_source(struct source *s)
{
    struct stat st;

    s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (s->fd < 0 || fstat(s->fd, &st))
        return fail(s, ZIP_ER_OPEN);
    return S_ISREG(st.st_mode) ? 0 : fail(s, ZIP_ER_INVAL);
}

static zip_int64_t stat_source(const struct source *s, void *data)
{
    struct zip_stat *st = data;

    zip_stat_init(st);
    st->valid = ZIP_STAT_SIZE;
    st->size = s->size;
    return sizeof *st;
}

static void close_source(struct source *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

static void free_source(struct source *s)
{
    close_source(s);
    zip_error_fini(&s->error);
    free(s->path);
    free(s);
}

static zip_int64_t serve(void *context, void *data, zip_uint64_t len, zip_source_cmd_t command)
{
    struct source *s = context;
    ssize_t n;

    switch ((int)command) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
    case ZIP_SOURCE_OPEN:
        return open_source(s);
    case ZIP_SOURCE_READ:
        n = read(s->fd, data, len);
        return n < 0 ? fail(s, ZIP_ER_READ) : (zip_int64_t)n;
    case ZIP_SOURCE_CLOSE:
        close_source(s);
        return 0;
    case ZIP_SOURCE_STAT:
        return stat_source(s, data);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&s->error, data, len);
    case ZIP_SOURCE_FREE:
        free_source(s);
        return 0;
    default:
        return fail(s, ZIP_ER_OPNOTSUPP);
    }
}

/* ---- The folder ---- */

struct packing {
    zip_t *zip;
    unsigned files, left_out;
};

static enum ctl_exit add_file(struct packing *p, const FTSENT *entry, const char *name)
{
    struct source *s = calloc(1, sizeof *s);
    zip_source_t *source;
    zip_int64_t at;

    if (!s || !(s->path = strdup(entry->fts_accpath))) {
        free(s);
        return say_fail(CTL_FAILED, "out of memory");
    }
    s->fd = -1;
    s->size = (zip_uint64_t)entry->fts_statp->st_size;
    zip_error_init(&s->error);
    source = zip_source_function(p->zip, serve, s);
    if (!source) {
        free_source(s);
        return say_fail(CTL_FAILED, "out of memory");
    }
    at = zip_file_add(p->zip, name, source, ZIP_FL_ENC_UTF_8);
    if (at < 0) {
        zip_source_free(source);
        return say_fail(CTL_FAILED, "a file of the folder cannot be packed: %s", zip_strerror(p->zip));
    }
    p->files++;
    /* Pictures are compressed already. */
    return zip_set_file_compression(p->zip, (zip_uint64_t)at, ZIP_CM_STORE, 0)
               ? say_fail(CTL_FAILED, "a file of the folder cannot be packed: %s", zip_strerror(p->zip))
               : CTL_OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void fts_cleanup(FTS **walk)
{
    if (*walk)
        (void)fts_close(*walk);
}

static enum ctl_exit add_folder(struct packing *p, const char *folder)
{
    char *roots[] = {strdup(folder), NULL};
    __attribute__((cleanup(fts_cleanup))) FTS *walk =
        roots[0] ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name) : NULL;
    size_t prefix = strlen(folder);
    const FTSENT *entry;

    free(roots[0]);
    if (!walk)
        return say_fail(CTL_FAILED, "%s: %s", folder, strerror(errno));
    while (prefix && folder[prefix - 1] == '/')
        prefix--;
    while ((entry = fts_read(walk))) {
        const char *name = entry->fts_path + prefix;

        switch (entry->fts_info) {
        case FTS_D:
        case FTS_DP:
            continue;
        case FTS_F:
            if (p->files == FILES_MAX)
                return say_fail(CTL_FAILED, "%s holds more than %d files; send its folders one by one",
                                folder, FILES_MAX);
            TRY_CTL(add_file(p, entry, name + strspn(name, "/")));
            break;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
            return say_fail(CTL_FAILED, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
        default: /* links, devices and the like */
            p->left_out++;
        }
    }
    return p->files ? CTL_OK : say_fail(CTL_FAILED, "%s holds no file", folder);
}

/* ---- Writing it ---- */

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static int is_cancelled(zip_t *zip, void *unused)
{
    (void)zip, (void)unused;
    return interrupted;
}

static void show_progress(zip_t *zip, double done, void *unused)
{
    (void)zip, (void)unused;
    say_progress("packed %d %%", (int)(done * 100));
}

/* An interrupt ends the packing, so that no copy of the photos stays behind. */
static enum ctl_exit write_zip(struct packing *p)
{
    const struct sigaction note = {.sa_handler = note_interrupt};
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before[sizeof signals / sizeof signals[0]];
    bool good;

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaction(signals[i], &note, &before[i]);
    (void)zip_register_cancel_callback_with_state(p->zip, is_cancelled, NULL, NULL);
    (void)zip_register_progress_callback_with_state(p->zip, 0.01, show_progress, NULL, NULL);
    good = zip_close(p->zip) == 0;
    say_progress_end();
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaction(signals[i], &before[i], NULL);
    if (!good)
        return say_fail(CTL_FAILED, "the folder could not be packed: %s",
                        interrupted ? "interrupted" : zip_strerror(p->zip));
    p->zip = NULL;
    return CTL_OK;
}

static enum ctl_exit pack_into(const char *path, const char *folder)
{
    struct packing p = {.files = 0};
    enum ctl_exit code;
    int error;

    p.zip = zip_open(path, ZIP_CREATE | ZIP_EXCL, &error);
    if (!p.zip)
        return say_fail(CTL_FAILED, "%s cannot be made", path);
    code = add_folder(&p, folder);
    if (!code)
        code = write_zip(&p);
    if (p.zip)
        zip_discard(p.zip);
    if (!code)
        say_hint("Packed %u files of %s.", p.files, folder);
    if (!code && p.left_out)
        say_hint("Left out: %u links or special files.", p.left_out);
    return code;
}

enum ctl_exit pack_folder(int *fd, const char *folder)
{
    const char *temp = getenv("TMPDIR");
    char dir[TEMP_TEXT], path[TEMP_TEXT + 16];
    enum ctl_exit code;

    if ((size_t)snprintf(dir, sizeof dir, "%s/photoctl-XXXXXX", temp && *temp ? temp : "/tmp") >=
            sizeof dir ||
        !mkdtemp(dir)) /* 0700: nobody else comes at what is in it */
        return say_fail(CTL_FAILED, "no private folder can be made in %s", temp && *temp ? temp : "/tmp");
    (void)snprintf(path, sizeof path, "%s/photos.zip", dir);
    code = pack_into(path, folder);
    if (!code && (*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
        code = say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    (void)unlink(path);
    (void)rmdir(dir);
    return code;
}

bool pack_is_folder(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISDIR(st.st_mode);
}
