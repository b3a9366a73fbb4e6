/*
 * `lookup`: an officer or dispatcher asks the law door.  The place for the
 * picture is made before the question, and the question has one
 * Idempotency-Key, so that asking again after a broken line is the same
 * release.
 */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/clock.h"
#include "photod/base/date.h"
#include "photod/base/text.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/file.h"
#include "photod/ctl/hash.h"
#include "photod/ctl/http.h"
#include "photod/ctl/prompt.h"

#define PICTURE_MAX (8u << 20)

struct lookup {
    const char *url, *ca, *cert, *key, *oca, *reported_at, *operator, * rendition, *out, *receipt,
        *idempotency_key;
    bool json;
    char made_key[33], state_id[PROMPT_STATE_ID];
    int out_fd, receipt_fd;
};

/* ---- Asking ---- */

static enum ctl_exit ask(struct http_answer *a, const struct lookup *l)
{
    CLEANUP(http) struct http *h = NULL;
    CLEANUP(buf) struct buf *text = NULL;
    struct http_body body;
    char header[100];
    enum ctl_exit code;

    TRY_CTL(http_open(
        &h, &(struct http_options){.url = l->url, .ca = l->ca, .certificate = l->cert, .key = l->key}));
    if (http_body_json(&body, &text,
                       json_pack("{s:{s:s, s:s, s:s}, s:s, s:{s:s}, s:s}", "case", "oca", l->oca,
                                 "reported_at", l->reported_at, "basis", "missing-child-report", "operator",
                                 l->operator, "child", "state_id", l->state_id, "rendition", l->rendition)))
        return say_fail(CTL_USAGE, "the case, operator or rendition is not UTF-8");
    (void)snprintf(header, sizeof header, "Idempotency-Key: %s", l->idempotency_key);
    code = http_request(a, h, "POST", "/v1/lookups", (const char *const[]){header, NULL}, &body);
    if (code)
        say_hint("Ask again with --idempotency-key %s: should the first question have arrived, both are one "
                 "release.",
                 l->idempotency_key);
    return code;
}

/* ---- Answers ---- */

static void format_ago(char *out, size_t size, struct date taken)
{
    struct date today = date_from_days(clock_wall_ms() / 86400000);
    int months = (today.year - taken.year) * 12 + today.month - taken.month - (today.day < taken.day);
    int64_t days = date_to_days(today) - date_to_days(taken);

    if (months >= 2)
        (void)snprintf(out, size, "%d months ago", months);
    else if (days > 1)
        (void)snprintf(out, size, "%" PRId64 " days ago", days);
    else
        (void)snprintf(out, size, days == 1 ? "yesterday" : "today");
}

static void print_line(const char *name, const char *value)
{
    char text[400];

    (void)snprintf(text, sizeof text, "%s", value);
    say_clean(text);
    if (*text)
        (void)printf("  %-10s%s\n", name, text);
}

static void print_match(const struct lookup *l, const json_t *answer)
{
    const json_t *photo = json_object_get(answer, "photo"), *child = json_object_get(answer, "student");
    char name[320], ago[40], line[100], leaf[24];
    struct date taken;

    (void)snprintf(name, sizeof name, "%s, %s %s", json_text(child, "last_name"),
                   json_text(child, "first_name"), json_text(child, "middle_name"));
    (void)printf("Match: the photo is in %s\n", l->out);
    if (!date_parse(&taken, json_text(photo, "taken_on"))) {
        format_ago(ago, sizeof ago, taken);
        (void)snprintf(line, sizeof line, "%s, %s", json_text(photo, "taken_on"), ago);
        print_line("taken", line);
    }
    print_line("child", name);
    print_line("born", json_text(child, "birth_date"));
    print_line("district", json_text(child, "district"));
    print_line("school", json_text(child, "school"));
    print_line("grade", json_text(child, "grade"));
    print_line("due", json_text(json_object_get(answer, "case"), "due_at"));
    (void)snprintf(leaf, sizeof leaf, "%" PRIu64, json_number(answer, "release"));
    print_line("release", leaf);
    if (l->receipt)
        print_line("receipt", l->receipt);
}

/* Without the picture and the receipt, which have their files. */
static void print_json(const struct lookup *l, json_t *answer)
{
    (void)json_object_del(json_object_get(answer, "photo"), "data");
    (void)json_object_del(answer, "receipt");
    (void)json_object_set_new(answer, "idempotency_key", json_string(l->idempotency_key));
    say_json(answer);
}

static enum ctl_exit save(const struct lookup *l, const json_t *answer)
{
    CLEANUP(buf) struct buf *picture = NULL;
    const char *text = json_text(json_object_get(answer, "photo"), "data"),
               *receipt = json_text(answer, "receipt");

    if (buf_new(&picture, PICTURE_MAX) || base64_decode(picture, text, strlen(text)))
        return say_fail(CTL_FAILED, "the server's answer holds no picture");
    TRY_CTL(file_fill(l->out_fd, l->out, buf_bytes(picture), buf_len(picture)));
    if (!l->receipt)
        return CTL_OK;
    if (!*receipt)
        return say_fail(CTL_FAILED, "the server's answer holds no receipt");
    return file_fill(l->receipt_fd, l->receipt, receipt, strlen(receipt));
}

static enum ctl_exit tell_none(const struct lookup *l, json_t *answer)
{
    const char *reason = json_text(answer, "reason"), *sentence = json_text(answer, "sentence");

    if (l->json) {
        print_json(l, answer);
        return CTL_FAILED;
    }
    (void)fflush(stdout);
    return say_fail(CTL_FAILED, "no photo (%s). %s", reason, sentence);
}

static enum ctl_exit answer_of(const struct lookup *l, const struct http_answer *a)
{
    TRY_CTL(http_expect_json(a));
    if (strcmp(json_text(a->json, "outcome"), "match") != 0)
        return tell_none(l, a->json);
    TRY_CTL(save(l, a->json));
    if (l->json)
        print_json(l, a->json);
    else
        print_match(l, a->json);
    return CTL_OK;
}

/* ---- The command ---- */

static enum ctl_exit check(struct lookup *l)
{
    unsigned char random[16];

    if (l->idempotency_key) {
        size_t len = strlen(l->idempotency_key);

        if (!len || len > 64 ||
            strspn(l->idempotency_key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
                len)
            return say_fail(CTL_USAGE, "--idempotency-key must be 1 to 64 letters, digits, `-` or `_`");
        return CTL_OK;
    }
    if (gnutls_rnd(GNUTLS_RND_NONCE, random, sizeof random) < 0)
        return say_fail(CTL_FAILED, "no random numbers");
    hex_encode(l->made_key, random, sizeof random);
    l->idempotency_key = l->made_key;
    return CTL_OK;
}

static enum ctl_exit make_files(struct lookup *l)
{
    enum ctl_exit code;

    TRY_CTL(file_create(&l->out_fd, l->out, 0600));
    code = l->receipt ? file_create(&l->receipt_fd, l->receipt, 0600) : CTL_OK;
    if (code)
        (void)unlink(l->out);
    return code;
}

static enum ctl_exit look_up(struct lookup *l)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    enum ctl_exit code;

    TRY_CTL(make_files(l));
    code = ask(&a, l);
    if (!code)
        code = answer_of(l, &a);
    (void)close(l->out_fd);
    if (l->receipt)
        (void)close(l->receipt_fd);
    if (code) { /* empty, or half of it */
        (void)unlink(l->out);
        if (l->receipt)
            (void)unlink(l->receipt);
    }
    return code;
}

static const char about[] =
    "Asks for the photo of a missing child.  The State ID is read from standard input or asked for, so that "
    "it stands "
    "in no list of processes.  Every request is logged, and every answer shows how old the photo is.\n\n"
    "Exit status 1 with a reason means that there is no photo to release.";

enum ctl_exit command_lookup(int argc, char **argv)
{
    struct lookup l = {.rendition = "standard"};
    const struct option_row rows[] = {
        OPTION_NEED("url", "URL", l.url, "The law door, as in https://photos.example:8443."),
        OPTION_NEED("ca", "FILE", l.ca, "The CA that issued the door's certificate (PEM)."),
        OPTION_NEED("cert", "FILE", l.cert, "Your agency's client certificate (PEM)."),
        OPTION_NEED("key", "FILE", l.key, "Its private key (PEM)."),
        OPTION_NEED("oca", "NUMBER", l.oca, "Your agency's case number (OCA); the NIC may follow later."),
        OPTION_NEED("reported-at", "TIME", l.reported_at,
                    "When the child was reported missing, as in 2026-11-23T03:05:00Z."),
        OPTION_NEED("operator", "TEXT", l.operator, "Who asks: name or badge of the officer or dispatcher."),
        OPTION_TEXT("rendition", "NAME", l.rendition,
                    "full (1200x1500), standard (480x600) or mobile (240x300).  Default: standard."),
        OPTION_NEED("out", "FILE.jpg", l.out, "Where to write the photo; a new file."),
        OPTION_TEXT("receipt", "FILE", l.receipt,
                    "Where to write the receipt, for `photoctl receipt verify`."),
        OPTION_TEXT("idempotency-key", "KEY", l.idempotency_key,
                    "The key of an earlier try whose answer did not arrive: both are then one release."),
        OPTION_FLAG("json", l.json, "Print the answer as JSON, without the picture."),
    };
    const struct usage u = {"lookup", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(check(&l));
    TRY_CTL(prompt_state_id(l.state_id));
    return look_up(&l);
}
