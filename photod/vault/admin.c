#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "keys/api_key.h"
#include "keys/note.h"
#include "lawapi/names.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/admin.h"
#include "photod/vault/audit.h"
#include "photod/vault/ballast.h"
#include "photod/vault/spool.h"
#include "photod/wire/bulk.h"

#define CTL_MAX      16
#define KEY_DAYS_MAX 366
#define DAY_MS       86400000u

/* ---- Who may ---- */

static unsigned ctl_count(const struct vault *v)
{
    unsigned n = 0;

    for (const struct peer *p = v->peers; p; p = p->next)
        n += p->channel.peer == PROCESS_CTL && !p->dropped;
    return n;
}

/*
 * With an admin_group the socket's mode and group say who may connect; without one only root and our own user
 * have any business here, whatever the mode.
 */
static bool is_admin(const struct vault *v, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
        return false;
    return peer.uid == 0 || peer.uid == geteuid() || v->config.admin_group[0];
}

void admin_accept(struct vault *v)
{
    int fd = accept4(v->admin_listen, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (!is_admin(v, fd) || ctl_count(v) >= CTL_MAX) {
        log_warning("a connection to the local socket was refused");
        (void)close(fd);
        return;
    }
    if (peer_add(v, fd, PROCESS_CTL, 0))
        log_warning("no memory for a connection to the local socket");
}

/* ---- Changes ---- */

struct admin_job {
    struct job job;
    struct asker to;
    enum msg answer;
    struct shape_key_issued issued; /* MSG_KEY_ISSUED */
};

static void admin_done(struct vault *v, struct job *j)
{
    struct admin_job *a = (struct admin_job *)j;
    struct shape_done done = {.leaf = j->outcome.first_leaf};
    enum err e = job_result(j);

    if (j->outcome.result == STORE_CONFLICT)
        answer_refused(v, a->to, PROBLEM_BUSY, "something else changed it at the same time; try again", 0);
    else if (e)
        answer_refused(v, a->to, problem_of(e), NULL, 0);
    else if (a->answer == MSG_KEY_ISSUED) {
        a->issued.leaf = done.leaf;
        answer(v, a->to, MSG_KEY_ISSUED, &a->issued, NULL, 0);
    } else
        answer(v, a->to, MSG_DONE, &done, NULL, 0);
    job_clear(j);
    explicit_bzero(a, sizeof *a);
    free(a);
}

/* Puts a principal that must not be there yet, with its leaf. */
static enum err principal_add(struct vault *v, struct admin_job *a, const unsigned char *id,
                              const struct buf *plain, struct leaf *l)
{
    CLEANUP(record) struct record old = RECORD_NONE;

    TRY(record_get(v, KIND_PRINCIPAL, SEAL_PRINCIPAL, id, NULL, &old));
    if (record_is_there(&old))
        return ERR_EXISTS;
    TRY(store_batch_new(&a->job.batch));
    TRY(record_expect(a->job.batch, KIND_PRINCIPAL, id, &old));
    TRY(record_put(v, a->job.batch, KIND_PRINCIPAL, SEAL_PRINCIPAL, id, NULL, plain));
    TRY(leaf_add(l, v, a->job.batch, NULL));
    a->job.lane = LANE_BULK;
    a->job.done = admin_done;
    return committer_submit(v->committer, &a->job);
}

static void finish(struct vault *v, struct asker to, struct admin_job *a, enum err e, const char *what)
{
    char text[200];

    if (!e)
        return;
    (void)snprintf(text, sizeof text, "%s", what);
    if (e == ERR_EXISTS)
        answer_refused(v, to, PROBLEM_BAD_PARAMETER, text, 0);
    else
        answer_refused(v, to, problem_of(e), NULL, 0);
    if (a) {
        job_clear(&a->job);
        explicit_bzero(a, sizeof *a);
    }
    free(a);
}

static struct admin_job *job_for(const struct peer *p, const struct message *m, enum msg answer_type)
{
    struct admin_job *a = calloc(1, sizeof *a);

    if (a) {
        a->to = asker_of(p, m);
        a->answer = answer_type;
    }
    return a;
}

static bool principal_is_there(struct vault *v, const char *domain, const char *name)
{
    CLEANUP(record) struct record r = RECORD_NONE;
    unsigned char id[SID_BYTES];

    keys_index(id, v->keys, domain, name, strlen(name));
    return !record_get(v, KIND_PRINCIPAL, SEAL_PRINCIPAL, id, NULL, &r) && record_is_there(&r);
}

/* A record to be filled; an error is kept until add(). */
static struct pack pack_new(struct buf **plain)
{
    enum err e = buf_new(plain, 1024);

    return (struct pack){.buf = *plain, .err = e};
}

/* Commits a filled record under its name, and answers. */
static void add(struct vault *v, struct asker to, struct admin_job *a, const unsigned char *id,
                const struct pack *p, struct leaf *l, const char *exists)
{
    enum err e = a ? pack_end(p) : ERR_NOMEM;

    if (!e)
        e = principal_add(v, a, id, p->buf, l);
    finish(v, to, a, e, exists);
}

static void refuse(struct vault *v, const struct peer *p, const struct message *m, const char *what)
{
    answer_refused(v, asker_of(p, m), PROBLEM_BAD_PARAMETER, what, 0);
}

void answer_district_add(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_district_add *ask = &m->is.district_add;
    struct shape_district_record r = {.added_ms = (uint64_t)clock_wall_ms()};
    CLEANUP(buf) struct buf *plain = NULL;
    struct pack pack = pack_new(&plain);
    unsigned char id[SID_BYTES];
    struct leaf l;

    if (!is_district(ask->district) || !ask->name[0]) {
        refuse(v, p, m, "a district is four digits (its School System code) and a name");
        return;
    }
    memcpy(r.name, ask->name, sizeof r.name);
    pack_district_record(&pack, &r);
    keys_index(id, v->keys, INDEX_DISTRICT, ask->district, strlen(ask->district));
    leaf_begin(&l, "district-add");
    leaf_text(&l, "district", ask->district);
    add(v, asker_of(p, m), job_for(p, m, MSG_DONE), id, &pack, &l, "the district is there already");
}

void answer_agency_add(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_agency_add *ask = &m->is.agency_add;
    struct shape_agency_record r = {.added_ms = (uint64_t)clock_wall_ms()};
    CLEANUP(buf) struct buf *plain = NULL;
    struct pack pack = pack_new(&plain);
    unsigned char id[SID_BYTES];
    struct leaf l;

    if (!is_ori(ask->ori) || !ask->name[0]) {
        refuse(v, p, m, "an agency is an ORI (two letters, then seven letters or digits) and a name");
        return;
    }
    memcpy(r.name, ask->name, sizeof r.name);
    pack_agency_record(&pack, &r);
    keys_index(id, v->keys, INDEX_AGENCY, ask->ori, strlen(ask->ori));
    leaf_begin(&l, "agency-add");
    leaf_text(&l, "ori", ask->ori);
    add(v, asker_of(p, m), job_for(p, m, MSG_DONE), id, &pack, &l, "the agency is there already");
}

void answer_credential_add(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_credential_add *ask = &m->is.credential_add;
    struct shape_credential_record r = {.not_after_ms = ask->not_after_ms};
    CLEANUP(buf) struct buf *plain = NULL;
    struct pack pack = pack_new(&plain);
    unsigned char id[SID_BYTES];
    struct leaf l;

    if (!is_ori(ask->ori) || !principal_is_there(v, INDEX_AGENCY, ask->ori)) {
        refuse(v, p, m, "no such agency; add it first: photoctl agency add");
        return;
    }
    memcpy(r.ori, ask->ori, sizeof r.ori);
    memcpy(r.label, ask->label, sizeof r.label);
    pack_credential_record(&pack, &r);
    keys_index(id, v->keys, INDEX_CREDENTIAL, ask->fingerprint, sizeof ask->fingerprint);
    leaf_begin(&l, "credential-add");
    leaf_text(&l, "ori", ask->ori);
    leaf_commit(&l, v, "credential", id, sizeof id);
    add(v, asker_of(p, m), job_for(p, m, MSG_DONE), id, &pack, &l, "the certificate is enrolled already");
}

void answer_key_add(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_key_add *ask = &m->is.key_add;
    struct shape_key_record r = {.district = ""};
    CLEANUP(buf) struct buf *plain = NULL;
    struct pack pack = pack_new(&plain);
    unsigned char id[SID_BYTES];
    struct admin_job *a;
    struct leaf l;

    if (!is_district(ask->district) || !principal_is_there(v, INDEX_DISTRICT, ask->district) || !ask->days ||
        ask->days > KEY_DAYS_MAX) {
        refuse(v, p, m, "a key is for a known district (photoctl district add) and 1 to 366 days");
        return;
    }
    a = job_for(p, m, MSG_KEY_ISSUED);
    if (!a) {
        answer_refused(v, asker_of(p, m), PROBLEM_BUSY, NULL, 0);
        return;
    }
    api_key_new(a->issued.key, a->issued.kid, r.hash);
    a->issued.not_after_ms = r.not_after_ms = (uint64_t)clock_wall_ms() + ask->days * (uint64_t)DAY_MS;
    memcpy(r.district, ask->district, sizeof r.district);
    memcpy(r.label, ask->label, sizeof r.label);
    pack_key_record(&pack, &r);
    keys_index(id, v->keys, INDEX_KEY, a->issued.kid, strlen(a->issued.kid));
    leaf_begin(&l, "key-add");
    leaf_text(&l, "district", ask->district);
    leaf_commit(&l, v, "credential", id, sizeof id);
    add(v, asker_of(p, m), a, id, &pack, &l, "try again");
}

/* ---- Looking ---- */

void answer_audit_key(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(buf) struct buf *text = NULL;
    struct shape_audit_key key = {.verifier = ""};
    enum err e = buf_new(&text, sizeof key.verifier - 1);

    if (!e)
        e = keys_verifier(text, v->keys);
    if (e) {
        answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
        return;
    }
    memcpy(key.verifier, buf_text(text), buf_len(text));
    answer(v, asker_of(p, m), MSG_AUDIT_KEY_IS, &key, NULL, 0);
}

static enum err make_status(struct vault *v, struct shape_status *s)
{
    struct store_head head;

    *s = (struct shape_status){.since_ms = (uint64_t)v->started_ms,
                               .uploads = spool_has_room(v),
                               .ballast = ballast_is_held(v),
                               .clock_suspect = v->clock_suspect};
    (void)snprintf(s->version, sizeof s->version, "%s", PHOTOD_VERSION);
    (void)snprintf(s->confinement, sizeof s->confinement, "%s", v->config.confinement);
    (void)snprintf(s->suite, sizeof s->suite, "%s", suite_name(envelope_suite()));
    (void)snprintf(s->origin, sizeof s->origin, "%s", keys_origin(v->keys));
    (void)snprintf(s->consent_policy, sizeof s->consent_policy, "%s", consent_policy_name(v->policy));
    TRY(store_count(v->store, KIND_STUDENT, &s->students));
    TRY(store_count(v->store, KIND_GENERATION, &s->photos));
    TRY(store_log_head(v->store, &head));
    s->leaves = head.size;
    return store_capacity(v->store, &s->volume_bytes, &s->available_bytes);
}

void answer_status(struct vault *v, struct peer *p, struct message *m)
{
    CLEANUP(buf) struct buf *rows = NULL;
    CLEANUP(fd) int fd = -1;
    struct shape_status s;
    struct pack pack;
    enum err e = make_status(v, &s);

    if (!e)
        e = buf_new(&rows, 1u << 16);
    if (!e) {
        pack = PACK(rows);
        for (unsigned i = 0; i < v->process_count; i++)
            pack_process(&pack, &v->processes[i]);
        e = pack_end(&pack);
    }
    if (!e)
        e = bulk_new(&fd, buf_bytes(rows), buf_len(rows));
    if (e)
        answer_refused(v, asker_of(p, m), problem_of(e), NULL, 0);
    else
        answer(v, asker_of(p, m), MSG_STATUS_ANSWER, &s, &fd, 1);
}
