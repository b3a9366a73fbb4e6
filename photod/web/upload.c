#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "photod/web/request.h"
#include "photod/web/upload.h"
#include "photod/wire/bulk.h"

static void drop_chunk(struct upload *u)
{
    if (!u->room)
        return;
    if (u->chunk)
        (void)munmap(u->chunk, u->room);
    (void)close(u->fd);
    u->chunk = NULL;
    u->room = u->filled = 0;
}

static enum err begin_chunk(struct upload *u)
{
    uint64_t left = u->end - u->offset;
    size_t room = UPLOAD_CHUNK_BYTES - (size_t)(u->offset % UPLOAD_CHUNK_BYTES);

    if (left < room)
        room = (size_t)left;
    TRY(bulk_begin(&u->fd, &u->chunk, room));
    u->room = room;
    u->filled = 0;
    return OK;
}

/* What came of the chunk goes to the vault, which may take its time. */
static enum err send_chunk(struct upload *u, struct message *answer)
{
    enum err e = bulk_seal_part(u->fd, u->chunk, u->room, u->filled);

    u->chunk = NULL;
    if (!e)
        e = vault_upload_chunk(&u->vault, u->offset - u->filled, u->fd, answer);
    drop_chunk(u);
    return e;
}

static bool send_full(struct request *r)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum err e;

    visitor_works(r->visitor);
    e = send_chunk(&r->upload, &answer);
    visitor_reads_on(r->visitor);
    return (!e && r->upload.vault.sending) || request_got(r, e, &answer, MSG_UPLOAD_KEPT);
}

bool upload_begin(struct request *r, enum err e, const struct message *answer)
{
    const struct shape_upload_state *is = &answer->is.upload_state;
    struct upload *u = &r->upload;

    if (!request_got(r, e, answer, MSG_UPLOAD_READY))
        return false;
    u->offset = is->offset;
    u->end = is->offset + r->length;
    u->length = is->length;
    u->until_ms = is->until_ms;
    return true;
}

bool upload_feed(struct request *r, const char *bytes, size_t len)
{
    struct upload *u = &r->upload;

    while (len) {
        size_t part;

        if (u->offset >= u->end)
            return refuse(r, PROBLEM_BAD_FRAMING, "more body than Content-Length");
        if (!u->room && begin_chunk(u))
            return refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
        part = u->room - u->filled < len ? u->room - u->filled : len;
        memcpy(u->chunk + u->filled, bytes, part);
        u->filled += part;
        u->offset += part;
        bytes += part;
        len -= part;
        if (u->filled == u->room && !send_full(r))
            return false;
    }
    return true;
}

bool upload_finish(struct request *r, enum msg wanted, struct message *answer, uint64_t *link)
{
    struct upload *u = &r->upload;
    enum err e;

    if (u->offset != u->end)
        return refuse(r, PROBLEM_UPLOAD_INCOMPLETE, "%llu bytes are missing",
                      (unsigned long long)(u->end - u->offset));
    e = vault_upload_await(&u->vault, answer, link);
    if (!e && answer->type != wanted && answer->type != MSG_REFUSED) {
        link_distrust(*link, "the answer of another kind of upload");
        e = ERR_CLOSED;
    }
    return request_got(r, e, answer, wanted);
}

void upload_clear(struct upload *u)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;

    if (u->resumable && u->vault.link && u->filled)
        (void)!send_chunk(u, &answer);
    drop_chunk(u);
    vault_upload_leave(&u->vault);
}
