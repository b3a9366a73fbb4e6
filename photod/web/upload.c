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
    uint64_t left = u->bytes - u->taken;
    size_t room = left < UPLOAD_CHUNK_BYTES ? (size_t)left : UPLOAD_CHUNK_BYTES;

    TRY(bulk_begin(&u->fd, &u->chunk, room));
    u->room = room;
    u->filled = 0;
    return OK;
}

static bool send_chunk(struct request *r)
{
    struct upload *u = &r->upload;
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum err e = bulk_seal(u->fd, u->chunk, u->room);

    u->chunk = NULL;
    visitor_works(r->visitor);
    if (!e)
        e = vault_upload_chunk(&u->vault, u->fd, &answer);
    visitor_reads_on(r->visitor);
    drop_chunk(u);
    if (!e && answer.type != MSG_REFUSED)
        return true;
    return request_got(r, e, &answer, MSG_UPLOAD_KEPT);
}

bool upload_feed(struct request *r, const char *bytes, size_t len)
{
    struct upload *u = &r->upload;

    while (len) {
        size_t part;

        if (u->taken >= u->bytes)
            return refuse(r, PROBLEM_BAD_FRAMING, "more body than Content-Length");
        if (!u->room && begin_chunk(u))
            return refuse(r, PROBLEM_UNAVAILABLE, "out of memory");
        part = u->room - u->filled < len ? u->room - u->filled : len;
        memcpy(u->chunk + u->filled, bytes, part);
        u->filled += part;
        u->taken += part;
        bytes += part;
        len -= part;
        if (u->filled == u->room && !send_chunk(r))
            return false;
    }
    return true;
}

bool upload_finish(struct request *r, enum msg wanted, struct message *answer, uint64_t *link)
{
    struct upload *u = &r->upload;
    enum err e;

    if (u->taken != u->bytes)
        return refuse(r, PROBLEM_UPLOAD_INCOMPLETE, "%llu of %llu bytes came", (unsigned long long)u->taken,
                      (unsigned long long)u->bytes);
    e = vault_upload_close(&u->vault, u->bytes, answer, link);
    if (!e && answer->type != wanted && answer->type != MSG_REFUSED) {
        link_distrust(*link, "the answer of another kind of upload");
        e = ERR_CLOSED;
    }
    return request_got(r, e, answer, wanted);
}

void upload_clear(struct upload *u)
{
    drop_chunk(u);
    vault_upload_abort(&u->vault);
}
