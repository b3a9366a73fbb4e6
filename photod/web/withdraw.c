#include <string.h>
#include "photod/base/text.h"
#include "photod/web/answer.h"
#include "photod/web/vault.h"
#include "photod/web/withdraw.h"

bool withdraw_begin(struct request *r)
{
    if (!request_has_type(r, "application/json"))
        return refuse(r, PROBLEM_MEDIA_TYPE_UNKNOWN, "application/json");
    return !buf_new(&r->body, WITHDRAW_MAX_BYTES) || refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
}

bool withdraw_feed(struct request *r, const char *bytes, size_t len)
{
    return !buf_append(r->body, bytes, len) ||
           refuse(r, PROBLEM_BODY_TOO_LARGE, "at most %d bytes", WITHDRAW_MAX_BYTES);
}

/* What is missing stays empty: the vault says so.  A reason cut short would be another one. */
static bool read_text(struct request *r, const json_t *body, const char *name, char *to, size_t size)
{
    const json_t *text = json_object_get(body, name);

    if (!text)
        return true;
    if (!json_is_string(text))
        return refuse(r, PROBLEM_BAD_JSON, "%s is no string", name);
    return !text_copy(to, size, json_string_value(text)) ||
           refuse(r, PROBLEM_BAD_PARAMETER, "%s: at most %zu bytes", name, size - 1);
}

static bool read_body(struct request *r, struct shape_withdraw *ask)
{
    json_error_t where;
    json_t *body = json_loadb(buf_text(r->body), buf_len(r->body), JSON_REJECT_DUPLICATES, &where);
    bool good;

    if (!body)
        return refuse(r, PROBLEM_BAD_JSON, "line %d, column %d", where.line, where.column);
    if (json_is_object(body))
        good = read_text(r, body, "state_id", ask->state_id, sizeof ask->state_id) &&
               read_text(r, body, "reason", ask->reason, sizeof ask->reason);
    else
        good = refuse(r, PROBLEM_BAD_JSON, "the body is no object");
    json_decref(body);
    return good;
}

static bool answer_withdrawn(struct request *r, const struct shape_withdrawn *is)
{
    return answer_json(r, MHD_HTTP_OK,
                       json_pack("{s:I, s:I, s:s, s:o}", "audit", (json_int_t)is->leaf, "photos",
                                 (json_int_t)is->photos, "unservable", "now", "copies_end_on",
                                 answer_date(is->copies_end_on)),
                       NULL);
}

bool withdraw_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_withdraw ask = {.state_id = ""};
    enum err e;

    if (!read_body(r, &ask)) {
        explicit_bzero(&ask, sizeof ask);
        return false;
    }
    memcpy(ask.key, r->key, sizeof ask.key);
    memcpy(ask.source, r->visitor->source, sizeof ask.source);
    memcpy(ask.district, r->district, sizeof ask.district);
    e = vault_withdraw(&ask, &answer);
    explicit_bzero(&ask, sizeof ask);
    return request_got(r, e, &answer, MSG_WITHDRAWN) && answer_withdrawn(r, &answer.is.withdrawn);
}
