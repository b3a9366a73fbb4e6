#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "photod/ctl/file.h"
#include "photod/ctl/init_shares.h"

#define SHARES 5

static void print_all(const char *texts)
{
    (void)printf(
        "\nRecovery shares: any three of these five make the root key again when it is lost, two tell\n"
        "nothing. They are shown this once and kept nowhere. Write each on paper, for five people in\n"
        "five places, then try them: photoctl unseal --rehearse --config FILE\n\n%s\n",
        texts);
}

/* An empty line ends a share. */
static enum ctl_exit write_one(const char *dir, unsigned number, const char *text, size_t len)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/share-%u.txt", dir, number) >= (int)sizeof path)
        return say_fail(CTL_USAGE, "%s: the path is too long", dir);
    return file_write_new(path, 0400, text, len);
}

static void remove_all(const char *dir, unsigned written)
{
    char path[PATH_MAX];

    for (; written; written--)
        if (snprintf(path, sizeof path, "%s/share-%u.txt", dir, written) < (int)sizeof path)
            (void)unlink(path);
}

/* What opens the state must not lie in it. */
enum ctl_exit shares_dir_make(bool *made, const char *dir, const char *state)
{
    char state_path[PATH_MAX], path[PATH_MAX];
    size_t len;

    TRY_CTL(file_make_dir(dir, made));
    if (!realpath(state, state_path) || !realpath(dir, path))
        return say_fail(CTL_FAILED, "%s: %s", dir, strerror(errno));
    len = strlen(state_path);
    if (strncmp(path, state_path, len) == 0 && (path[len] == '/' || !path[len]))
        return say_fail(CTL_USAGE, "--shares-dir may not lie in the state directory");
    return CTL_OK;
}

enum ctl_exit shares_hand_out(const char *texts, const char *dir)
{
    const char *at = texts;

    if (!dir) {
        print_all(texts);
        return CTL_OK;
    }
    for (unsigned n = 1; n <= SHARES; n++) {
        const char *gap = strstr(at, "\n\n");
        size_t len = gap ? (size_t)(gap + 1 - at) : strlen(at);

        if (!len || write_one(dir, n, at, len)) {
            remove_all(dir, n - 1);
            return say_fail(CTL_FAILED, "the recovery shares could not be written to %s", dir);
        }
        at += len + (gap ? 1 : 0);
    }
    (void)printf(
        "The recovery shares are in %s: any three of the five make the root key again when it is lost.\n"
        "Give them to five people in five places and leave none here; try them:\n"
        "  photoctl unseal --rehearse --config FILE\n",
        dir);
    return CTL_OK;
}
