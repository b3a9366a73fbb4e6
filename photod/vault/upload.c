#include <stdio.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/batch_upload.h"
#include "photod/vault/roster.h"
#include "photod/vault/upload.h"
#include "photod/wire/bulk.h"

/* Each holds a key of the arena (keys/envelope.h: 256 for all): uploads without end must starve no lookup. */
#define UPLOADS_MAX  64

#define UPLOADS_EACH 4 /* of one credential at a time */

static bool may_open(const struct vault *v, const struct actor *a)
{
    unsigned all = 0, own = 0;

    for (const struct upload *u = v->uploads; u; u = u->next) {
        all++;
        own += memcmp(u->actor.credential, a->credential, sizeof a->credential) == 0;
    }
    return all < UPLOADS_MAX && own < UPLOADS_EACH;
}

enum err upload_open(struct vault *v, const struct peer *p, const struct actor *a,
                     const struct upload_plan *plan, struct dek *dek, struct upload **out)
{
    struct upload *u = may_open(v, a) ? calloc(1, sizeof *u) : NULL;

    if (!u) {
        dek_free(dek);
        return ERR_BUSY;
    }
    u->id = ++v->next_upload_id;
    u->peer = p->id;
    u->actor = *a;
    memcpy(u->spool_id, plan->spool_id, sizeof u->spool_id);
    u->dek = dek;
    u->offset = plan->offset;
    u->length = plan->length;
    u->is_roster = plan->media != NULL;
    (void)snprintf(u->media, sizeof u->media, "%s", plan->media ? plan->media : "");
    u->next = v->uploads;
    v->uploads = u;
    *out = u;
    return OK;
}

void upload_ready(struct vault *v, struct asker to, const struct upload *u, uint64_t until_ms)
{
    struct shape_upload_state s = {
        .upload = u->id, .offset = u->offset, .length = u->length, .until_ms = until_ms};

    answer(v, to, MSG_UPLOAD_READY, &s, NULL, 0);
}

struct upload *upload_into(const struct vault *v, const unsigned char spool_id[static SPOOL_ID_BYTES])
{
    for (struct upload *u = v->uploads; u; u = u->next)
        if (memcmp(u->spool_id, spool_id, sizeof u->spool_id) == 0)
            return u;
    return NULL;
}

void upload_forget(struct vault *v, struct upload *u)
{
    for (struct upload **at = &v->uploads; *at; at = &(*at)->next)
        if (*at == u) {
            *at = u->next;
            break;
        }
    dek_free(u->dek);
    free(u);
}

void upload_end(struct vault *v, struct upload *u)
{
    u->ended = true;
    if (u->writing)
        return;
    if (u->is_roster)
        spool_remove(v, u->spool_id);
    upload_forget(v, u);
}

static struct upload *find(struct vault *v, const struct peer *p, uint64_t id)
{
    for (struct upload *u = v->uploads; u; u = u->next)
        if (u->id == id && u->peer == p->id && !u->ended)
            return u;
    return NULL;
}

/* ---- Chunks ---- */

struct chunk_job {
    struct job job;
    struct vault *vault;
    struct asker to;
    struct upload *upload;
    struct bulk bytes;
};

static enum err chunk_write(struct job *j)
{
    struct chunk_job *c = (struct chunk_job *)j;
    const struct upload *u = c->upload;

    return spool_write(c->vault, u->spool_id, u->dek, u->offset, c->bytes.bytes, c->bytes.len);
}

/* Takes the upload over, and answers with what becomes of it. */
static void whole(struct vault *v, struct asker to, struct upload *u)
{
    if (u->is_roster)
        roster_start(v, to, u);
    else
        batch_uploaded(v, to, u);
}

static void chunk_done(struct vault *v, struct job *j)
{
    struct chunk_job *c = (struct chunk_job *)j;
    struct asker to = c->to;
    struct upload *u = c->upload;
    struct shape_upload_name name = {.upload = u->id};
    enum err e = job_result(j);

    u->writing = false;
    u->offset += e ? 0 : c->bytes.len;
    bulk_unmap(&c->bytes);
    free(c);
    if (e || u->ended) {
        upload_end(v, u);
        answer_refused(v, to, e ? problem_of(e) : PROBLEM_UPLOAD_INCOMPLETE, NULL, 0);
    } else if (u->offset == u->length) {
        whole(v, to, u);
    } else {
        answer(v, to, MSG_UPLOAD_KEPT, &name, NULL, 0);
    }
    batch_upload_settled(v);
}

/* It stays within its MiB and within the upload.  Expected: ERR_MALFORMED, what no honest door sends. */
static enum err map_chunk(struct bulk *out, int fd, const struct upload *u)
{
    const uint64_t left = u->length - u->offset, room = VAULT_CHUNK - u->offset % VAULT_CHUNK;
    enum err e = bulk_map(out, fd, (size_t)(left < room ? left : room));

    if (!e && !out->len)
        bulk_unmap(out);
    return e == ERR_LIMIT || (!e && !out->len) ? ERR_MALFORMED : e;
}

void answer_upload_chunk(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_upload_chunk *ask = &m->is.upload_chunk;
    struct upload *u = find(v, p, ask->upload);
    struct chunk_job *c;
    enum err e;

    if (!u || u->writing || ask->offset != u->offset) {
        answer_refused(v, asker_of(p, m), u ? PROBLEM_UPLOAD_OFFSET : PROBLEM_UPLOAD_LOCKED, NULL, 0);
        return;
    }
    if (!spool_has_room(v)) {
        upload_end(v, u);
        answer_refused(v, asker_of(p, m), PROBLEM_STORAGE_FULL, NULL, 0);
        return;
    }
    c = calloc(1, sizeof *c);
    e = c ? map_chunk(&c->bytes, m->fds[0], u) : ERR_NOMEM;
    if (e == ERR_MALFORMED) {
        free(c);
        peer_distrust(v, p, "a chunk that is not sealed or out of its place");
        return;
    }
    if (!e) {
        c->job = (struct job){.lane = LANE_BULK, .work = chunk_write, .done = chunk_done};
        c->vault = v;
        c->to = asker_of(p, m);
        c->upload = u;
        e = committer_submit(v->committer, &c->job);
    }
    if (!e) {
        u->writing = true;
        return;
    }
    if (c)
        bulk_unmap(&c->bytes);
    free(c);
    upload_end(v, u);
    answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
}

void answer_upload_leave(struct vault *v, struct peer *p, struct message *m)
{
    struct upload *u = find(v, p, m->is.upload_name.upload);

    if (u)
        upload_end(v, u);
}

void uploads_peer_gone(struct vault *v, const struct peer *p)
{
    struct upload *next;

    for (struct upload *u = v->uploads; u; u = next) {
        next = u->next;
        if (u->peer == p->id && !u->ended)
            upload_end(v, u);
    }
}
