/* The questions to the vault, in photod-web; the channel is link.c's. */
#include "photod/web/vault.h"

#define ANSWER_MS 10000
#define REPORT_MS 120000 /* a roster or a batch is judged whole */
#define HEALTH_MS 2000

static enum err ask(enum msg question, const void *shape, int64_t timeout_ms, struct message *answer,
                    uint64_t *link)
{
    struct link_call call;

    TRY(link_ask(&call, question, shape, -1, link ? *link : LINK_ANY));
    if (link)
        *link = call.link;
    return link_await(&call, timeout_ms, answer);
}

enum err vault_lookup(const struct shape_lookup *question, struct message *answer, uint64_t *link)
{
    *link = LINK_ANY;
    return ask(MSG_LOOKUP, question, ANSWER_MS, answer, link);
}

static enum err open_upload(enum msg question, const void *shape, struct vault_upload *upload,
                            struct message *answer)
{
    uint64_t link = LINK_ANY;

    TRY(ask(question, shape, ANSWER_MS, answer, &link));
    if (answer->type == MSG_UPLOAD_READY)
        *upload = (struct vault_upload){.link = link, .id = answer->is.upload_name.upload};
    return OK;
}

enum err vault_roster_open(const struct shape_roster_open *question, struct vault_upload *upload,
                           struct message *answer)
{
    return open_upload(MSG_ROSTER_OPEN, question, upload, answer);
}

enum err vault_batch_upload(const struct shape_batch_name *question, struct vault_upload *upload,
                            struct message *answer)
{
    return open_upload(MSG_BATCH_UPLOAD, question, upload, answer);
}

/* An upload ends with its first refusal or failure. */
static enum err await_chunk(struct vault_upload *upload, struct message *answer)
{
    enum err e;

    if (!upload->sending)
        return OK;
    upload->sending = false;
    e = link_await(&upload->chunk, ANSWER_MS, answer);
    if (!e && answer->type == MSG_REFUSED)
        upload->link = 0;
    return e;
}

enum err vault_upload_chunk(struct vault_upload *upload, int fd, struct message *answer)
{
    struct shape_upload_chunk what = {.upload = upload->id, .number = upload->chunks};

    TRY(await_chunk(upload, answer));
    if (!upload->link)
        return OK;
    TRY(link_ask(&upload->chunk, MSG_UPLOAD_CHUNK, &what, fd, upload->link));
    upload->chunks++;
    upload->sending = true;
    return OK;
}

enum err vault_upload_close(struct vault_upload *upload, uint64_t bytes, struct message *answer,
                            uint64_t *link)
{
    struct shape_upload_close what = {.upload = upload->id, .bytes = bytes};

    *link = upload->link;
    TRY(await_chunk(upload, answer));
    if (!upload->link)
        return OK;
    message_clear(answer);
    TRY(ask(MSG_UPLOAD_CLOSE, &what, REPORT_MS, answer, link));
    upload->link = 0;
    return OK;
}

void vault_upload_abort(struct vault_upload *upload)
{
    struct shape_upload_name what = {.upload = upload->id};
    struct message last = MESSAGE_NONE;

    if (!upload->link)
        return;
    (void)await_chunk(upload, &last);
    if (upload->link)
        (void)link_tell(MSG_UPLOAD_ABORT, &what, upload->link);
    upload->link = 0;
    message_clear(&last);
}

enum err vault_batch_create(const struct shape_batch_create *question, struct message *answer)
{
    return ask(MSG_BATCH_CREATE, question, ANSWER_MS, answer, NULL);
}

enum err vault_batch_get(const struct shape_batch_name *question, struct message *answer, uint64_t *link)
{
    *link = LINK_ANY;
    return ask(MSG_BATCH_GET, question, REPORT_MS, answer, link);
}

enum err vault_batch_commit(const struct shape_batch_name *question, struct message *answer)
{
    return ask(MSG_BATCH_COMMIT, question, REPORT_MS, answer, NULL);
}

enum err vault_batch_undo(const struct shape_batch_name *question, struct message *answer)
{
    return ask(MSG_BATCH_UNDO, question, REPORT_MS, answer, NULL);
}

enum err vault_withdraw(const struct shape_withdraw *question, struct message *answer)
{
    return ask(MSG_WITHDRAW, question, ANSWER_MS, answer, NULL);
}

enum err vault_health(struct message *answer)
{
    return ask(MSG_HEALTH, NULL, HEALTH_MS, answer, NULL);
}

void vault_door_refused(const struct shape_door_refused *what)
{
    (void)link_tell(MSG_DOOR_REFUSED, what, LINK_ANY);
}

enum err vault_strangers(const struct shape_strangers *what)
{
    return link_tell(MSG_STRANGERS, what, LINK_ANY);
}
