/* `withdraw`: a family takes its opt-in back; the district says so at the office door. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "photod/ctl/commands.h"
#include "photod/ctl/office.h"
#include "photod/ctl/prompt.h"
#include "photod/wire/message.h"

#define REASON_MAX (sizeof((struct shape_withdraw *)0)->reason - 1)

struct withdraw {
    struct office office;
    const char *reason;
    bool json;
};

static enum ctl_exit ask(struct http_answer *a, const struct withdraw *w, struct http *h,
                         const char *state_id)
{
    CLEANUP(buf) struct buf *text = NULL;
    struct http_body body;
    char path[64];

    if (http_body_json(&body, &text, json_pack("{s:s, s:s}", "state_id", state_id, "reason", w->reason)))
        return say_fail(CTL_USAGE, "--reason is not UTF-8");
    (void)snprintf(path, sizeof path, "/v1/districts/%s/withdrawals", w->office.district);
    TRY_CTL(http_request(a, h, "POST", path, NULL, &body));
    return http_expect_json(a);
}

static void show(const struct withdraw *w, const json_t *answer)
{
    char until[16];

    if (w->json) {
        say_json(answer);
        return;
    }
    (void)snprintf(until, sizeof until, "%s", json_text(answer, "copies_end_on"));
    say_clean(until);
    (void)printf("Withdrawn: from now on no photo of this child is served (audit leaf %" PRIu64 ").\n",
                 json_number(answer, "audit"));
    (void)printf("Erased: the child's record and %" PRIu64 " photos. Copies of their keys are dead by %s.\n",
                 json_number(answer, "photos"), until);
}

static enum ctl_exit check(const struct withdraw *w)
{
    if (!*w->reason || strlen(w->reason) > REASON_MAX)
        return say_fail(CTL_USAGE, "--reason must be 1 to %zu bytes", REASON_MAX);
    return CTL_OK;
}

static const char about[] =
    "Takes a family's opt-in back: the child is served no more from that moment, and its record, photos and "
    "keys are erased.  The State ID is read from standard input or asked for, so that it stands in no list "
    "of "
    "processes.\n\n"
    "The answer says by which day the last copy of the erased keys is dead.  Only a district that answered "
    "for "
    "the child can withdraw it.";

enum ctl_exit command_withdraw(int argc, char **argv)
{
    struct withdraw w = {.reason = NULL};
    const struct option_row rows[] = {
        OFFICE_OPTIONS(w.office),
        OPTION_NEED("reason", "TEXT", w.reason,
                    "Who asked and how, for the sealed side of the audit log; not the child's name."),
        OPTION_FLAG("json", w.json, "Print the server's answer as JSON."),
    };
    const struct usage u = {"withdraw", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    CLEANUP(http) struct http *h = NULL;
    char state_id[PROMPT_STATE_ID];
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(check(&w));
    TRY_CTL(office_check(&w.office));
    TRY_CTL(prompt_state_id(state_id));
    TRY_CTL(office_open(&h, &w.office));
    TRY_CTL(ask(&a, &w, h, state_id));
    show(&w, a.json);
    return CTL_OK;
}
