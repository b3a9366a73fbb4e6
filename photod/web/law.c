#include <stdio.h>
#include <string.h>
#include "lawapi/none.h"
#include "photod/web/answer.h"
#include "photod/web/law.h"
#include "photod/web/screen.h"
#include "photod/web/vault.h"

#define PICTURE_MAX ((size_t)1 << 20) /* the largest rendition has under 400 kB */

static bool is_visible(const char *text)
{
    for (; *text; text++)
        if (*text < 0x21 || *text > 0x7e)
            return false;
    return true;
}

bool lookup_begin(struct request *r)
{
    const char *key = request_header(r, "Idempotency-Key");

    r->accepted = screen_accept(request_header(r, MHD_HTTP_HEADER_ACCEPT));
    if (!r->accepted.json && !r->accepted.jpeg)
        return refuse(r, PROBLEM_NOT_ACCEPTABLE, "application/json or image/jpeg");
    if (!request_has_type(r, "application/json"))
        return refuse(r, PROBLEM_MEDIA_TYPE_UNKNOWN, "application/json");
    if (key && (strlen(key) > 64 || !is_visible(key)))
        return refuse(r, PROBLEM_BAD_PARAMETER, "Idempotency-Key: at most 64 visible ASCII characters");
    return !buf_new(&r->body, LOOKUP_MAX_BYTES) || refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
}

bool lookup_feed(struct request *r, const char *bytes, size_t len)
{
    return !buf_append(r->body, bytes, len) ||
           refuse(r, PROBLEM_BODY_TOO_LARGE, "at most %d bytes", LOOKUP_MAX_BYTES);
}

/* Cuts what does not fit: every field is longer than anything the vault takes for good. */
static void copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
}

/* Where each text of the body goes.  All are optional here; the vault says what is missing. */
static const struct member {
    const char *object, *name; /* object: NULL for the top level */
    size_t offset, size;
} members[] = {
#define MEMBER(object, name, field)                                                                          \
    {                                                                                                        \
        object, name, offsetof(struct shape_lookup, field), sizeof((struct shape_lookup *)0)->field          \
    }
    MEMBER("case", "oca", oca),
    MEMBER("case", "reported_at", reported_at),
    MEMBER("case", "basis", basis),
    MEMBER(NULL, "operator", operator),
    MEMBER("child", "state_id", state_id),
    MEMBER(NULL, "rendition", rendition),
#undef MEMBER
};

static bool read_member(struct request *r, const json_t *body, const struct member *m,
                        struct shape_lookup *ask)
{
    const json_t *within = body, *text;

    if (m->object) {
        within = json_object_get(body, m->object);
        if (!within)
            return true;
        if (!json_is_object(within))
            return refuse(r, PROBLEM_BAD_JSON, "%s is no object", m->object);
    }
    text = json_object_get(within, m->name);
    if (!text)
        return true;
    if (!json_is_string(text))
        return refuse(r, PROBLEM_BAD_JSON, "%s%s%s is no string", m->object ? m->object : "",
                      m->object ? "." : "", m->name);
    copy_text((char *)ask + m->offset, m->size, json_string_value(text));
    return true;
}

static bool read_members(struct request *r, const json_t *body, struct shape_lookup *ask)
{
    const char *key = request_header(r, "Idempotency-Key");

    copy_text(ask->rendition, sizeof ask->rendition, "standard");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!read_member(r, body, &members[i], ask))
            return false;
    memcpy(ask->fingerprint, r->fingerprint, sizeof ask->fingerprint);
    copy_text(ask->source, sizeof ask->source, r->visitor->source);
    copy_text(ask->idempotency_key, sizeof ask->idempotency_key, key ? key : "");
    return true;
}

static bool read_body(struct request *r, struct shape_lookup *ask)
{
    json_error_t where;
    json_t *body = json_loadb(buf_text(r->body), buf_len(r->body), JSON_REJECT_DUPLICATES, &where);
    bool good;

    if (!body)
        return refuse(r, PROBLEM_BAD_JSON, "line %d, column %d", where.line, where.column);
    good = json_is_object(body) ? read_members(r, body, ask)
                                : refuse(r, PROBLEM_BAD_JSON, "the body is no object");
    json_decref(body);
    return good;
}

static bool answer_as_jpeg(struct request *r, const struct shape_released *found, struct bulk *picture)
{
    char leaf[24], taken_on[DATE_TEXT], age[16];
    gnutls_datum_t receipt = {0};
    struct answer_header headers[] = {{"Photod-Receipt", NULL},
                                      {"Photod-Release", leaf},
                                      {"Photod-Taken-On", taken_on},
                                      {"Photod-Age-Days", age}};
    bool done;

    if (answer_base64(&receipt, found->receipt, strlen(found->receipt)))
        return refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
    headers[0].value = (const char *)receipt.data;
    (void)snprintf(leaf, sizeof leaf, "%llu", (unsigned long long)found->leaf);
    (void)snprintf(age, sizeof age, "%u", found->age_days);
    date_format(taken_on, found->taken_on);
    done = answer_picture(r, picture, headers, sizeof headers / sizeof *headers);
    gnutls_free(receipt.data);
    return done;
}

static json_t *student_json(const struct shape_released *found)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "last_name", answer_text(found->last),
                     "first_name", answer_text(found->first), "middle_name", answer_text(found->middle),
                     "birth_date", answer_date(found->born), "district", answer_text(found->district),
                     "school", answer_text(found->school), "grade", answer_text(found->grade));
}

static json_t *photo_json(const struct shape_released *found, const struct bulk *picture)
{
    gnutls_datum_t data = {0};
    json_t *photo;

    if (answer_base64(&data, picture->bytes, picture->len))
        return NULL;
    photo = json_pack("{s:s, s:o, s:o, s:I, s:o}", "media_type", "image/jpeg", "rendition",
                      answer_text(found->rendition), "taken_on", answer_date(found->taken_on), "age_days",
                      (json_int_t)found->age_days, "data",
                      json_stringn_nocheck((const char *)data.data, data.size));
    explicit_bzero(data.data, data.size);
    gnutls_free(data.data);
    return photo;
}

static bool answer_as_json(struct request *r, const struct shape_released *found, const struct bulk *picture)
{
    return answer_json(r, MHD_HTTP_OK,
                       json_pack("{s:s, s:I, s:{s:o}, s:o, s:o, s:o}", "outcome", "match", "release",
                                 (json_int_t)found->leaf, "case", "due_at", answer_time(found->due_ms),
                                 "student", student_json(found), "photo", photo_json(found, picture),
                                 "receipt", answer_text(found->receipt)),
                       NULL);
}

static bool answer_match(struct request *r, const struct message *answer, uint64_t link)
{
    const struct shape_released *found = &answer->is.released;
    CLEANUP(bulk) struct bulk picture = {0};
    enum err e = bulk_map(&picture, answer->fds[0], PICTURE_MAX);

    if (e == ERR_MALFORMED || e == ERR_LIMIT)
        link_distrust(link, "a picture that is no sealed memfd of its size");
    if (e)
        return refuse(r, PROBLEM_UNAVAILABLE, "the picture cannot be read");
    return r->accepted.jpeg > r->accepted.json ? answer_as_jpeg(r, found, &picture)
                                               : answer_as_json(r, found, &picture);
}

static bool answer_none(struct request *r, const struct shape_none *none, uint64_t link)
{
    const char *code = none_code((enum none_reason)none->reason);
    const char *sentence = none_sentence((enum none_reason)none->reason);

    if (!code) {
        link_distrust(link, "a reason that is none");
        return refuse(r, PROBLEM_UNAVAILABLE, "the answer cannot be read");
    }
    if (r->accepted.json)
        return answer_json(r, MHD_HTTP_OK,
                           json_pack("{s:s, s:s, s:s, s:I, s:{s:o}}", "outcome", "none", "reason", code,
                                     "sentence", sentence, "audit", (json_int_t)none->leaf, "case", "due_at",
                                     answer_time(none->due_ms)),
                           NULL);
    r->extra = json_pack("{s:s, s:s}", "reason", code, "sentence", sentence);
    r->by_vault = true;
    (void)refuse(r, PROBLEM_NO_PHOTO, "%s", "");
    r->refused.leaf = none->leaf + 1;
    return false;
}

bool lookup_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_lookup ask = {0};
    uint64_t link = LINK_ANY;
    enum err e;

    if (!read_body(r, &ask)) {
        explicit_bzero(&ask, sizeof ask);
        return false;
    }
    e = vault_lookup(&ask, &answer, &link);
    explicit_bzero(&ask, sizeof ask);
    if (!e && answer.type == MSG_NONE)
        return answer_none(r, &answer.is.none, link);
    return request_got(r, e, &answer, MSG_RELEASED) && answer_match(r, &answer, link);
}
