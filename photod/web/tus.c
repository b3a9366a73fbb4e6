#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "photod/base/text.h"
#include "photod/web/answer.h"
#include "photod/web/tus.h"
#include "photod/web/vault.h"

#define NUMBER_TEXT 24
#define DATE_MAX    40

static uint64_t max_bytes;

void tus_init(uint64_t max)
{
    max_bytes = max;
}

/* Headers. */

static void write_number(char text[static NUMBER_TEXT], uint64_t n)
{
    (void)snprintf(text, NUMBER_TEXT, "%" PRIu64, n);
}

/* RFC 9110 5.6.7: an IMF-fixdate. */
static void write_date(char text[static DATE_MAX], uint64_t wall_ms)
{
    const time_t at = (time_t)(wall_ms / 1000);
    struct tm utc;

    text[0] = '\0';
    if (gmtime_r(&at, &utc))
        (void)strftime(text, DATE_MAX, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

/* A count of bytes.  False: refused. */
static bool read_bytes(struct request *r, const char *header, uint64_t *out)
{
    const char *value = request_header(r, header);
    enum err e = value ? u64_parse(out, value, INT64_MAX) : ERR_MALFORMED;

    if (e == ERR_MALFORMED)
        return refuse(r, PROBLEM_BAD_PARAMETER, "%s must be a whole number of bytes", header);
    return !e || refuse(r, PROBLEM_BODY_TOO_LARGE, "at most %" PRIu64 " bytes", max_bytes);
}

bool tus_check(struct request *r)
{
    const char *version = request_header(r, "Tus-Resumable");

    if (!version || strcmp(version, TUS_VERSION) != 0)
        return refuse(r, PROBLEM_TUS_VERSION, "%s", "");
    if (request_header(r, "X-HTTP-Method-Override"))
        return refuse(r, PROBLEM_BAD_PARAMETER, "X-HTTP-Method-Override: send the method itself");
    return true;
}

/* Questions. */

static void name_batch(const struct request *r, char key[static 100], char source[static 46],
                       char district[static 16], char batch[static 48])
{
    memcpy(key, r->key, 100);
    memcpy(source, r->visitor->source, 46);
    memcpy(district, r->district, 16);
    memcpy(batch, r->batch, 48);
}

bool tus_begin(struct request *r, uint64_t length)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_upload_create ask = {.length = length};
    enum err e;

    name_batch(r, ask.key, ask.source, ask.district, ask.batch);
    e = vault_upload_create(&ask, &r->upload.vault, &answer);
    explicit_bzero(&ask, sizeof ask);
    r->upload.resumable = true;
    return upload_begin(r, e, &answer);
}

bool tus_patch_begin(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_upload_resume ask = {.bytes = r->length};
    enum err e;

    if (!tus_check(r) || !read_bytes(r, "Upload-Offset", &ask.offset))
        return false;
    if (!request_has_type(r, "application/offset+octet-stream"))
        return refuse(r, PROBLEM_MEDIA_TYPE_UNKNOWN, "application/offset+octet-stream");
    name_batch(r, ask.key, ask.source, ask.district, ask.batch);
    e = vault_upload_resume(&ask, &r->upload.vault, &answer);
    explicit_bzero(&ask, sizeof ask);
    r->upload.resumable = true;
    return upload_begin(r, e, &answer);
}

/* Answers. */

bool tus_options_answer(struct request *r)
{
    char max[NUMBER_TEXT];
    const struct answer_header headers[] = {
        {"Tus-Version", TUS_VERSION}, {"Tus-Extension", "creation,expiration"}, {"Tus-Max-Size", max}};

    write_number(max, max_bytes);
    return answer_empty(r, MHD_HTTP_NO_CONTENT, headers, 3);
}

bool tus_create_answer(struct request *r)
{
    char location[128], expires[DATE_MAX];
    const struct answer_header headers[] = {{MHD_HTTP_HEADER_LOCATION, location},
                                            {"Upload-Expires", expires}};
    uint64_t length;

    if (request_header(r, "Upload-Defer-Length"))
        return refuse(r, PROBLEM_BAD_PARAMETER, "Upload-Defer-Length: the length must be known");
    if (!read_bytes(r, "Upload-Length", &length))
        return false;
    if (length > max_bytes)
        return refuse(r, PROBLEM_BODY_TOO_LARGE, "at most %" PRIu64 " bytes", max_bytes);
    if (!tus_begin(r, length))
        return false;
    (void)snprintf(location, sizeof location, "/v1/districts/%s/batches/%s/upload", r->district, r->batch);
    write_date(expires, r->upload.until_ms);
    return answer_empty(r, MHD_HTTP_CREATED, headers, 2);
}

bool tus_head_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    const struct shape_upload_state *is = &answer.is.upload_state;
    struct shape_batch_name ask = {0};
    char offset[NUMBER_TEXT], length[NUMBER_TEXT], expires[DATE_MAX];
    const struct answer_header headers[] = {
        {"Upload-Offset", offset}, {"Upload-Length", length}, {"Upload-Expires", expires}};
    enum err e;

    name_batch(r, ask.key, ask.source, ask.district, ask.batch);
    e = vault_upload_get(&ask, &answer);
    explicit_bzero(&ask, sizeof ask);
    if (!request_got(r, e, &answer, MSG_UPLOAD_IS))
        return false;
    write_number(offset, is->offset);
    write_number(length, is->length);
    write_date(expires, is->until_ms);
    return answer_empty(r, MHD_HTTP_OK, headers, 3);
}

bool tus_patch_answer(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    char offset[NUMBER_TEXT], expires[DATE_MAX];
    const struct answer_header headers[] = {{"Upload-Offset", offset}, {"Upload-Expires", expires}};
    const struct upload *u = &r->upload;
    uint64_t link = LINK_ANY;

    if (r->length &&
        !upload_finish(r, u->end == u->length ? MSG_BATCH_STATE : MSG_UPLOAD_KEPT, &answer, &link))
        return false;
    write_number(offset, u->end);
    write_date(expires, u->until_ms);
    return answer_empty(r, MHD_HTTP_NO_CONTENT, headers, 2);
}
