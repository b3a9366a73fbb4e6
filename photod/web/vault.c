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
        *upload = (struct vault_upload){.link = link, .id = answer->is.upload_state.upload};
    return OK;
}

enum err vault_roster_open(const struct shape_roster_open *question, struct vault_upload *upload,
                           struct message *answer)
{
    return open_upload(MSG_ROSTER_OPEN, question, upload, answer);
}

enum err vault_upload_create(const struct shape_upload_create *question, struct vault_upload *upload,
                             struct message *answer)
{
    return open_upload(MSG_UPLOAD_CREATE, question, upload, answer);
}

enum err vault_upload_resume(const struct shape_upload_resume *question, struct vault_upload *upload,
                             struct message *answer)
{
    return open_upload(MSG_UPLOAD_RESUME, question, upload, answer);
}

enum err vault_upload_get(const struct shape_batch_name *question, struct message *answer)
{
    return ask(MSG_UPLOAD_GET, question, ANSWER_MS, answer, NULL);
}

/* An upload ends with its first refusal or failure, and when it is whole. */
static enum err await_chunk(struct vault_upload *upload, int64_t timeout_ms, struct message *answer)
{
    enum err e;

    upload->sending = false;
    e = link_await(&upload->chunk, timeout_ms, answer);
    if (!e && answer->type != MSG_UPLOAD_KEPT)
        upload->link = 0;
    return e;
}

enum err vault_upload_chunk(struct vault_upload *upload, uint64_t offset, int fd, struct message *answer)
{
    struct shape_upload_chunk what = {.upload = upload->id, .offset = offset};

    if (upload->sending)
        TRY(await_chunk(upload, ANSWER_MS, answer));
    if (!upload->link)
        return answer->type == MSG_REFUSED ? OK : ERR_CLOSED;
    TRY(link_ask(&upload->chunk, MSG_UPLOAD_CHUNK, &what, fd, upload->link));
    upload->sending = true;
    return OK;
}

enum err vault_upload_await(struct vault_upload *upload, struct message *answer, uint64_t *link)
{
    *link = upload->link;
    return upload->sending ? await_chunk(upload, REPORT_MS, answer) : ERR_CLOSED;
}

void vault_upload_leave(struct vault_upload *upload)
{
    struct shape_upload_name what = {.upload = upload->id};
    struct message last = MESSAGE_NONE;

    if (upload->sending)
        (void)!await_chunk(upload, ANSWER_MS, &last);
    if (upload->link)
        (void)link_tell(MSG_UPLOAD_LEAVE, &what, upload->link);
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

enum err vault_batch_list(const struct shape_batch_name *question, struct message *answer, uint64_t *link)
{
    *link = LINK_ANY;
    return ask(MSG_BATCH_LIST, question, REPORT_MS, answer, link);
}

enum err vault_review_get(const struct shape_batch_name *question, struct message *answer, uint64_t *link)
{
    *link = LINK_ANY;
    return ask(MSG_REVIEW_GET, question, REPORT_MS, answer, link);
}

enum err vault_review_decide(const struct shape_batch_name *question, int fd, struct message *answer)
{
    struct link_call call;

    TRY(link_ask(&call, MSG_REVIEW_DECIDE, question, fd, LINK_ANY));
    return link_await(&call, REPORT_MS, answer);
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
