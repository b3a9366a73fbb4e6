#include "photod/web/review.h"

#include <string.h>
#include "photod/base/text.h"
#include "photod/web/answer.h"
#include "photod/web/office.h"
#include "photod/web/vault.h"

#define TABLE_MAX     ((size_t)64 << 20)
#define DECISIONS_MAX ((size_t)8 << 20)

/* ---- What is open ---- */

static json_t *candidate_json(struct take *t)
{
    struct shape_review_candidate c;

    take_review_candidate(t, &c);
    return t->err ? NULL
                  : json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "state_id", answer_text(c.state_id),
                              "last_name", answer_text(c.last), "first_name", answer_text(c.first), "grade",
                              answer_text(c.grade), "homeroom", answer_text(c.homeroom), "school",
                              answer_text(c.school));
}

static json_t *row_json(struct take *t)
{
    struct shape_review_row row;
    json_t *candidates = json_array();
    bool good = candidates != NULL;

    take_review_row(t, &row);
    for (unsigned i = 0; good && !t->err && i < row.candidates; i++)
        good = json_array_append_new(candidates, candidate_json(t)) == 0;
    if (good && !t->err)
        return json_pack("{s:I, s:o, s:o, s:o}", "line", (json_int_t)row.line, "file", answer_text(row.file),
                         "note", answer_text(row.note), "candidates", candidates);
    json_decref(candidates);
    return NULL;
}

static json_t *rows_json(const struct bulk *table)
{
    struct take t = TAKE_BYTES(table->bytes, table->len);
    json_t *rows = json_array();
    bool good = rows != NULL;

    while (good && take_more(&t))
        good = json_array_append_new(rows, row_json(&t)) == 0;
    if (good && !take_end(&t))
        return rows;
    json_decref(rows);
    return NULL;
}

bool review_get_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    CLEANUP(bulk) struct bulk table = {0};
    struct shape_batch_name ask = {0};
    uint64_t link = LINK_ANY;
    json_t *body, *rows;
    enum err e;

    office_name_batch(r, &ask);
    e = vault_review_get(&ask, &answer, &link);
    explicit_bzero(&ask, sizeof ask);
    if (!request_got(r, e, &answer, MSG_REVIEW_IS))
        return false;
    rows = bulk_map(&table, answer.fds[0], TABLE_MAX) ? NULL : rows_json(&table);
    body = rows ? office_batch_json(&answer.is.batch_state) : NULL;
    if (body && json_object_set_new(body, "rows", rows) == 0)
        return answer_json(r, MHD_HTTP_OK, body, NULL);
    if (!body)
        json_decref(rows); /* else json_object_set_new() took it */
    json_decref(body);
    link_distrust(link, "a review that cannot be read");
    return refuse(r, PROBLEM_UNAVAILABLE, "the review cannot be read");
}

/* ---- Decisions ---- */

bool review_begin(struct request *r)
{
    if (!request_has_type(r, "application/json"))
        return refuse(r, PROBLEM_MEDIA_TYPE_UNKNOWN, "application/json");
    return !buf_new(&r->body, REVIEW_MAX_BYTES) || refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
}

bool review_feed(struct request *r, const char *bytes, size_t len)
{
    return !buf_append(r->body, bytes, len) ||
           refuse(r, PROBLEM_BODY_TOO_LARGE, "at most %u bytes", REVIEW_MAX_BYTES);
}

/* {"line": n, "state_id": "..."} or {"line": n, "skip": true} */
static bool read_decision(struct request *r, struct shape_review_decision *to, const json_t *from, size_t i)
{
    const json_t *line = json_object_get(from, "line"), *id = json_object_get(from, "state_id"),
                 *skip = json_object_get(from, "skip");

    if (!json_is_integer(line) || json_integer_value(line) < 1 || json_integer_value(line) > UINT32_MAX)
        return refuse(r, PROBLEM_BAD_JSON, "decisions[%zu].line is no line of the report", i);
    if (json_is_string(id) == json_is_true(skip) || (skip && !json_is_true(skip)))
        return refuse(r, PROBLEM_BAD_JSON, "decisions[%zu] has either state_id or \"skip\": true", i);
    *to = (struct shape_review_decision){.line = (uint32_t)json_integer_value(line),
                                         .skip = json_is_true(skip)};
    return !id || !text_copy(to->state_id, sizeof to->state_id, json_string_value(id)) ||
           refuse(r, PROBLEM_BAD_JSON, "decisions[%zu].state_id is not nine digits", i);
}

static bool pack_decisions(struct request *r, struct buf *rows, const json_t *body)
{
    const json_t *all = json_object_get(body, "decisions"), *one;
    struct pack p = PACK(rows);
    size_t i;

    if (!json_is_array(all))
        return refuse(r, PROBLEM_BAD_JSON, "decisions is no array");
    json_array_foreach(all, i, one)
    {
        struct shape_review_decision to;

        if (!read_decision(r, &to, one, i))
            return false;
        pack_review_decision(&p, &to);
    }
    return !pack_end(&p) || refuse(r, PROBLEM_BODY_TOO_LARGE, "too many decisions");
}

static bool read_body(struct request *r, int *fd)
{
    CLEANUP(buf) struct buf *rows = NULL;
    json_error_t where;
    json_t *body = json_loadb(buf_text(r->body), buf_len(r->body), JSON_REJECT_DUPLICATES, &where);
    bool good;

    if (!body)
        return refuse(r, PROBLEM_BAD_JSON, "line %d, column %d", where.line, where.column);
    good = !buf_new(&rows, DECISIONS_MAX) || refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
    good = good && pack_decisions(r, rows, body);
    json_decref(body);
    return good &&
           (!bulk_new(fd, buf_bytes(rows), buf_len(rows)) || refuse(r, PROBLEM_UNAVAILABLE, "out of memory"));
}

bool review_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    CLEANUP(fd) int fd = -1;
    struct shape_batch_name ask = {0};
    enum err e;

    if (!read_body(r, &fd))
        return false;
    office_name_batch(r, &ask);
    e = vault_review_decide(&ask, fd, &answer);
    explicit_bzero(&ask, sizeof ask);
    return request_got(r, e, &answer, MSG_BATCH_STATE) &&
           answer_json(r, MHD_HTTP_OK, office_batch_json(&answer.is.batch_state), NULL);
}
