#include <errno.h>
#include <poll.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/admin.h"
#include "photod/vault/auth.h"
#include "photod/vault/ballast.h"
#include "photod/vault/backup.h"
#include "photod/vault/batch.h"
#include "photod/vault/batch_list.h"
#include "photod/vault/batch_upload.h"
#include "photod/vault/clockwatch.h"
#include "photod/vault/forecast.h"
#include "photod/vault/fsck.h"
#include "photod/vault/lookup.h"
#include "photod/vault/purge.h"
#include "photod/vault/rekey.h"
#include "photod/vault/report.h"
#include "photod/vault/review.h"
#include "photod/vault/roster.h"
#include "photod/vault/rotate.h"
#include "photod/vault/serve.h"
#include "photod/vault/spool.h"
#include "photod/vault/staging.h"
#include "photod/vault/undo.h"
#include "photod/vault/withdraw.h"
#include "photod/vault/worker.h"

#define PEERS_MAX  128
#define LAW_BURST  64 /* law-door messages taken in a round before anybody else's */
#define TICK_MS    100
#define TEND_MS    60000
#define BEHIND_MAX 1000
#define WAKE_MS    10000 /* how often a batch that met a full disk is tried again */

/* ---- What the parent says ---- */

static enum err adopt_config(struct vault *v, int fd)
{
    struct config_fault fault;
    enum err e = config_read(&v->config, &fault, fd);

    if (e)
        log_error("photod.conf:%u: %s", fault.line, fault.text);
    return e;
}

static void adopt_process(struct vault *v, const struct shape_process *p)
{
    for (unsigned i = 0; i < v->process_count; i++)
        if (v->processes[i].process == p->process && v->processes[i].index == p->index) {
            v->processes[i] = *p;
            return;
        }
    if (v->process_count < sizeof v->processes / sizeof v->processes[0])
        v->processes[v->process_count++] = *p;
}

static enum err adopt_link(struct vault *v, struct message *m)
{
    uint32_t process = m->is.link.process;

    if (process != PROCESS_LAW && process != PROCESS_OFFICE && process != PROCESS_INTAKE)
        return ERR_MALFORMED;
    for (struct peer *p = v->peers; p; p = p->next) /* a new process in an old one's place */
        if (p->channel.peer == (enum process)process && p->index == m->is.link.index)
            peer_drop(v, p);
    return peer_add(v, message_take_fd(m, 0), (enum process)process, m->is.link.index);
}

static enum err hear_parent(struct vault *v, struct message *m, int *root_key_fd, bool *go)
{
    switch ((int)m->type) {
    case MSG_CONFIG:
        return adopt_config(v, m->fds[0]);
    case MSG_STATE_DIR:
        v->state_fd = message_take_fd(m, 0);
        return OK;
    case MSG_ROOT_KEY:
        *root_key_fd = message_take_fd(m, 0);
        return OK;
    case MSG_LISTEN:
        v->admin_listen = message_take_fd(m, 0);
        return OK;
    case MSG_LINK:
        return adopt_link(v, m);
    case MSG_PROCESS:
        adopt_process(v, &m->is.process);
        return OK;
    case MSG_GO:
        *go = true;
        return OK;
    case MSG_STOP:
        v->stopping = true;
        return OK;
    default:
        return ERR_MALFORMED;
    }
}

enum err vault_adopt(struct vault *v, int *root_key_fd)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    bool go = false;

    while (!go) {
        TRY(channel_recv(&v->parent, &m, true));
        TRY(hear_parent(v, &m, root_key_fd, &go));
    }
    return v->state_fd < 0 || *root_key_fd < 0 ? ERR_MALFORMED : OK;
}

static void serve_parent(struct vault *v)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    int no_root_key = -1;
    bool go;
    enum err e = channel_recv(&v->parent, &m, false);

    if (!e)
        e = hear_parent(v, &m, &no_root_key, &go);
    if (e && e != ERR_BUSY && e != ERR_NOMEM)
        v->stopping = true;
    staging_wake(v); /* a LINK may have been a worker */
}

/* ---- What the peers say ---- */

static void answer_health(struct vault *v, struct peer *p, struct message *m)
{
    struct shape_healthy h = {.uploads = spool_has_room(v)};

    if (v->unhealthy)
        answer_refused(v, asker_of(p, m), PROBLEM_UNAVAILABLE, NULL, 0);
    else
        answer(v, asker_of(p, m), MSG_HEALTHY, &h, NULL, 0);
}

static void note_strangers(struct vault *v, struct peer *p, struct message *m)
{
    (void)p;
    strangers_note(v, (enum problem)m->is.strangers.problem, m->is.strangers.count);
}

static void note_door_refused(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_door_refused *d = &m->is.door_refused;
    struct actor a;

    /* Each door speaks of its own kind of credential only. */
    if (!problem_text((enum problem)d->problem) || (p->channel.peer == PROCESS_OFFICE) != (d->key[0] != '\0'))
        return;
    if (auth_known(v, d->fingerprint, d->key, &a))
        strangers_note(v, (enum problem)d->problem, 1);
    else
        refuse_known(v, (struct asker){0, 0}, &a, (enum problem)d->problem, NULL, NULL);
}

typedef void answer_message(struct vault *v, struct peer *p, struct message *m);

/* One row per message that the vault takes from a peer; messages.def says from whom and when. */
static answer_message *const answers[MSG_COUNT] = {
    [MSG_LOOKUP] = answer_lookup,
    [MSG_ROSTER_OPEN] = answer_roster_open,
    [MSG_BATCH_CREATE] = answer_batch_create,
    [MSG_BATCH_GET] = answer_batch_get,
    [MSG_BATCH_LIST] = answer_batch_list,
    [MSG_REVIEW_GET] = answer_review_get,
    [MSG_REVIEW_DECIDE] = answer_review_decide,
    [MSG_BATCH_COMMIT] = answer_batch_commit,
    [MSG_BATCH_UNDO] = answer_batch_undo,
    [MSG_UPLOAD_CHUNK] = answer_upload_chunk,
    [MSG_UPLOAD_CREATE] = answer_upload_create,
    [MSG_UPLOAD_RESUME] = answer_upload_resume,
    [MSG_UPLOAD_GET] = answer_upload_get,
    [MSG_UPLOAD_LEAVE] = answer_upload_leave,
    [MSG_HEALTH] = answer_health,
    [MSG_DOOR_REFUSED] = note_door_refused,
    [MSG_STRANGERS] = note_strangers,
    [MSG_STATUS] = answer_status,
    [MSG_DISTRICT_ADD] = answer_district_add,
    [MSG_AGENCY_ADD] = answer_agency_add,
    [MSG_CREDENTIAL_ADD] = answer_credential_add,
    [MSG_KEY_ADD] = answer_key_add,
    [MSG_AUDIT_KEY] = answer_audit_key,
    [MSG_KEYS_ROTATE] = answer_keys_rotate,
    [MSG_KEYS_REKEY] = answer_keys_rekey,
    [MSG_KEYS_CANCEL] = answer_keys_cancel,
    [MSG_KEYS_STATUS] = answer_keys_status,
    [MSG_PURGE] = answer_purge,
    [MSG_FSCK] = answer_fsck,
    [MSG_BACKUP] = answer_backup,
    [MSG_BACKUP_KEPT] = answer_backup_kept,
    [MSG_CLOCK_ACCEPT] = answer_clock_accept,
    [MSG_ERASURE] = answer_erasure,
    [MSG_FORECAST] = answer_forecast,
    [MSG_WITHDRAW] = answer_withdraw,
    [MSG_ZIP_LISTED] = staging_zip_listed,
    [MSG_ZIP_INDEXED] = staging_zip_indexed,
    [MSG_ZIP_REFUSED] = staging_zip_refused,
    [MSG_CHUNK_WANT] = staging_chunk_want,
    [MSG_ZIP_BYTES] = staging_zip_bytes,
    [MSG_ZIP_FAULT] = staging_zip_fault,
    [MSG_IMAGE_DONE] = staging_image_done,
    [MSG_IMAGE_FAULT] = staging_image_fault,
    [MSG_ROSTER_PARSED] = roster_parsed,
    [MSG_ROSTER_FAULT] = roster_fault,
};

/* Takes at most `most` messages of a peer. */
static void serve_peer(struct vault *v, struct peer *p, unsigned most)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    for (unsigned i = 0; i < most && !p->dropped; i++) {
        enum err e = channel_recv(&p->channel, &m, false);

        if (e == ERR_BUSY)
            return;
        if (e == ERR_CLOSED) {
            peer_drop(v, p);
            return;
        }
        if (e || !answers[m.type]) {
            peer_distrust(v, p, "what no honest process sends");
            return;
        }
        answers[m.type](v, p, &m);
    }
}

/* ---- The round ---- */

struct round {
    struct pollfd fds[PEERS_MAX + 3];
    uint64_t ids[PEERS_MAX + 3];
    unsigned count;
};

static void watch(struct round *r, int fd, uint64_t id)
{
    r->fds[r->count] = (struct pollfd){.fd = fd, .events = POLLIN};
    r->ids[r->count++] = id;
}

static void serve_ready(struct vault *v, const struct round *r, bool law)
{
    for (unsigned i = 3; i < r->count; i++) {
        struct peer *p = r->fds[i].revents ? peer_find(v, (struct asker){r->ids[i], 0}) : NULL;

        if (!p || (p->channel.peer == PROCESS_LAW) != law)
            continue;
        if (r->fds[i].revents & POLLOUT)
            peer_flush(v, p);
        serve_peer(v, p, law ? LAW_BURST : 1);
    }
}

/* No reader of ours outlives its call: if one is far behind, that is a bug to be told of. */
static void tend(struct vault *v)
{
    uint64_t behind;

    if (!store_tend(v->store, &behind) && behind > BEHIND_MAX)
        log_error("a reader of the store is %llu commits behind: the store grows as long as it reads",
                  (unsigned long long)behind);
}

static void tick(struct vault *v)
{
    int64_t steady = clock_steady_ms(), wall = clock_wall_ms();
    static int64_t next_wake, next_tend;

    lookups_tick(v, steady);
    workers_tick(v, steady);
    strangers_flush(v, wall);
    clock_tick(v, wall, steady);
    purge_tick(v, wall);
    ballast_tick(v, steady);
    if (steady >= next_tend) {
        next_tend = steady + TEND_MS;
        tend(v);
    }
    if (steady >= next_wake) {
        next_wake = steady + WAKE_MS;
        staging_wake(v);
        undo_wake(v);
    }
}

void vault_serve(struct vault *v)
{
    bool busy = false;

    while (!v->stopping && !v->disk_failed) {
        struct round r = {.count = 0};

        watch(&r, v->parent.fd, 0);
        watch(&r, committer_fd(v->committer), 0);
        watch(&r, v->admin_listen, 0);
        for (struct peer *p = v->peers; p && r.count < PEERS_MAX + 3; p = p->next) {
            watch(&r, p->channel.fd, p->id);
            if (p->outbox)
                r.fds[r.count - 1].events |= POLLOUT;
        }
        if (poll(r.fds, r.count, busy ? 0 : TICK_MS) < 0 && errno != EINTR) {
            log_errno("poll");
            return;
        }
        if (r.fds[1].revents)
            committer_collect(v->committer, v);
        serve_ready(v, &r, true);
        if (r.fds[0].revents)
            serve_parent(v);
        if (r.fds[2].revents & POLLIN)
            admin_accept(v);
        serve_ready(v, &r, false);
        busy = rosters_decide(v);
        busy |= staging_judge(v);
        tick(v);
        peers_sweep(v);
    }
}
