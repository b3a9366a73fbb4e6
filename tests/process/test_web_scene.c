/* Vaults and requests that several tests of photod-web use. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "lawapi/none.h"
#include "photod/wire/bulk.h"
#include "tests/process/test_web.h"

char picture[70000];

/* What vaults say. */

void release(struct peer *p, struct message *m)
{
    struct shape_released found = {.leaf = 7,
                                   .last = "Mountain Chief",
                                   .first = "José",
                                   .middle = "",
                                   .born = {2015, 4, 9},
                                   .district = "0098",
                                   .school = "Eastside",
                                   .grade = "06",
                                   .taken_on = {2026, 9, 14},
                                   .age_days = 70,
                                   .rendition = "standard",
                                   .due_ms = 1795151100000,
                                   .receipt = RECEIPT};
    int fd = -1;

    if (m->type != MSG_LOOKUP)
        return;
    ck_assert_int_eq(bulk_new(&fd, picture, sizeof picture), OK);
    peer_say(p, MSG_RELEASED, m->request, &found, fd);
    (void)close(fd);
}

void find_none(struct peer *p, struct message *m)
{
    struct shape_none none = {.leaf = 9, .reason = NONE_EXPIRED, .due_ms = 1795151100000};

    if (m->type == MSG_LOOKUP)
        peer_say(p, MSG_NONE, m->request, &none, -1);
}

/* Requests. */

const char *lookup_text(const char *accept, const char *more, const char *body)
{
    static char text[20000];

    (void)snprintf(text, sizeof text,
                   "POST /v1/lookups HTTP/1.1\r\nHost: law\r\nContent-Type: application/json\r\n%s%s%s%s"
                   "Content-Length: %zu\r\n\r\n%s",
                   accept ? "Accept: " : "", accept ? accept : "", accept ? "\r\n" : "", more, strlen(body),
                   body);
    return text;
}

void assert_problem(struct reply *r, enum problem problem)
{
    const struct problem_text *p = problem_text(problem);
    json_t *o = r->body ? json_loads(r->body, 0, NULL) : NULL;
    char value[8400];

    ck_assert_int_eq(r->status, (int)p->status);
    ck_assert_str_eq(reply_header(r, "Content-Type", value), "application/problem+json");
    ck_assert_str_eq(reply_header(r, "Connection", value), "close");
    ck_assert_str_eq(reply_header(r, "Cache-Control", value), "no-store");
    ck_assert_str_eq(reply_header(r, "X-Content-Type-Options", value), "nosniff");
    ck_assert_ptr_nonnull(o);
    ck_assert_str_eq(json_string_value(json_object_get(o, "code")), p->code);
    ck_assert_int_eq((int)json_integer_value(json_object_get(o, "status")), (int)p->status);
    ck_assert_str_eq(json_string_value(json_object_get(o, "title")), p->title);
    ck_assert_int_eq(strncmp(json_string_value(json_object_get(o, "type")), "urn:photod:problem:", 19), 0);
    json_decref(o);
}

void ask_for_problem(struct door *d, enum who who, const char *text, enum problem problem)
{
    struct reply r;

    client_ask(d->port, who, text, &r);
    assert_problem(&r, problem);
    reply_free(&r);
}

const char *member(const json_t *o, const char *outer, const char *name)
{
    const char *text = json_string_value(json_object_get(outer ? json_object_get(o, outer) : o, name));

    return text ? text : "(missing)";
}
