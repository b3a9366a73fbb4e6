/* `keys`: the ring key, which makes erasure final in every copy, and the root key above it. */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/clock.h"
#include "photod/base/text.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/file.h"
#include "photod/ctl/local.h"

#define ROOT_KEY_BYTES 32
#define ROTATE_S       3600
#define REKEY_S        60

/* ---- Looking ---- */

static void print_status(const struct shape_keys_status *s)
{
    char since[CLOCK_TEXT] = "the first start", suite[sizeof s->suite];

    if (s->ring_since_ms)
        clock_format(since, (int64_t)s->ring_since_ms);
    memcpy(suite, s->suite, sizeof suite);
    say_clean(suite);
    (void)printf("ring key        epoch %" PRIu64 ", since %s\n", s->ring_epoch, since);
    (void)printf("keys it wraps   %" PRIu64 "\n", s->deks);
    (void)printf("rotation        %s\n", s->rotating ? "under way: the old ring key still opens" : "none");
    (void)printf("suite           %s\n", suite);
}

static void print_json(const struct shape_keys_status *s)
{
    char since[CLOCK_TEXT];
    json_t *status;

    clock_format(since, (int64_t)s->ring_since_ms);
    status = json_pack("{s:I, s:s?, s:I, s:b, s:s}", "epoch", (json_int_t)s->ring_epoch, "since",
                       s->ring_since_ms ? since : NULL, "deks", (json_int_t)s->deks, "rotating",
                       (int)s->rotating, "suite", s->suite);
    (void)json_dumpf(status, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(status);
}

enum ctl_exit command_keys_status(int argc, char **argv)
{
    struct local_where where = {NULL, NULL};
    bool json = false;
    const struct option_row rows[] = {LOCAL_OPTIONS(where), OPTION_FLAG("json", json, "Print JSON.")};
    const struct usage u = {"keys status",
                            "",
                            "Shows which ring key is in use, since when, and how many keys it wraps: one for "
                            "each child's record, "
                            "each photo and each batch.",
                            rows,
                            sizeof rows / sizeof rows[0],
                            NULL,
                            0};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(local_ask(&answer, &where, MSG_KEYS_STATUS, NULL, MSG_KEYS_ARE));
    if (json)
        print_json(&answer.is.keys_status);
    else
        print_status(&answer.is.keys_status);
    return CTL_OK;
}

/* ---- The ring key ---- */

enum ctl_exit command_keys_rotate(int argc, char **argv)
{
    struct local_where where = {NULL, NULL};
    const struct option_row rows[] = {LOCAL_OPTIONS(where)};
    const struct usage u = {"keys rotate",
                            "",
                            "Replaces the ring key, which wraps the key of every child: what was erased "
                            "before is then unreadable "
                            "in every old copy of the store. Serving goes on. The nightly purge does the "
                            "same; this is for sooner.",
                            rows,
                            sizeof rows / sizeof rows[0],
                            NULL,
                            0};
    const struct local_question q = {.type = MSG_KEYS_ROTATE, .wanted = MSG_DONE, .wait_s = ROTATE_S};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;
    bool sent = false;

    if (!options_read(&code, &u, argc, argv))
        return code;
    code = local_ask_long(&answer, &where, &q, &sent);
    if (code && sent)
        say_hint(
            "A rotation once begun goes on by itself, after a restart too: `photoctl keys status` shows it.");
    if (code)
        return code;
    (void)printf("The ring key is replaced (audit leaf %" PRIu64 ").\n", answer.is.done.leaf);
    return CTL_OK;
}

/* ---- The root key ---- */

static enum ctl_exit make_root_key(const char *path)
{
    unsigned char key[ROOT_KEY_BYTES];
    char line[2 * ROOT_KEY_BYTES + 1];
    enum ctl_exit code;

    if (gnutls_rnd(GNUTLS_RND_KEY, key, sizeof key) < 0)
        return say_fail(CTL_FAILED, "no random numbers");
    hex_encode(line, key, sizeof key);
    line[2 * ROOT_KEY_BYTES] = '\n'; /* in place of the NUL */
    code = file_write_new(path, 0400, line, sizeof line);
    explicit_bzero(key, sizeof key);
    explicit_bzero(line, sizeof line);
    return code;
}

/* The file stays whenever photod may have taken it: then it may be all that opens the state. */
static enum ctl_exit hand_over(const struct local_where *where, const char *path, struct message *answer)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct local_question q = {.type = MSG_KEYS_REKEY, .wanted = MSG_DONE, .fd = &fd, .wait_s = REKEY_S};
    enum ctl_exit code;
    bool sent = false;

    if (fd < 0)
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    code = file_sync_directory(path);
    if (!code)
        code = local_ask_long(answer, where, &q, &sent);
    if (code && !sent)
        (void)unlink(path);
    else if (code)
        say_hint(
            "Keep both root key files: it is not certain which of them is in force. photod starts with the "
            "right one only.");
    return code;
}

static void say_next(const char *path)
{
    (void)printf("The state opens with the new root key only. Now, at once:\n"
                 "  1. set `root_key = %s` in photod.conf (the path from the root directory);\n"
                 "  2. restart photod: until then a crash of the vault would leave it stopped;\n"
                 "  3. keep a copy of the new file apart, offline: without it all is lost;\n"
                 "  4. destroy the old file and every copy of it.\n"
                 "The recovery shares made at init are of the old root key and open nothing any more.\n",
                 path);
}

enum ctl_exit command_keys_rekey(int argc, char **argv)
{
    struct local_where where = {NULL, NULL};
    const char *path = NULL;
    const struct option_row rows[] = {
        OPTION_NEED("new-root-key", "FILE", path,
                    "Where to make the new root key (0400); better not on the state's volume."),
        LOCAL_OPTIONS(where),
    };
    const struct usage u = {
        "keys rekey",
        "",
        "Makes a new root key and has photod seal its keys by it.  The old one opens nothing from then on. "
        "photod.conf must name the new file before photod starts again.",
        rows,
        sizeof rows / sizeof rows[0],
        NULL,
        0};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(make_root_key(path));
    TRY_CTL(hand_over(&where, path, &answer));
    (void)printf("The root key is replaced (audit leaf %" PRIu64 ").\n", answer.is.done.leaf);
    say_next(path);
    return CTL_OK;
}
