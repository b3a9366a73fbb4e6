/* The tables of a report on their way out: JSON, or the rows alone as tab-separated values. */
#include <string.h>
#include "lawapi/outcome.h"
#include "photod/base/buf.h"
#include "photod/web/answer.h"
#include "photod/web/link.h"
#include "photod/web/report.h"

#define TABLE_MAX ((size_t)256 << 20)
#define TSV       "text/tab-separated-values"

/* Rows of report_row, as they stand in the table; NULL: not such a table, or no memory. */
static json_t *row_json(const struct shape_report_row *row)
{
    const char *code = outcome_code((enum outcome)row->outcome);
    json_t *o = code ? json_pack("{s:I, s:o, s:s, s:s}", "line", (json_int_t)row->line, "state_id",
                                 answer_text(row->state_id), "outcome", code, "advice",
                                 outcome_advice((enum outcome)row->outcome))
                     : NULL;

    if (o && row->file[0])
        (void)json_object_set_new(o, "file", answer_text(row->file));
    if (o && row->note[0])
        (void)json_object_set_new(o, "note", answer_text(row->note));
    return o;
}

/* At most `most` of them; the others are another table's. */
static json_t *rows_json(struct take *t, uint32_t most)
{
    json_t *rows = json_array();
    bool good = rows != NULL;

    for (uint32_t n = 0; good && n < most && take_more(t); n++) {
        struct shape_report_row row = {0};

        take_report_row(t, &row);
        good = !t->err && json_array_append_new(rows, row_json(&row)) == 0;
    }
    if (good && !t->err)
        return rows;
    json_decref(rows);
    return NULL;
}

static json_t *school_json(const struct shape_school_counts *c)
{
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "school", answer_text(c->school),
                     "with_photo", (json_int_t)c->with_photo, "without_photo", (json_int_t)c->without_photo,
                     "not_opted_in", (json_int_t)c->not_opted_in, "not_on_roster",
                     (json_int_t)c->not_on_roster, "unreadable", (json_int_t)c->unreadable, "duplicate",
                     (json_int_t)c->duplicate, "placeholder", (json_int_t)c->placeholder, "needs_review",
                     (json_int_t)c->needs_review, "older_than_stored", (json_int_t)c->older);
}

static json_t *schools_json(struct take *t, uint32_t count)
{
    json_t *schools = json_array();
    bool good = schools != NULL;

    for (uint32_t n = 0; good && n < count; n++) {
        struct shape_school_counts c = {.school = ""};

        take_school_counts(t, &c);
        good = !t->err && json_array_append_new(schools, school_json(&c)) == 0;
    }
    if (good)
        return schools;
    json_decref(schools);
    return NULL;
}

static json_t *renewals_json(struct take *t)
{
    json_t *renewals = json_array();
    bool good = renewals != NULL;

    while (good && take_more(t)) {
        struct shape_renewal r = {.state_id = ""};

        take_renewal(t, &r);
        good = !t->err &&
               json_array_append_new(renewals,
                                     json_pack("{s:o, s:o, s:o, s:o}", "state_id", answer_text(r.state_id),
                                               "school", answer_text(r.school), "grade", answer_text(r.grade),
                                               "homeroom", answer_text(r.homeroom))) == 0;
    }
    if (good && !take_end(t))
        return renewals;
    json_decref(renewals);
    return NULL;
}

/* A roster has rows alone; batch NULL. */
static bool add_tables(json_t *body, struct take *t, const struct shape_batch_state *batch)
{
    if (json_object_set_new(body, "rows", rows_json(t, batch ? batch->judged : UINT32_MAX)))
        return false;
    if (!batch)
        return !take_end(t);
    if (batch->schools && json_object_set_new(body, "schools", schools_json(t, batch->schools)))
        return false;
    return json_object_set_new(body, "renewals", renewals_json(t)) == 0;
}

/* ---- Tab-separated ---- */

/* Tabs and line ends inside a field would break the table; they become blanks. */
static enum err add_field(struct buf *out, const char *text, const char *end)
{
    for (; *text; text++)
        TRY(buf_append(out, (unsigned char)*text < ' ' ? " " : text, 1));
    return buf_append(out, end, strlen(end));
}

/* The columns are those that photoctl writes (photod/ctl/report.c). */
static enum err add_row(struct buf *out, const struct shape_report_row *row)
{
    const char *code = outcome_code((enum outcome)row->outcome);

    if (!code)
        return ERR_MALFORMED;
    TRY(buf_printf(out, "%u\t", row->line));
    TRY(add_field(out, row->file, "\t"));
    TRY(add_field(out, row->state_id, "\t"));
    TRY(add_field(out, code, "\t"));
    TRY(add_field(out, outcome_advice((enum outcome)row->outcome), "\t"));
    return add_field(out, row->note, "\n");
}

static enum err make_tsv(struct buf *out, struct take *t, uint32_t most)
{
    struct shape_report_row row;

    TRY(buf_printf(out, "line\tfile\tstate_id\toutcome\twhat to do\tnote\n"));
    for (uint32_t n = 0; n < most && take_more(t); n++) {
        take_report_row(t, &row);
        TRY(t->err);
        TRY(add_row(out, &row));
    }
    return t->err;
}

static bool wants_tsv(const struct request *r)
{
    const char *accept = request_header(r, MHD_HTTP_HEADER_ACCEPT);

    return accept && strncmp(accept, TSV, sizeof TSV - 1) == 0;
}

static bool answer_tsv(struct request *r, struct take *t, const struct shape_batch_state *batch)
{
    CLEANUP(buf) struct buf *out = NULL;

    return !buf_new(&out, TABLE_MAX) && !make_tsv(out, t, batch ? batch->judged : UINT32_MAX) &&
           answer_bytes(r, TSV "; charset=utf-8", buf_bytes(out), buf_len(out));
}

/* ---- The answer ---- */

bool report_answer(struct request *r, json_t *body, const struct message *answer, uint64_t link)
{
    const struct shape_batch_state *batch = answer->type == MSG_BATCH_REPORT ? &answer->is.batch_state : NULL;
    CLEANUP(bulk) struct bulk table = {0};
    struct take t;

    if (body && !bulk_map(&table, answer->fds[0], TABLE_MAX)) {
        t = TAKE_BYTES(table.bytes, table.len);
        if (wants_tsv(r) && answer_tsv(r, &t, batch)) {
            json_decref(body);
            return true;
        }
        if (!wants_tsv(r) && add_tables(body, &t, batch))
            return answer_json(r, MHD_HTTP_OK, body, NULL);
    }
    link_distrust(link, "a report that cannot be read");
    json_decref(body);
    return refuse(r, PROBLEM_UNAVAILABLE, "the report cannot be read");
}
