/* One picture: out of the ZIP, through a worker, into the store. */
#include <inttypes.h>
#include <string.h>
#include "lawapi/aspect.h"
#include "lawapi/expiry.h"
#include "lawapi/rendition.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/commit.h"
#include "photod/vault/staging_state.h"
#include "photod/vault/worker.h"
#include "photod/wire/bulk.h"

#define ENTRY_MAX (20u << 20)

/* Goes on to another worker: nothing but sealed memory may pass from one to the next. */
static bool digest_entry(struct vault *v, unsigned char digest[static SUBJECT_BYTES], int fd)
{
    CLEANUP(bulk) struct bulk b = {(const unsigned char *)"", 0};

    if (bulk_map(&b, fd, ENTRY_MAX))
        return false;
    keys_index(digest, v->keys, INDEX_PICTURE, b.bytes, b.len);
    return true;
}

/* What is in the vault already needs no worker.  Failing here costs nothing: the way on judges the child
 * again. */
static bool is_stored_already(struct vault *v, struct staging *s, struct entry *e)
{
    const struct photo_batch batch = staging_batch(s);
    bool same = false;

    return !photo_judge_same(v, &batch, &e->verdict, &same) && same;
}

void staging_zip_bytes(struct vault *v, struct peer *p, struct message *m)
{
    struct staging *s = v->staging;
    uint32_t index = m->is.zip_index.index;

    worker_answered(p, STATE_ZIP);
    if (!s || s->zip_worker != p->id || index >= s->count || s->entries[index].phase != READING ||
        !digest_entry(v, s->entries[index].verdict.digest, m->fds[0])) {
        peer_distrust(v, p, "a file that was not asked for or is no sealed memory");
        return;
    }
    if (is_stored_already(v, s, &s->entries[index])) {
        s->reading = false;
        entry_verdict(v, s, index, OUTCOME_ALREADY_STORED);
    } else {
        s->entries[index].fd = message_take_fd(m, 0);
        s->entries[index].phase = READ;
    }
    staging_pump(v);
}

void staging_zip_fault(struct vault *v, struct peer *p, struct message *m)
{
    struct staging *s = v->staging;
    uint32_t index = m->is.zip_fault.index;

    worker_answered(p, STATE_ZIP);
    if (!s || s->zip_worker != p->id || index >= s->count || s->entries[index].phase != READING) {
        peer_distrust(v, p, "a verdict on a file that was not asked for");
        return;
    }
    s->reading = false;
    entry_verdict_code(v, s, index, m->is.zip_fault.code);
    staging_pump(v);
}

struct imaging *imaging_of(struct staging *s, uint64_t worker)
{
    for (unsigned i = 0; s && i < IMAGES_MAX; i++)
        if (s->imaging[i].worker == worker)
            return &s->imaging[i];
    return NULL;
}

/* A photo on its way to the disk; decided again after a conflict, so it keeps the pictures. */
struct photo_job {
    struct job job;
    uint32_t entry;
    struct verdict verdict; /* before it is decided, */
    struct verdict decided; /* and then: each try starts afresh */
    struct date taken_on;
    int pictures[RENDITION_COUNT];
    unsigned tries;
};

static void photo_job_free(struct photo_job *j)
{
    job_clear(&j->job);
    for (unsigned i = 0; i < RENDITION_COUNT; i++)
        if (j->pictures[i] >= 0)
            (void)close(j->pictures[i]);
    free(j);
}

static enum err photo_submit(struct vault *v, struct photo_job *j)
{
    const struct photo_batch batch = staging_batch(v->staging);

    job_clear(&j->job);
    TRY(store_batch_new(&j->job.batch));
    j->decided = j->verdict;
    TRY(photo_decide(v, j->job.batch, &batch, &j->decided, j->taken_on, j->pictures));
    return committer_submit(v->committer, &j->job);
}

/* What the machine refuses now is tried again; what is wrong with the child's own records costs that one
 * photo. */
static void photo_failed(struct vault *v, struct staging *s, uint32_t index, enum err e)
{
    log_error("a photo could not be stored: %s", err_name(e));
    if (e == ERR_CORRUPT || e == ERR_DENIED) {
        entry_verdict(v, s, index, OUTCOME_RECORD_DAMAGED);
        return;
    }
    entry_to_read(s, index);
    s->broken = true;
}

static void photo_done(struct vault *v, struct job *job)
{
    struct photo_job *j = (struct photo_job *)job;
    struct staging *s = v->staging;
    enum err e = job_result(job);

    if (job->outcome.result == STORE_CONFLICT && ++j->tries < VAULT_TRIES) {
        e = photo_submit(v, j);
        if (!e)
            return;
    }
    s->photos--;
    if (!e) {
        entry_rowed(s, j->entry, &j->decided);
    } else {
        photo_failed(v, s, j->entry, e);
    }
    photo_job_free(j);
    staging_pump(v);
}

/* What the picture itself says. */
static void look(struct photo_job *j, const struct shape_image_done *d, struct date declared)
{
    char date[DATE_TEXT];

    j->verdict.looked = true;
    memcpy(j->verdict.phash, d->phash, sizeof j->verdict.phash);
    j->taken_on = photo_taken_on(declared, d->exif_date, law_today(clock_wall_ms()));
    if (date_compare(j->taken_on, declared) != 0) {
        date_format(date, j->taken_on);
        verdict_note(&j->verdict, "Taken %s by the picture itself.", date);
    }
    if (photo_aspect_is_odd(d->width, d->height))
        verdict_note(&j->verdict, "%" PRIu32 " x %" PRIu32 " is not the shape of a portrait: look at it.",
                     d->width, d->height);
}

void staging_image_done(struct vault *v, struct peer *p, struct message *m)
{
    const struct shape_image_done *d = &m->is.image_done;
    struct staging *s = v->staging;
    struct imaging *im = imaging_of(s, p->id);
    struct photo_job *j;
    enum err e = ERR_NOMEM;

    worker_answered(p, STATE_IDLE);
    if (!im) {
        staging_pump(v);
        return;
    }
    im->worker = 0;
    if (d->flat) {
        entry_verdict(v, s, im->entry, OUTCOME_PLACEHOLDER);
        staging_pump(v);
        return;
    }
    j = calloc(1, sizeof *j);
    if (j) {
        j->entry = im->entry;
        j->verdict = s->entries[im->entry].verdict;
        look(j, d, s->record.taken_on);
        for (unsigned i = 0; i < RENDITION_COUNT; i++)
            j->pictures[i] = message_take_fd(m, i);
        j->job.lane = LANE_BULK;
        j->job.done = photo_done;
        s->entries[im->entry].phase = STORING;
        e = photo_submit(v, j);
    }
    if (!e) {
        s->photos++;
    } else if (e == ERR_MALFORMED || e == ERR_LIMIT) {
        entry_verdict(v, s, im->entry, OUTCOME_UNREADABLE);
        peer_distrust(v, p, "pictures that are no renditions");
    } else {
        photo_failed(v, s, im->entry, e);
    }
    if (e && j)
        photo_job_free(j);
    staging_pump(v);
}

void staging_image_fault(struct vault *v, struct peer *p, struct message *m)
{
    struct staging *s = v->staging;
    struct imaging *im = imaging_of(s, p->id);

    worker_answered(p, STATE_IDLE);
    if (im) {
        im->worker = 0;
        entry_verdict_code(v, s, im->entry, m->is.fault.code);
    }
    staging_pump(v);
}

static void send_image(struct vault *v, struct staging *s, struct peer *worker, uint32_t index)
{
    const struct rendition_shape *full = rendition_shape(RENDITION_FULL),
                                 *standard = rendition_shape(RENDITION_STANDARD),
                                 *mobile = rendition_shape(RENDITION_MOBILE);
    struct shape_image ask = {
        full->width,         full->height,  full->max_bytes, standard->width,   standard->height,
        standard->max_bytes, mobile->width, mobile->height,  mobile->max_bytes, 0};
    CLEANUP(fd) int fd = TAKE_FD(s->entries[index].fd);
    struct imaging *im = imaging_of(s, 0);

    *im = (struct imaging){worker->id, index};
    s->entries[index].phase = IMAGING;
    s->reading = false;
    (void)worker_ask(v, worker, STATE_IMAGE, MSG_IMAGE, &ask, &fd, 1);
}

void imaging_dispatch(struct vault *v, struct staging *s)
{
    struct peer *p = worker_idle(v);

    if (!p || s->photos >= PHOTOS_AT_ONCE || !imaging_of(s, 0))
        return;
    if (s->entries[s->in_hand].phase == READ)
        send_image(v, s, p, s->in_hand);
}
