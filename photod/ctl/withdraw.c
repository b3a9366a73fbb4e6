/* `withdraw`: a family takes its opt-in back; the district says so at the office door. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/text.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/http.h"
#include "photod/ctl/prompt.h"
#include "photod/wire/message.h"

#define BODY_MAX   8192
#define REASON_MAX (sizeof((struct shape_withdraw *)0)->reason - 1)

struct withdraw {
    const char *url, *ca, *key_file, *district, *reason;
    bool json;
};

static enum ctl_exit make_body(struct buf **out, const struct withdraw *w, const char *state_id)
{
    json_t *body = json_pack("{s:s, s:s}", "state_id", state_id, "reason", w->reason);
    CLEANUP(buf) struct buf *text = NULL;
    size_t len = json_dumpb(body, NULL, 0, JSON_COMPACT);
    unsigned char *space;
    bool good = len && !buf_new(&text, BODY_MAX) && !buf_extend(text, len, &space) &&
                json_dumpb(body, (char *)space, len, JSON_COMPACT) == len;

    json_decref(body);
    if (!good)
        return say_fail(CTL_USAGE, "--reason is not UTF-8");
    *out = TAKE(text);
    return CTL_OK;
}

static enum ctl_exit ask(struct http_answer *a, const struct withdraw *w, struct http *h,
                         const char *state_id)
{
    CLEANUP(buf) struct buf *text = NULL;
    struct http_body body = {.type = "application/json"};
    char path[64];

    TRY_CTL(make_body(&text, w, state_id));
    body.bytes = buf_bytes(text);
    body.len = buf_len(text);
    (void)snprintf(path, sizeof path, "/v1/districts/%s/withdrawals", w->district);
    TRY_CTL(http_request(a, h, "POST", path, NULL, &body));
    return http_expect_json(a);
}

static void show(const struct withdraw *w, const json_t *answer)
{
    char until[16];

    if (w->json) {
        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        (void)putchar('\n');
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
    if (!text_is_digits(w->district, 4))
        return say_fail(CTL_USAGE, "--district is the four-digit School System code, leading zeros included");
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
    struct withdraw w = {.url = NULL};
    const struct option_row rows[] = {
        OPTION_NEED("url", "URL", w.url, "The office door, as in https://photos.example:8444."),
        OPTION_NEED("ca", "FILE", w.ca, "The CA that issued the door's certificate (PEM)."),
        OPTION_NEED("key-file", "FILE", w.key_file,
                    "Holds the district's key, as `photoctl key issue` wrote it."),
        OPTION_NEED("district", "CODE", w.district, "The district's four-digit School System code."),
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
    TRY_CTL(prompt_state_id(state_id));
    TRY_CTL(http_open(&h, &(struct http_options){.url = w.url, .ca = w.ca, .bearer_file = w.key_file}));
    TRY_CTL(ask(&a, &w, h, state_id));
    show(&w, a.json);
    return CTL_OK;
}
