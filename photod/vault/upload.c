#include <stdio.h>
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/batch.h"
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

enum err upload_open(struct vault *v, struct peer *p, const struct actor *a,
                     const unsigned char spool_id[static SPOOL_ID_BYTES], struct dek *dek, bool is_roster,
                     const char *media, struct upload **out)
{
    struct upload *u = may_open(v, a) ? calloc(1, sizeof *u) : NULL;
    enum err e = u ? spool_make(v, spool_id) : ERR_BUSY;

    if (e) {
        dek_free(dek);
        free(u);
        return e;
    }
    u->id = ++v->next_upload_id;
    u->peer = p->id;
    u->actor = *a;
    memcpy(u->spool_id, spool_id, sizeof u->spool_id);
    u->dek = dek;
    u->is_roster = is_roster;
    (void)snprintf(u->media, sizeof u->media, "%s", media);
    u->next = v->uploads;
    v->uploads = u;
    *out = u;
    return OK;
}

bool upload_is_open(const struct vault *v, const unsigned char spool_id[static SPOOL_ID_BYTES])
{
    for (struct upload *u = v->uploads; u; u = u->next)
        if (memcmp(u->spool_id, spool_id, sizeof u->spool_id) == 0)
            return true;
    return false;
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

/* While a chunk is being written the committing thread uses the upload: it goes when that is done. */
static void upload_drop(struct vault *v, struct upload *u)
{
    u->dropped = true;
    if (u->writing)
        return;
    spool_remove(v, u->spool_id);
    upload_forget(v, u);
}

static struct upload *find(struct vault *v, const struct peer *p, uint64_t id)
{
    for (struct upload *u = v->uploads; u; u = u->next)
        if (u->id == id && u->peer == p->id && !u->dropped)
            return u;
    return NULL;
}

/* ---- Chunks ---- */

struct chunk_job {
    struct job job;
    struct vault *vault;
    struct asker to;
    struct upload *upload;
    uint32_t number;
    struct bulk bytes;
};

static enum err chunk_write(struct job *j)
{
    struct chunk_job *c = (struct chunk_job *)j;

    return spool_write(c->vault, c->upload->spool_id, c->upload->dek, c->number, c->bytes.bytes,
                       c->bytes.len);
}

static void chunk_done(struct vault *v, struct job *j)
{
    struct chunk_job *c = (struct chunk_job *)j;
    struct upload *u = c->upload;
    enum err e = job_result(j);
    struct shape_upload_name name = {.upload = u->id};

    u->writing = false;
    if (!e && !u->dropped) {
        u->chunks++;
        u->bytes += c->bytes.len;
        answer(v, c->to, MSG_UPLOAD_KEPT, &name, NULL, 0);
    } else {
        upload_drop(v, u);
        answer_refused(v, c->to, e ? problem_of(e) : PROBLEM_UPLOAD_INCOMPLETE, NULL, 0);
    }
    bulk_unmap(&c->bytes);
    free(c);
}

void answer_upload_chunk(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_upload_chunk *ask = &m->is.upload_chunk;
    struct upload *u = find(v, p, ask->upload);
    struct chunk_job *c;
    enum err e;

    /* Every chunk but the last is full, so that a worker finds its bytes by their number. */
    if (!u || u->writing || ask->number != u->chunks || u->bytes != (uint64_t)u->chunks * VAULT_CHUNK) {
        answer_refused(v, asker_of(p, m), PROBLEM_UPLOAD_INCOMPLETE, "the upload is not open", 0);
        return;
    }
    if (!spool_has_room(v)) {
        upload_drop(v, u);
        answer_refused(v, asker_of(p, m), PROBLEM_STORAGE_FULL, NULL, 0);
        return;
    }
    c = calloc(1, sizeof *c);
    e = c ? bulk_map(&c->bytes, m->fds[0], VAULT_CHUNK) : ERR_NOMEM;
    if (e == ERR_MALFORMED || e == ERR_LIMIT) {
        free(c);
        peer_distrust(v, p, "a chunk that is not sealed or too large");
        return;
    }
    if (!e) {
        c->job = (struct job){.lane = LANE_BULK, .work = chunk_write, .done = chunk_done};
        c->vault = v;
        c->to = asker_of(p, m);
        c->upload = u;
        c->number = ask->number;
        e = committer_submit(v->committer, &c->job);
    }
    if (!e) {
        u->writing = true;
        return;
    }
    if (c)
        bulk_unmap(&c->bytes);
    free(c);
    upload_drop(v, u);
    answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
}

void answer_upload_close(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_upload_close *ask = &m->is.upload_close;
    struct upload *u = find(v, p, ask->upload);

    if (!u || u->writing || ask->bytes != u->bytes || !u->bytes) {
        const char *text = u ? "the upload is empty or cut short" : NULL;

        if (u)
            upload_drop(v, u);
        answer_refused(v, asker_of(p, m), PROBLEM_UPLOAD_INCOMPLETE, text, 0);
        return;
    }
    if (u->is_roster)
        roster_start(v, asker_of(p, m), u);
    else
        batch_uploaded(v, asker_of(p, m), u);
}

void answer_upload_abort(struct vault *v, struct peer *p, struct message *m)
{
    struct upload *u = find(v, p, m->is.upload_name.upload);

    if (u)
        upload_drop(v, u);
}

void uploads_peer_gone(struct vault *v, const struct peer *p)
{
    struct upload *next;

    for (struct upload *u = v->uploads; u; u = next) {
        next = u->next;
        if (u->peer == p->id && !u->dropped)
            upload_drop(v, u);
    }
}
