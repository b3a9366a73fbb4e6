#include "photod/ctl/config_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/file.h"

#define CONFIG_MAX (1u << 20)
#define VALUES_MAX 16

/* Which of values this line sets, perhaps in a comment; count when none. */
static size_t key_of(bool *is_comment, const char *line, size_t len, const struct init_values *values,
                     size_t count)
{
    size_t n = 0, key;

    while (n < len && (line[n] == ' ' || line[n] == '\t'))
        n++;
    *is_comment = n < len && line[n] == '#';
    n += *is_comment;
    for (key = 0; key < count; key++) {
        size_t name = strlen(values[key].key), after = n + name;

        if (after >= len || memcmp(line + n, values[key].key, name) != 0)
            continue;
        while (after < len && (line[after] == ' ' || line[after] == '\t'))
            after++;
        if (after < len && line[after] == '=')
            return key;
    }
    return count;
}

/* A key's own line is replaced where it stands, else its comment, else the line goes to the end. */
enum err config_edit(struct buf *out, const char *text, const struct init_values *values, size_t count)
{
    bool has_line[VALUES_MAX] = {false}, is_done[VALUES_MAX] = {false}, is_comment;
    size_t key;

    if (count > VALUES_MAX)
        return ERR_LIMIT;
    for (const char *at = text; *at; at += strcspn(at, "\n") + (at[strcspn(at, "\n")] != '\0')) {
        key = key_of(&is_comment, at, strcspn(at, "\n"), values, count);
        if (key < count && !is_comment)
            has_line[key] = true;
    }
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, "\n");

        key = key_of(&is_comment, at, len, values, count);
        if (key < count && !is_done[key] && (!is_comment || (!has_line[key] && values[key].value))) {
            is_done[key] = true;
            TRY(buf_printf(out, values[key].value ? "%s = %s\n" : "#%s = \n", values[key].key,
                           values[key].value));
        } else
            TRY(buf_printf(out, "%.*s\n", (int)len, at));
        at += len + (at[len] == '\n');
    }
    for (key = 0; key < count; key++)
        if (!is_done[key] && values[key].value)
            TRY(buf_printf(out, "%s = %s\n", values[key].key, values[key].value));
    return OK;
}

static enum ctl_exit write_waiting(const char *waiting, const char *path, const struct buf *text)
{
    CLEANUP(fd) int fd = -1;
    struct stat st;

    if (stat(path, &st))
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (unlink(waiting) && errno != ENOENT) /* of a run that was cut off */
        return say_fail(CTL_FAILED, "%s: %s", waiting, strerror(errno));
    TRY_CTL(file_create(&fd, waiting, 0600));
    if (fchown(fd, st.st_uid, st.st_gid) || fchmod(fd, st.st_mode & 07777))
        return say_fail(CTL_FAILED, "%s: %s", waiting, strerror(errno));
    return file_fill(fd, waiting, buf_bytes(text), buf_len(text));
}

enum ctl_exit config_prepare(char waiting[static CONFIG_WAITING_MAX], struct config **config,
                             const char *path, const struct init_values *values, size_t count)
{
    CLEANUP(buf) struct buf *text = NULL;
    CLEANUP(buf) struct buf *edited = NULL;
    CLEANUP(heap) struct config *c = calloc(1, sizeof *c);
    struct config_fault fault = {.text = "out of memory"};

    if (snprintf(waiting, CONFIG_WAITING_MAX, "%s.new", path) >= CONFIG_WAITING_MAX)
        return say_fail(CTL_USAGE, "%s: the path is too long", path);
    TRY_CTL(file_read(&text, path, CONFIG_MAX));
    if (!c || buf_new(&edited, CONFIG_MAX) || config_edit(edited, buf_text(text), values, count) ||
        config_parse(c, &fault, buf_text(edited), buf_len(edited)))
        return say_fail(CTL_USAGE, "%s would be wrong: %s", path, fault.text);
    TRY_CTL(write_waiting(waiting, path, edited));
    *config = TAKE(c);
    return CTL_OK;
}

enum ctl_exit config_switch(const char *waiting, const char *path)
{
    if (rename(waiting, path))
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    return file_sync_directory(path);
}
