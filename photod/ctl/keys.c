/* `keys status` and `keys rotate`: the ring key, which makes erasure final in every copy. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/local.h"

#define ROTATE_S 3600

/* ---- Looking ---- */

/* Nothing the vault says reaches a terminal as it is. */
static void clean(struct shape_keys_status *s)
{
    say_clean(s->suite);
    say_clean(s->seal);
    say_clean(s->share_set);
}

static void print_status(const struct shape_keys_status *s)
{
    char root[CLOCK_TEXT] = "init", ring[CLOCK_TEXT] = "the first start";

    if (s->root_since_ms)
        clock_format(root, (int64_t)s->root_since_ms);
    if (s->ring_since_ms)
        clock_format(ring, (int64_t)s->ring_since_ms);
    (void)printf("seal method     %s\n", s->seal);
    (void)printf("root key        epoch %" PRIu64 ", since %s\n", s->root_epoch, root);
    (void)printf("replacement     %s\n",
                 s->changing
                     ? "under way: both root keys open until photod starts by the new one (or `keys cancel`)"
                     : "none");
    (void)printf("recovery shares set %s\n", s->share_set);
    (void)printf("ring key        epoch %" PRIu64 ", since %s\n", s->ring_epoch, ring);
    (void)printf("keys it wraps   %" PRIu64 "\n", s->deks);
    (void)printf("rotation        %s\n", s->rotating ? "under way: the old ring key still opens" : "none");
    (void)printf("suite           %s\n", s->suite);
}

static void print_json(const struct shape_keys_status *s)
{
    char root[CLOCK_TEXT], ring[CLOCK_TEXT];
    json_t *status;

    clock_format(root, (int64_t)s->root_since_ms);
    clock_format(ring, (int64_t)s->ring_since_ms);
    status = json_pack("{s:s, s:I, s:s?, s:b, s:s, s:I, s:s?, s:I, s:b, s:s}", "seal", s->seal, "root_epoch",
                       (json_int_t)s->root_epoch, "root_since", s->root_since_ms ? root : NULL, "replacing",
                       (int)s->changing, "share_set", s->share_set, "epoch", (json_int_t)s->ring_epoch,
                       "since", s->ring_since_ms ? ring : NULL, "deks", (json_int_t)s->deks, "rotating",
                       (int)s->rotating, "suite", s->suite);
    say_json(status);
    json_decref(status);
}

enum ctl_exit command_keys_status(int argc, char **argv)
{
    struct local_line line = {.command = "keys status",
                              .about = "Shows how the root key is kept and since when, which set of recovery "
                                       "shares is its, which ring key is in use, and how many keys it wraps: "
                                       "one for each child's record, each photo and each batch.",
                              .has_json = true};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    TRY_CTL(local_ask(&answer, &line.where, MSG_KEYS_STATUS, NULL, MSG_KEYS_ARE));
    clean(&answer.is.keys_status);
    if (line.json)
        print_json(&answer.is.keys_status);
    else
        print_status(&answer.is.keys_status);
    return CTL_OK;
}

/* ---- The ring key ---- */

enum ctl_exit command_keys_rotate(int argc, char **argv)
{
    struct local_line line = {.command = "keys rotate",
                              .about =
                                  "Replaces the ring key, which wraps the key of every child: what was "
                                  "erased before is then unreadable in every old copy of the store. Serving "
                                  "goes on. The nightly purge does the same; this is for sooner."};
    const struct local_question q = {.type = MSG_KEYS_ROTATE, .wanted = MSG_DONE, .wait_s = ROTATE_S};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;
    bool sent = false;

    if (!local_read(&code, &line, argc, argv))
        return code;
    code = local_ask_long(&answer, &line.where, &q, &sent);
    if (code && sent)
        say_hint(
            "A rotation once begun goes on by itself, after a restart too: `photoctl keys status` shows it.");
    if (code)
        return code;
    (void)printf("The ring key is replaced (audit leaf %" PRIu64 ").\n", answer.is.done.leaf);
    return CTL_OK;
}
