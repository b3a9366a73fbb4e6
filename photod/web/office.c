#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "lawapi/outcome.h"
#include "photod/base/clock.h"
#include "photod/web/answer.h"
#include "photod/web/office.h"
#include "photod/web/report.h"
#include "photod/web/tus.h"
#include "photod/web/vault.h"
#include "photod/wire/bulk.h"

#define HEALTH_MS 1000 /* how long an answer about health holds */
#define LIST_MAX  ((size_t)1 << 20)

static const char *const batch_states[BATCH_STATE_COUNT] = {"staging", "staged", "committed", "undone",
                                                            "checked"};

void office_name_batch(const struct request *r, struct shape_batch_name *name)
{
    memcpy(name->key, r->key, sizeof name->key);
    memcpy(name->source, r->visitor->source, sizeof name->source);
    memcpy(name->district, r->district, sizeof name->district);
    memcpy(name->batch, r->batch, sizeof name->batch);
}

/* Rosters. */

bool roster_begin(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_roster_open ask = {0};
    enum err e;

    if (request_has_type(r, "text/tab-separated-values"))
        (void)snprintf(ask.media, sizeof ask.media, "text/tab-separated-values");
    else if (request_has_type(r, "text/csv"))
        (void)snprintf(ask.media, sizeof ask.media, "text/csv");
    else
        return refuse(r, PROBLEM_MEDIA_TYPE_UNKNOWN, "text/tab-separated-values or text/csv");
    memcpy(ask.key, r->key, sizeof ask.key);
    memcpy(ask.source, r->visitor->source, sizeof ask.source);
    memcpy(ask.district, r->district, sizeof ask.district);
    memcpy(ask.batch, r->batch, sizeof ask.batch); /* "" on the district's own route */
    ask.length = r->length;
    e = vault_roster_open(&ask, &r->upload.vault, &answer);
    explicit_bzero(&ask, sizeof ask);
    return upload_begin(r, e, &answer);
}

bool roster_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    const struct shape_roster_report *is = &answer.is.roster_report;
    uint64_t link = LINK_ANY;
    json_t *body;

    if (!upload_finish(r, MSG_ROSTER_REPORT, &answer, &link))
        return false;
    body = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "format", answer_text(is->format), "lines",
                     (json_int_t)is->lines, "in", (json_int_t)is->in, "out", (json_int_t)is->out, "blank",
                     (json_int_t)is->blank, "refused", (json_int_t)is->refused, "withdrawn",
                     (json_int_t)is->withdrawn, "audit", (json_int_t)is->leaf);
    return report_answer(r, body, &answer, link);
}

/* Batches. */

json_t *office_batch_json(const struct shape_batch_state *is)
{
    json_t *o;

    if (is->state >= BATCH_STATE_COUNT)
        return NULL;
    o = json_pack("{s:o, s:s, s:o, s:o, s:I, s:I, s:I}", "id", answer_text(is->batch), "state",
                  batch_states[is->state], "taken_on", answer_date(is->taken_on), "created_at",
                  answer_time(is->created_ms), "files", (json_int_t)is->files, "judged",
                  (json_int_t)is->judged, "stored", (json_int_t)is->stored);
    if (o && (is->state == BATCH_COMMITTED || is->state == BATCH_UNDONE)) {
        (void)json_object_set_new(o, "photos", json_integer(is->photos));
        (void)json_object_set_new(o, is->state == BATCH_COMMITTED ? "replaced" : "restored",
                                  json_integer(is->earlier));
    }
    if (o && is->format[0])
        (void)json_object_set_new(o, "format", answer_text(is->format));
    if (o)
        (void)json_object_set_new(o, "review", json_integer((json_int_t)is->review));
    if (o && is->fault[0])
        (void)json_object_set_new(o, "fault", answer_text(is->fault));
    return o;
}

static bool answer_batch(struct request *r, enum err e, const struct message *answer, unsigned status)
{
    char location[96];

    if (!request_got(r, e, answer, MSG_BATCH_STATE))
        return false;
    (void)snprintf(location, sizeof location, "/v1/districts/%s/batches/%s", r->district,
                   answer->is.batch_state.batch);
    return answer_json(r, status, office_batch_json(&answer->is.batch_state),
                       status == MHD_HTTP_CREATED ? location : NULL);
}

bool batch_create_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_batch_create ask = {0};
    const char *taken_on = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "taken_on");
    const char *school = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "school");
    const char *dry_run = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "dry_run");
    enum err e;

    if (school && strlen(school) >= sizeof ask.school)
        return refuse(r, PROBLEM_BAD_PARAMETER, "school: at most 100 bytes");
    if (dry_run && strcmp(dry_run, "true") != 0 && strcmp(dry_run, "false") != 0)
        return refuse(r, PROBLEM_BAD_PARAMETER, "dry_run: true or false");
    ask.dry_run = dry_run && dry_run[0] == 't';
    memcpy(ask.key, r->key, sizeof ask.key);
    memcpy(ask.source, r->visitor->source, sizeof ask.source);
    memcpy(ask.district, r->district, sizeof ask.district);
    (void)snprintf(ask.school, sizeof ask.school, "%s", school ? school : "");
    (void)snprintf(ask.taken_on, sizeof ask.taken_on, "%s", taken_on ? taken_on : "");
    e = vault_batch_create(&ask, &answer);
    explicit_bzero(&ask, sizeof ask);
    return answer_batch(r, e, &answer, MHD_HTTP_CREATED);
}

/* The whole upload in one request; tus.c has the others. */
bool batch_upload_begin(struct request *r)
{
    if (!request_has_type(r, "application/zip") && !request_has_type(r, "application/octet-stream"))
        return refuse(r, PROBLEM_MEDIA_TYPE_UNKNOWN, "application/zip or application/octet-stream");
    return tus_begin(r, r->length);
}

bool batch_upload_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    uint64_t link = LINK_ANY;

    return upload_finish(r, MSG_BATCH_STATE, &answer, &link) &&
           answer_batch(r, OK, &answer, MHD_HTTP_ACCEPTED);
}

bool batch_get_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_batch_name ask = {0};
    uint64_t link = LINK_ANY;
    enum err e;

    office_name_batch(r, &ask);
    e = vault_batch_get(&ask, &answer, &link);
    explicit_bzero(&ask, sizeof ask);
    return request_got(r, e, &answer, MSG_BATCH_REPORT) &&
           report_answer(r, office_batch_json(&answer.is.batch_state), &answer, link);
}

/* Rows of batch_state, as they stand in the table; NULL: not such a table, or no memory. */
static json_t *batches_json(const struct bulk *table)
{
    struct take t = TAKE_BYTES(table->bytes, table->len);
    json_t *list = json_array();
    bool good = list != NULL;

    while (good && take_more(&t)) {
        struct shape_batch_state is = {.state = 0};
        json_t *one;

        take_batch_state(&t, &is);
        one = t.err ? NULL : office_batch_json(&is);
        if (one)
            (void)json_object_del(one, "judged"); /* which its report alone knows */
        good = json_array_append_new(list, one) == 0;
    }
    if (good && !take_end(&t))
        return list;
    json_decref(list);
    return NULL;
}

bool batch_list_answer(struct request *r)
{
    const char *before = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "before");
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    CLEANUP(bulk) struct bulk table = {0};
    struct shape_batch_name ask = {0};
    json_t *list = NULL;
    uint64_t link = LINK_ANY;
    enum err e;

    if (before && (!*before || strlen(before) >= sizeof ask.batch))
        return refuse(r, PROBLEM_BAD_PARAMETER, "before: the id of a batch");
    office_name_batch(r, &ask);
    (void)snprintf(ask.batch, sizeof ask.batch, "%s", before ? before : "");
    e = vault_batch_list(&ask, &answer, &link);
    explicit_bzero(&ask, sizeof ask);
    if (!request_got(r, e, &answer, MSG_BATCHES))
        return false;
    if (!bulk_map(&table, answer.fds[0], LIST_MAX))
        list = batches_json(&table);
    if (list)
        return answer_json(r, MHD_HTTP_OK,
                           json_pack("{s:o, s:b}", "batches", list, "more", answer.is.batches.more), NULL);
    link_distrust(link, "a list of batches that cannot be read");
    return refuse(r, PROBLEM_UNAVAILABLE, "the list cannot be read");
}

static bool change_batch(struct request *r,
                         enum err (*change)(const struct shape_batch_name *, struct message *))
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_batch_name ask = {0};
    enum err e;

    office_name_batch(r, &ask);
    e = change(&ask, &answer);
    explicit_bzero(&ask, sizeof ask);
    return answer_batch(r, e, &answer, MHD_HTTP_OK);
}

bool batch_commit_answer(struct request *r)
{
    return change_batch(r, vault_batch_commit);
}

bool batch_undo_answer(struct request *r)
{
    return change_batch(r, vault_batch_undo);
}

/* Health: strangers may ask, so the vault is asked once a second at most. */

static struct {
    pthread_mutex_t lock;
    int64_t asked_ms;
    enum err err;
    bool uploads;
} health = {.lock = PTHREAD_MUTEX_INITIALIZER, .asked_ms = -HEALTH_MS};

bool health_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    bool uploads;
    enum err e;

    pthread_mutex_lock(&health.lock);
    if (clock_steady_ms() - health.asked_ms >= HEALTH_MS) {
        health.err = vault_health(&answer);
        if (!health.err && answer.type != MSG_HEALTHY)
            health.err = ERR_BUSY;
        health.uploads = answer.is.healthy.uploads != 0;
        health.asked_ms = clock_steady_ms();
    }
    e = health.err;
    uploads = health.uploads;
    pthread_mutex_unlock(&health.lock);
    if (e)
        return refuse(r, PROBLEM_UNAVAILABLE, "%s", "");
    return answer_json(r, MHD_HTTP_OK, json_pack("{s:s, s:b}", "status", "ok", "uploads", uploads), NULL);
}
