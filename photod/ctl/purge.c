/* `purge` and `clock accept`: erasing by date, and the clock it trusts. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include "photod/ctl/commands.h"
#include "photod/ctl/local.h"

#define PURGE_S 3600

static void print_certificate(const struct shape_purged *p, bool json)
{
    char until[DATE_TEXT];
    json_t *o;

    date_format(until, p->copies_end_on);
    if (!json) {
        (void)printf("Purged: %" PRIu32 " photos two years old, %" PRIu32 " replaced or undone, %" PRIu32
                     " children whose opt-in lapsed, %" PRIu32
                     " batches that nobody committed.\nCertificate: audit leaf %" PRIu64
                     ". The last copy of what was erased is dead by %s.\n",
                     p->expired, p->replaced, p->lapsed, p->discarded, p->leaf, until);
        return;
    }
    o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "audit", (json_int_t)p->leaf, "expired",
                  (json_int_t)p->expired, "lapsed", (json_int_t)p->lapsed, "replaced",
                  (json_int_t)p->replaced, "discarded", (json_int_t)p->discarded, "copies_end_on", until);
    say_json(o);
    json_decref(o);
}

enum ctl_exit command_purge(int argc, char **argv)
{
    struct local_line line = {
        .command = "purge",
        .about =
            "Erases now what each night's purge erases: photos two years old, photos that no undo can bring "
            "back, children whose opt-in has lapsed, and batches that nobody committed within 7 days. Prints "
            "its certificate, which is a leaf of the audit log; then the ring key is replaced.",
        .has_json = true};
    const struct local_question q = {.type = MSG_PURGE, .wanted = MSG_PURGED, .wait_s = PURGE_S};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    TRY_CTL(local_ask_long(&answer, &line.where, &q, NULL));
    print_certificate(&answer.is.purged, line.json);
    return CTL_OK;
}

enum ctl_exit command_clock_accept(int argc, char **argv)
{
    struct local_line line = {.command = "clock accept",
                              .about = "photod erases nothing by date once the clock has moved by more than "
                                       "a day against what it last knew. Look at this machine's clock first: "
                                       "what is erased does not come back. This says that it is right."};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    TRY_CTL(local_ask(&answer, &line.where, MSG_CLOCK_ACCEPT, NULL, MSG_DONE));
    (void)printf("The clock is accepted (audit leaf %" PRIu64 "): erasing by date goes on.\n",
                 answer.is.done.leaf);
    return CTL_OK;
}
