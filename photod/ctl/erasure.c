/* `erasure prove`: what is left of one child, in sentences that a family can be told. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "photod/ctl/commands.h"
#include "photod/ctl/local.h"
#include "photod/ctl/prompt.h"

static bool is_live(const struct shape_erasure_state *s)
{
    return s->record || s->photos || s->deks;
}

static void tell_live(const struct shape_erasure_state *s)
{
    (void)printf("Live store: %" PRIu32 " photos, %s, %" PRIu32 " keys.\n", s->photos,
                 s->record ? "the child's record" : "no record", s->deks);
    if (s->answers)
        (void)printf("Answers: %" PRIu32
                     " of the family's answers to the opt-in are kept, with their dates and "
                     "districts, so that an OUT stays an OUT.\n",
                     s->answers);
    else
        (void)printf("Answers: none; no roster ever named this child.\n");
}

/* Copies: of keys.  Whoever has an old copy of the sealed photos has nothing without them. */
static void tell_copies(const struct shape_erasure_state *s)
{
    char on[DATE_TEXT], until[DATE_TEXT];

    if (!date_is_set(s->erased_on)) {
        (void)printf("Copies: nothing of this child was ever erased%s.\n",
                     is_live(s) ? ", so copies live as the store does" : "");
        return;
    }
    date_format(on, s->erased_on);
    date_format(until, s->copies_end_on);
    (void)printf("Copies: what was erased, last on %s, can be read from no copy after %s.\n", on, until);
    if (s->open)
        (void)printf("The erasure is still being finished: its leaf `erase-done` is not committed yet.\n");
    if (is_live(s))
        (void)printf("What stands in the live store was kept, or came after that erasure.\n");
}

static void print_json(const struct shape_erasure_state *s)
{
    char on[DATE_TEXT], until[DATE_TEXT];
    json_t *o;

    date_format(on, s->erased_on);
    date_format(until, s->copies_end_on);
    o = json_pack("{s:{s:I, s:b, s:I, s:I}, s:b, s:s?, s:s?}", "live", "photos", (json_int_t)s->photos,
                  "record", (int)s->record, "keys", (json_int_t)s->deks, "answers", (json_int_t)s->answers,
                  "unfinished", (int)s->open, "erased_on", *on ? on : NULL, "copies_end_on",
                  *until ? until : NULL);
    say_json(o);
    json_decref(o);
}

enum ctl_exit command_erasure_prove(int argc, char **argv)
{
    struct local_line line = {
        .command = "erasure prove",
        .about = "Says what is left of one child: in the live store now, and in copies until when. The State "
                 "ID is read from standard input or asked for. The erasure itself stands in the audit log as "
                 "the leaves `erase-intent` and `erase-done`.",
        .has_json = true};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    const struct shape_erasure_state *s = &answer.is.erasure_state;
    struct shape_erasure ask = {.state_id = ""};
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    TRY_CTL(prompt_state_id(ask.state_id));
    TRY_CTL(local_ask(&answer, &line.where, MSG_ERASURE, &ask, MSG_ERASURE_IS));
    if (line.json) {
        print_json(s);
    } else {
        tell_live(s);
        tell_copies(s);
    }
    return CTL_OK;
}
